"""Sweeps on Dask: worker processes that are killed, batch systems by their job scripts, and by one in disguise."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ltr.errors import ClusterError, SettingsError
from ltr.recording import Recording
from ltr.sweep.batch_systems import job_options
from ltr.sweep.cluster import Dask, make_engine
from ltr.sweep.cluster_settings import ClusterSettings, parse_cluster_settings, read_cluster_settings
from ltr.sweep.engines import Engine, Serial
from ltr.sweep.plan import Axis, PlannedFit, Sweep, stacks
from ltr.sweep.work import Outcome, Report, run_fits
from tests.problems import small_fit_settings, small_recording

KILLER = (1, 1)  # fold and seed of the fits that kill their worker
SWEEP = Sweep(
    small_fit_settings(units=8, iterations=20, test_fraction=0.3),
    (Axis("rank", (1, 2)),),
    folds=2,
    seeds=2,
    baselines=(),
)
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return small_recording()


@pytest.fixture(scope="module")
def made() -> list[tuple[PlannedFit, ...]]:
    """Four stacks of two fits: one fold and seed each."""
    return stacks(SWEEP.fits(), 2)


@pytest.fixture(scope="module")
def expected(recording: Recording, made: Sequence[tuple[PlannedFit, ...]]) -> Rows:
    return rows_of(Serial(), recording, made)


@pytest.fixture(scope="module")
def opened() -> Iterator[Dask]:
    with Dask(workers=2) as engine:
        yield engine


@pytest.fixture
def engine(opened: Dask) -> Iterator[Dask]:
    yield opened
    opened.work = run_fits


def rows_of(engine: Engine, recording: Recording, made: Sequence[Sequence[PlannedFit]]) -> Rows:
    """Rows by fit, without the time they took."""
    found = [outcome for part in engine.run(recording, made, ranks=(1, 2), report=ignore) for outcome in part]
    assert len({outcome.fit for outcome in found}) == len(found)
    return {outcome.fit: {name: value for name, value in outcome.row.items() if name != "seconds"} for outcome in found}


def ignore(fit: str, share: float) -> None:
    pass


def is_killer(fits: Sequence[PlannedFit]) -> bool:
    return any((fit.fold, fit.seed) == KILLER for fit in fits)


def killing(recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report) -> list[Outcome]:
    if is_killer(fits) and fits[-1].values["rank"] == 2:
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return run_fits(recording, fits, ranks=ranks, report=report)


def killing_both(
    recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report
) -> list[Outcome]:
    if is_killer(fits):
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return run_fits(recording, fits, ranks=ranks, report=report)


def killed_once(
    recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report, mark: Path
) -> list[Outcome]:
    """The worker dies in the middle of its first fit."""

    def listen(fit: str, share: float) -> None:
        if share >= 0.5 and is_killer(fits) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return run_fits(recording, fits, ranks=ranks, report=listen)


def raising(recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report) -> list[Outcome]:
    if is_killer(fits):
        raise OSError("no space left\non device")
    return run_fits(recording, fits, ranks=ranks, report=report)


def telling(recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report) -> list[Outcome]:
    for share in (0.1, 0.2, 0.3, 0.4):
        time.sleep(0.4)
        report(fits[0].id, share)
    return []


def test_same_as_in_this_process_and_the_recording_goes_to_each_worker_once(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows
) -> None:
    alone = [[fit] for stack in made for fit in stack]
    first = rows_of(engine, recording, made)
    assert first == expected
    again = rows_of(engine, recording, alone)
    assert set(again) == set(expected)
    logs = engine._client.run(lambda dask_worker: [list(each["keys"]) for each in dask_worker.transfer_incoming_log])
    holders = engine._client.run(lambda dask_worker: [key for key in dask_worker.data if key.startswith("recording")])
    # one worker made it of what the scheduler sent, the other had it of that one, and both keep it
    received = [key for log in logs.values() for keys in log for key in keys]
    assert len(received) == 1
    assert received[0].startswith("recording")
    assert [len(held) for held in holders.values()] == [1, 1]


def test_worker_killed_in_a_fit_changes_nothing(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows, tmp_path: Path
) -> None:
    engine.work = partial(killed_once, mark=tmp_path / "killed")
    assert rows_of(engine, recording, made) == expected
    assert (tmp_path / "killed").exists()


def test_recording_survives_the_death_of_all_workers(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows
) -> None:
    rows_of(engine, recording, made[:1])
    for pid in engine._client.run(os.getpid).values():
        os.kill(pid, signal.SIGKILL)
    assert rows_of(engine, recording, made) == expected


def test_fit_that_kills_its_worker_is_left_out_and_the_others_come_through(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows
) -> None:
    engine.work = killing
    found = rows_of(engine, recording, made)
    lost = "ltr_rank-2_fold-1_seed-1"
    assert found.pop(lost) == {
        "id": lost,
        "model": "ltr",
        "rank": 2,
        "fold": 1,
        "seed": 1,
        "status": "failed",
        "error": "it killed its worker twice (out of memory?)",
    }
    others = {name: row for name, row in expected.items() if name != lost}
    beside = "ltr_rank-1_fold-1_seed-1"  # was computed alone, so its numbers are rounded otherwise
    assert found.pop(beside)["score"] == pytest.approx(others.pop(beside)["score"], abs=1e-3)
    assert found == others


def test_fits_that_wait_for_a_dying_worker_are_not_blamed(engine: Dask, recording: Recording) -> None:
    engine.work = killing_both
    # both workers begin with one that kills them; of so few, Dask by itself would have the others wait on the workers
    fits = sorted(SWEEP.fits(), key=lambda fit: ((fit.fold, fit.seed) != KILLER, fit.id))[:4]
    found = rows_of(engine, recording, [[fit] for fit in fits])
    assert [found[fit.id]["status"] for fit in fits] == ["failed", "failed", "done", "done"]


def test_error_of_a_task_is_told_in_its_rows(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows
) -> None:
    engine.work = raising
    found = rows_of(engine, recording, made)
    bad = {name: row for name, row in found.items() if row["status"] == "failed"}
    assert sorted(bad) == ["ltr_rank-1_fold-1_seed-1", "ltr_rank-2_fold-1_seed-1"]
    assert {row["error"] for row in bad.values()} == {"OSError: no space left on device"}
    assert {name: row for name, row in found.items() if name not in bad} == {
        name: row for name, row in expected.items() if name not in bad
    }


def test_progress_is_told_about_once_a_second(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]]
) -> None:
    engine.work = telling
    told: list[tuple[str, float]] = []
    list(engine.run(recording, made[:1], ranks=(), report=lambda *each: told.append(each)))
    # at 0.4, 0.8, 1.2 and 1.6 s: the third is the first after a second
    assert told == [(made[0][0].id, 0.3)]


def root_or_death(number: int) -> float:
    """The square root; 13 ends the process, and negative numbers have none."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return math.sqrt(number)


