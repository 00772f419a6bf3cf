"""Stacks of a sweep on Dask workers: processes of this machine, jobs of a batch system, or a running Dask cluster.

Everything that makes it hold is Dask's own: futures, retries, transfers, the dashboard. Here stands only what is
asked of it. Dask's scheduler and workers talk to each other in pickles, so whoever reaches the scheduler's port
can run code as you. Workers of this machine are therefore bound to 127.0.0.1; jobs talk in TLS, with certificates
made for this one command; a scheduler that others started should be reached by ``tls://``. No file is ever
unpickled: workers are told to keep nothing on disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ltr.errors import ClusterError, SettingsError, nearest
from ltr.recording import Recording
from ltr.sweep.batch_systems import BATCH_SYSTEMS, OWN_ADDRESS, SILENT, WORKER_CONFIGURATION, batch_cluster
from ltr.sweep.cluster_settings import ClusterSettings, read_cluster_settings
from ltr.sweep.engines import Item, Result, Stack
from ltr.sweep.work import Outcome, Report, failed, run_fits

LOCAL = "local"
REPORT_S = 1.0  # seconds between two words of a stack on its progress
CLOSE_S = 1.0  # seconds that busy workers have to end by themselves
CONFIGURATION: dict[str, Any] = WORKER_CONFIGURATION | {
    # a stack that kills its worker twice is not tried again
    "distributed.scheduler.allowed-failures": 1,
    # no stack waits on a busy worker, for it would be blamed, too, when that worker dies
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.work-stealing": False,  # so there is nothing to steal
    "distributed.scheduler.active-memory-manager.start": False,  # it would take the recording from idle workers
    # a worker that dies again while it is being replaced is not lost: it is the same stack, and will be left out
    "distributed.deploy.lost-worker-timeout": "1000 days",
    "distributed.admin.large-graph-warning-threshold": "1TiB",  # the scheduler holds the recording on purpose
}

# a job that is gone is asked for again, but its workers have time to come back by themselves
BATCH_CONFIGURATION: dict[str, Any] = {"distributed.deploy.lost-worker-timeout": "2 minutes"}


def make_engine(where: str | None, *, workers: int | None = None, config: Path | None = None) -> Dask:
    """The engine that ``ltr cv --cluster WHERE --jobs N --cluster-config FILE`` asks for.

    Args:
        where: as --cluster; None for processes of this machine without a dashboard.
        workers: as --jobs.
        config: as --cluster-config.

    Raises:
        SettingsError: an unknown place, or one that does not go with the other two.
    """
    is_batch = where in BATCH_SYSTEMS
    if config is not None and not is_batch:
        raise SettingsError(
            f"--cluster {where} asks no batch system for jobs, so there is nothing to configure.",
            allowed="--cluster-config with --cluster slurm, pbs, lsf or sge",
            fix="leave out --cluster-config",
        )
    if workers is not None and where not in (None, LOCAL):
        raise SettingsError(
            f"--jobs counts processes of this machine, not the workers of {where}.",
            allowed="--jobs with --cluster local, or without --cluster",
            fix="write 'jobs: N' into the file of --cluster-config" if is_batch else "leave out --jobs",
        )
    settings = read_cluster_settings(config) if config is not None else None
    return Dask(where or LOCAL, workers=workers, dashboard=where is not None, settings=settings)


class Dask(AbstractContextManager["Dask"]):
    """Computes on Dask workers, one stack a worker at a time; an :class:`ltr.sweep.engines.Engine`.

    A worker that dies is replaced, and its stack computed again. A stack that kills its worker twice is
    taken apart; a fit that does so alone has failed, the others come through.

    Args:
        where: ``local`` for processes of this machine; ``slurm``, ``pbs``, ``lsf`` or ``sge`` for jobs;
            ``tcp://HOST:PORT`` or ``tls://HOST:PORT`` for a scheduler that is running (certificates are taken
            from Dask's own configuration).
        workers: processes, where local. Default: one a core.
        dashboard: serve Dask's dashboard, on 127.0.0.1 (needs bokeh).
        settings: of jobs.

    Attributes:
        where: as given.
        dashboard: address of the dashboard while workers are there; None without one.
        work: what is done with a stack.

    Raises:
        SettingsError: an unknown place, or a batch system that is not on this machine.
        ClusterError: no scheduler answers, or jobs are refused.

    Processes of this machine import the main module again, so a script guards what it does by
    ``if __name__ == "__main__":``.

    Example:
        >>> Dask("local", workers=4).workers
        4
    """

    def __init__(
        self,
        where: str = LOCAL,
        *,
        workers: int | None = None,
        dashboard: bool = False,
        settings: ClusterSettings | None = None,
    ) -> None:
        if where != LOCAL and where not in BATCH_SYSTEMS and not where.startswith(("tcp://", "tls://")):
            raise SettingsError(
                f"'{where}' is no place to compute.",
                allowed="local, tcp://HOST:PORT, tls://HOST:PORT, slurm, pbs, lsf, sge",
                fix=nearest(where, (LOCAL, *BATCH_SYSTEMS)) or "leave out --cluster to compute on this machine",
            )
        self.where = where
        self.dashboard: str | None = None
        self.work: Callable[..., list[Outcome]] = run_fits
        self._settings = settings or ClusterSettings()
        self._processes = workers or os.cpu_count() or 1
        # without bokeh, Dask would serve a page that asks for it
        self._with_dashboard = dashboard and find_spec("bokeh") is not None
        self._open = ExitStack()
        self._cluster: Any = None
        self._client: Any = None
        self._held: tuple[Recording, Any] | None = None

    @property
    def workers(self) -> int:
        """How many stacks are computed at once, with all workers there."""
        if self.where == LOCAL:
            return self._processes
        if self.where in BATCH_SYSTEMS:
            return self._settings.jobs * self._settings.workers_per_job
        return max(1, sum(self._client.nthreads().values()) if self._client is not None else 0)

    def __enter__(self) -> Dask:
        """Start workers, or reach those that are there."""
        import dask
        from distributed import Client

        with ExitStack() as opening:
            opening.enter_context(_silence())
            batch = BATCH_CONFIGURATION if self.where in BATCH_SYSTEMS else {}
            opening.enter_context(dask.config.set(CONFIGURATION | batch))
            try:
                self._cluster = self._start(opening)
                if self._cluster is not None:
                    opening.callback(self._cluster.close)
                address = self.where if self._cluster is None else self._cluster
                self._client = opening.enter_context(Client(address, set_as_default=False))
                if self._cluster is not None:
                    _scale(self._cluster, self.workers)
                if self.where in BATCH_SYSTEMS:
                    jobs = self._settings.jobs
                    self._cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
            except (OSError, ValueError, RuntimeError) as error:  # Dask's timeout is an OSError
                raise _not_started(self.where, error) from error
            self.dashboard = self._dashboard_link()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop workers that were started here; after an error, without waiting for what they do."""
        self._held = None
        try:
            if error[0] is not None and self.where == LOCAL:
                self._cluster.sync(_kill, list(self._cluster.workers.values()))
        finally:
            self._open.close()
            self._cluster = self._client = self.dashboard = None

    def run(
        self, recording: Recording, stacks: Sequence[Stack], *, ranks: Sequence[int], report: Report
    ) -> Generator[list[Outcome]]:
        """See :class:`ltr.sweep.engines.Engine`.

        Raises:
            ClusterError: the scheduler is gone.
        """
        from distributed import as_completed

        with self._told(report) as topic:
            running = self._submit(recording, stacks, ranks, topic)
            try:
                finished = as_completed(running, loop=self._client.loop)
                for future in finished:
                    stack = running.pop(future)
                    outcomes = _outcomes(future, stack)
                    if outcomes is None:  # alone, all but one come through
                        alone = self._submit(recording, [[fit] for fit in stack], ranks, topic)
                        running |= alone
                        finished.update(alone)
                    else:
                        yield outcomes
            finally:
                if running and self._client.status == "running":
                    self._client.cancel(list(running))

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[tuple[Item, Result | Exception]]:
        """See :class:`ltr.sweep.engines.Engine`.

        Raises:
            ClusterError: the scheduler is gone.
        """
        from distributed import as_completed

        given = self._client.map(_with_threads, items, work=work, threads=self._threads, pure=False)
        running = dict(zip(given, items, strict=True))
        try:
            for future in as_completed(given, loop=self._client.loop):
                yield running.pop(future), _result(future)
        finally:
            if running and self._client.status == "running":
                self._client.cancel(list(running))

    @property
    def _threads(self) -> int:
        """Of torch, in each worker."""
        return self._settings.cores // self._settings.workers_per_job if self.where in BATCH_SYSTEMS else 1

    def _start(self, opening: ExitStack) -> Any:
        """The cluster, if one is to be started."""
        if self.where == LOCAL:
            from distributed import LocalCluster
            from distributed.system import MEMORY_LIMIT

            cluster = LocalCluster(
                n_workers=0,  # the rest is started once somebody can stop it
                memory_limit=MEMORY_LIMIT // self._processes,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=OWN_ADDRESS,
                scheduler_kwargs={"dashboard": self._with_dashboard},
                silence_logs=SILENT,
            )
            cluster.sync(_ignore_ctrl_c)
            return cluster
        if self.where in BATCH_SYSTEMS:
            logs = Path(self._settings.log_folder or ".").absolute()  # on disks that all machines see
            logs.mkdir(parents=True, exist_ok=True)
            keys = Path(opening.enter_context(TemporaryDirectory(dir=logs, prefix=".ltr-cv-")))
            return batch_cluster(self.where, self._settings, dashboard=self._with_dashboard, keys=keys)
        return None

    def _dashboard_link(self) -> str | None:
        if self._cluster is None:
            return self._client.dashboard_link or None
        if not self._with_dashboard:
            return None
        return f"http://127.0.0.1:{self._cluster.scheduler_info['services']['dashboard']}/status"

    def _submit(
        self, recording: Recording, stacks: Sequence[Stack], ranks: Sequence[int], topic: str
    ) -> dict[Any, Stack]:
        """Futures of stacks."""
        from dask._task_spec import Task, TaskRef

        held = self._hold(recording)
        tasks = {}
        for stack in stacks:
            key = f"stack-{uuid.uuid4().hex}"
            options = {"work": self.work, "ranks": tuple(ranks), "threads": self._threads, "topic": topic}
            # as a producer of data, it waits at the scheduler until a worker is free
            tasks[key] = Task(key, _compute, TaskRef(held.key), tuple(stack), _data_producer=True, **options)
        futures = self._client.get(tasks, list(tasks), sync=False)
        return dict(zip(futures, stacks, strict=True))

    def _hold(self, recording: Recording) -> Any:
        """The recording as the result of a task: workers pass it on, and if all that had it die, Dask has it still."""
        if self._held is None or self._held[0] is not recording:
            future = self._client.submit(_itself, recording, key=f"recording-{uuid.uuid4().hex}")
            self._held = (recording, future)
        return self._held[1]

    @contextmanager
    def _told(self, report: Report) -> Iterator[str]:
        """A topic of Dask's events; what workers tell it is reported."""
        topic = f"ltr-{uuid.uuid4().hex}"

        def listen(event: tuple[float, dict[str, Any]]) -> None:
            for fit, share in event[1]["shares"].items():
                report(fit, share)

        self._client.subscribe_topic(topic, listen)
        try:
            yield topic
        finally:
            if self._client.status == "running":
                self._client.unsubscribe_topic(topic)