def test_work_of_any_kind_is_mapped_and_its_errors_are_results(engine: Dask) -> None:
    made = dict(engine.map(root_or_death, [4, -1, 13, 9]))
    assert (made[4], made[9]) == (2.0, 3.0)
    assert isinstance(made[-1], ValueError)
    assert isinstance(made[13], ClusterError)
    assert "killed its worker twice" in str(made[13])
    serial = dict(Serial().map(root_or_death, [4, -1]))
    assert serial[4] == 2.0
    assert isinstance(serial[-1], ValueError)


def test_results_not_wanted_are_cancelled(
    engine: Dask, recording: Recording, made: list[tuple[PlannedFit, ...]]
) -> None:
    before = set(engine._cluster.scheduler.tasks)
    coming = engine.run(recording, made * 5, ranks=(), report=ignore)
    next(coming)
    del coming
    for _ in range(50):  # the one that is computed is forgotten when it is finished
        left = [key for key in set(engine._cluster.scheduler.tasks) - before if key.startswith("stack")]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


@pytest.mark.filterwarnings("ignore:Sending large graph")
def test_scheduler_that_was_running(recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows) -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Dask(cluster.scheduler_address) as engine,
    ):
        assert engine.workers == 1
        assert engine.dashboard == cluster.dashboard_link
        assert rows_of(engine, recording, made) == expected


def test_scheduler_that_is_lost(recording: Recording, made: list[tuple[PlannedFit, ...]], tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen([*command, "--no-dashboard", "--scheduler-file", str(file)], stderr=subprocess.DEVNULL)
    try:
        with Dask(_address(file)) as engine:
            assert engine.workers == 1  # nobody yet: stacks wait
            threading.Timer(1, process.kill).start()
            with pytest.raises(ClusterError, match="lost") as caught:
                rows_of(engine, recording, made)
    finally:
        process.kill()
        process.wait()
    assert "continue with --resume" in str(caught.value)


def _address(file: Path) -> str:
    import json

    for _ in range(200):
        if file.is_file():
            return json.loads(file.read_text())["address"]
        time.sleep(0.1)
    raise AssertionError("the scheduler did not start")


def test_no_scheduler_there() -> None:
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}),
        pytest.raises(ClusterError, match="no scheduler answers"),
        Dask("tcp://127.0.0.1:9"),
    ):
        pass


SCRIPT = """
import signal
import sys
from tests.ltr.sweep.test_cluster import made_of, sleeping
from ltr.sweep.cluster import Dask
from tests.problems import small_recording
import os

if __name__ == "__main__":
    # a shell starts what runs in the background with Ctrl-C ignored, and children inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Dask(workers=2) as engine:
        print(*engine._client.run(os.getpid).values(), flush=True)
        engine.work = sleeping
        list(engine.run(small_recording(), made_of(), ranks=(), report=lambda *each: None))
"""


def sleeping(
    recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report
) -> list[Outcome]:
    time.sleep(60)
    return []


def made_of() -> list[tuple[PlannedFit, ...]]:
    return stacks(SWEEP.fits(), 2)