async def _ignore_ctrl_c() -> None:
    """A terminal sends Ctrl-C to all processes; this one stops its workers, which inherit what its thread ignores."""
    from multiprocessing import resource_tracker

    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # when it starts, Python listens to Ctrl-C again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _itself(recording: Recording) -> Recording:
    return recording


def _compute(
    recording: Recording,
    stack: Stack,
    *,
    work: Callable[..., list[Outcome]],
    ranks: Sequence[int],
    threads: int,
    topic: str,
) -> list[Outcome]:
    """In a worker: one stack."""
    torch.set_num_threads(threads)
    return work(recording, stack, ranks=ranks, report=_Progress(topic))


class _Progress:
    """Tells the topic how far fits are, now and then."""

    def __init__(self, topic: str) -> None:
        from distributed import get_worker

        self._worker, self._topic = get_worker(), topic
        self._shares: dict[str, float] = {}
        self._last = time.monotonic()

    def __call__(self, fit: str, share: float) -> None:
        self._shares[fit] = share
        now = time.monotonic()
        if now - self._last >= REPORT_S:
            self._worker.log_event(self._topic, {"shares": self._shares})
            self._shares, self._last = {}, now


def _with_threads(item: Item, *, work: Callable[[Item], Result], threads: int) -> Result:
    """In a worker: one item."""
    torch.set_num_threads(threads)
    return work(item)