def test_ctrl_c_of_a_terminal_leaves_no_process_and_no_words_of_dask(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        time.sleep(1)  # stacks are on their way
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
        began = time.monotonic()
        _, errors = process.communicate(timeout=50)
    assert time.monotonic() - began < 30  # a stack takes 60
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert errors.count("Traceback") == 1  # of this process, where ltr cv prints its own words instead
    assert errors.rstrip().endswith("KeyboardInterrupt")


FULL = ClusterSettings(
    jobs=3,
    cores=4,
    memory="8GB",
    processes=2,
    walltime="02:30:00",
    queue="long",
    account="lab",
    directives=("--constraint=a100",),
    prologue=("module load python",),
    python="/opt/python",
    log_folder=None,
)


@pytest.mark.parametrize(
    ("where", "lines"),
    [
        (
            "slurm",
            [
                "#SBATCH -p long",
                "#SBATCH -A lab",
                "#SBATCH --cpus-per-task=4",
                "#SBATCH --mem=8G",
                "#SBATCH -t 02:30:00",
                "#SBATCH --constraint=a100",
            ],
        ),
        (
            "pbs",
            [
                "#PBS -q long",
                "#PBS -A lab",
                "#PBS -l select=1:ncpus=4:mem=7630MB",
                "#PBS -l walltime=02:30:00",
                "#PBS --constraint=a100",
            ],
        ),
        ("lsf", ["#BSUB -q long", '#BSUB -P "lab"', "#BSUB -n 4", "#BSUB -W 02:30", "#BSUB --constraint=a100"]),
        ("sge", ["#$ -q long", "#$ -P lab", "#$ -l h_rt=02:30:00", "#$ --constraint=a100"]),
    ],
)
def test_job_scripts(where: str, lines: list[str], tmp_path: Path) -> None:
    script = _script(where, FULL)
    for line in lines:
        assert line in script.splitlines()
    assert "module load python" in script.splitlines()
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False" in script.splitlines()
    command = script.rstrip().splitlines()[-1].split()
    assert command[:3] == ["/opt/python", "-m", "distributed.cli.dask_worker"]
    assert command[command.index("--nworkers") + 1] == "2"
    # the last counts
    assert command[len(command) - command[::-1].index("--nthreads")] == "1"


def _script(where: str, settings: ClusterSettings) -> str:
    import dask_jobqueue

    from ltr.sweep.batch_systems import BATCH_SYSTEMS

    job = getattr(dask_jobqueue, BATCH_SYSTEMS[where]).job_cls
    return job("tcp://127.0.0.1:1", name="worker", **job_options(where, settings)).job_script()


def test_gpus() -> None:
    settings = ClusterSettings(cores=4, gpus=1)
    assert settings.workers_per_job == 1
    assert "#SBATCH --gres=gpu:1" in _script("slurm", settings).splitlines()
    with pytest.raises(SettingsError, match="GPU differs"):
        job_options("pbs", settings)


@pytest.fixture
def slurm_in_disguise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands that run jobs as processes of this machine; the folder holds their scripts and their numbers."""
    programs = {
        "sbatch": 'cp "$1" {0}/job.sh; setsid bash {0}/job.sh >{0}/log 2>&1 & echo $! >>{0}/jobs; echo "job $!"',
        "scancel": 'echo "$1" >>{0}/cancelled; kill -9 -- "-$1"',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text.format(tmp_path)}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    root = str(Path(__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_jobs_from_submission_to_the_end(
    slurm_in_disguise: Path, recording: Recording, made: list[tuple[PlannedFit, ...]], expected: Rows
) -> None:
    pytest.importorskip("cryptography")
    settings = ClusterSettings(cores=1, memory="4GB", interface="lo", log_folder=str(slurm_in_disguise / "logs"))
    with Dask("slurm", settings=settings, dashboard=True) as engine:
        assert engine.workers == 1
        assert engine._cluster.scheduler_address.startswith("tls://")
        assert engine.dashboard is not None
        assert engine.dashboard.startswith("http://127.0.0.1:")
        assert rows_of(engine, recording, made) == expected
    jobs = (slurm_in_disguise / "jobs").read_text().split()
    assert (slurm_in_disguise / "cancelled").read_text().split() == jobs
    assert len(jobs) == 1
    assert not list((slurm_in_disguise / "logs").glob(".ltr-cv-*"))


def test_job_that_is_refused(slurm_in_disguise: Path) -> None:
    pytest.importorskip("cryptography")
    (slurm_in_disguise / "sbatch").write_text("#!/bin/bash\necho invalid partition >&2; exit 1\n")
    settings = ClusterSettings(log_folder=str(slurm_in_disguise))
    with pytest.raises(ClusterError, match="invalid partition"), Dask("slurm", settings=settings):
        pass


def test_no_batch_system_here() -> None:
    with pytest.raises(SettingsError, match="there is no qsub on this machine"), Dask("pbs"):
        pass


def test_settings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text("{jobs: 10, cores: 4, memory: 8GB, walltime: '02:00:00', gpus: 1}")
    read = read_cluster_settings(path)
    assert (read.jobs, read.cores, read.walltime, read.gpus, read.workers_per_job) == (10, 4, "02:00:00", 1, 1)
    path.write_text("")
    assert read_cluster_settings(path) == ClusterSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job: 3", "unknown key, 'job'.\n(.*\n)*.*did you mean 'jobs'"),
        ("jobs: 0", "jobs = 0 cannot be used"),
        ("memory: much", "memory = 'much' cannot be used"),
        # YAML reads this as a number of seconds
        ("walltime: 12:00:00", "walltime = 43200 cannot be used.\n(.*\n)*.*in quotes"),
        ("{cores: 2, processes: 3}", "3 processes need as many cores, there are 2"),
        ("- 1", "holds a list, not settings"),
        ("a: [", "it is not YAML"),
        ("!!python/object/apply:os.getcwd []", "it is not YAML"),
    ],
)
def test_settings_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        read_cluster_settings(path)
    assert str(path) in str(caught.value)


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_cluster_settings(tmp_path / "slurm.yaml")


def test_engines_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text("{jobs: 3, cores: 2}")
    assert make_engine(None, workers=3).workers == 3
    assert make_engine("local").where == "local"
    assert make_engine("slurm", config=path).workers == 6
    assert isinstance(make_engine("tls://node:8786"), Engine)
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("slrum", {}, "'slrum' is no place to compute.\n(.*\n)*.*did you mean 'slurm'"),
        ("local", {"config": path}, "nothing to configure"),
        ("slurm", {"workers": 2}, "--jobs counts processes of this machine(.*\n)*.*jobs: N"),
        ("tcp://node:1", {"workers": 2}, "leave out --jobs"),
    ]
    for where, options, message in refused:
        with pytest.raises(SettingsError, match=message):
            make_engine(where, **options)


def test_settings_are_frozen_and_named_in_errors() -> None:
    with pytest.raises(SettingsError, match="cores = 'two' cannot be used"):
        parse_cluster_settings({"cores": "two"})


def test_dask_is_loaded_only_when_workers_start() -> None:
    code = "import sys, ltr.sweep.cluster; print([name for name in ('distributed', 'dask') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