def _result(future: Any) -> Any:
    """What came of a task, or the error that it ended in.

    Raises:
        ClusterError: the scheduler is gone.
    """
    from distributed import KilledWorker

    try:
        return future.result()
    except Exception as error:  # the work's own, of whatever kind, or Dask's
        if future.status != "error":
            raise ClusterError(
                f"the scheduler, or the connection to it, is lost ({type(error).__name__}).",
                fix="what is done is kept: continue with --resume once the cluster is there again",
            ) from error
        if isinstance(error, KilledWorker):
            times = "twice" if error.allowed_failures == 1 else f"{error.allowed_failures + 1} times"
            return WorkerKilled(f"it killed its worker {times} (out of memory?)")
        return error


class WorkerKilled(ClusterError):
    """Work that ends the process that does it."""


def _outcomes(future: Any, stack: Stack) -> list[Outcome] | None:
    """What came of a stack; None if it killed its workers and is to be taken apart."""
    made = _result(future)
    if not isinstance(made, Exception):
        return made
    if isinstance(made, WorkerKilled) and len(stack) > 1:
        return None
    return [failed(fit, made) for fit in stack]


def _scale(cluster: Any, workers: int) -> None:
    """Ask for workers, and see whether they are refused."""
    from distributed import Status

    async def ask() -> None:
        cluster.scale(workers)
        # Ctrl-C must not make Dask forget workers that are starting: it could not stop them
        await asyncio.shield(cluster._correct_state())

    try:
        cluster.sync(ask)
    finally:
        for job in cluster.workers.values():
            if job.status == Status.created:  # Dask stops only what has begun or failed
                job.status = Status.failed


def _not_started(where: str, error: Exception) -> ClusterError:
    text = " ".join(str(error).split())
    if where.startswith(("tcp://", "tls://")):
        return ClusterError(
            f"no scheduler answers at {where}: {text}",
            allowed="the address that 'dask scheduler' prints",
            fix="start it, or check host, port and certificates",
        )
    return ClusterError(f"workers could not be started ({where}): {text}", fix="check --cluster-config and --jobs")


async def _kill(nannies: Sequence[Any]) -> None:
    """End worker processes without waiting for what they compute."""
    await asyncio.gather(*(nanny.close(timeout=CLOSE_S) for nanny in nannies), return_exceptions=True)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask's words on workers that come and go from the terminal; what matters is raised."""
    from distributed.utils import silence_logging_cmgr

    loop = logging.getLogger("tornado.application")
    level = loop.level
    loop.setLevel(SILENT)
    try:
        with silence_logging_cmgr(SILENT):
            yield
    finally:
        loop.setLevel(level)
