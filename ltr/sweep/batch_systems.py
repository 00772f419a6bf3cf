"""Dask workers as jobs of a batch system: its name, what a job asks for, and how scheduler and jobs know each other."""

from __future__ import annotations

import logging
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ltr.errors import SettingsError
from ltr.sweep.cluster_settings import ClusterSettings

BATCH_SYSTEMS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
OWN_ADDRESS = "127.0.0.1:0"
SILENT = logging.CRITICAL + 1
WORKER_CONFIGURATION: dict[str, Any] = {
    # one stack a worker: pausing it, or writing the recording to disk, would help nobody
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}


def batch_cluster(where: str, settings: ClusterSettings, *, dashboard: bool, keys: Path) -> Any:
    """A scheduler in this process, for workers in jobs; none is asked for yet.

    Args:
        where: one of :data:`BATCH_SYSTEMS`.
        settings: of jobs.
        dashboard: serve Dask's.
        keys: folder for certificates, on disks that all machines see.

    Raises:
        SettingsError: packages, or the command that submits jobs, are not there.
    """
    if find_spec("dask_jobqueue") is None or find_spec("cryptography") is None:
        raise SettingsError(f"--cluster {where} needs further packages.", fix="pip install 'ltr-rnn[cluster]'")
    import dask_jobqueue

    kind = getattr(dask_jobqueue, BATCH_SYSTEMS[where])
    command = kind.job_cls.submit_command
    if shutil.which(command) is None:
        raise SettingsError(
            f"there is no {command} on this machine, so that {where} cannot be asked for jobs.",
            allowed="a machine from which jobs are submitted",
            fix="log in there, or leave out --cluster",
        )
    return kind(
        **job_options(where, settings),
        n_workers=0,
        security=_certificates(keys),
        scheduler_options={"dashboard_address": OWN_ADDRESS, "dashboard": dashboard},
        silence_logs=SILENT,
    )


def _certificates(folder: Path) -> Any:
    """What scheduler, workers and client know each other by; as files, since jobs have nothing else to read."""
    from distributed import Security

    made = Security.temporary()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    key.write_text(made.tls_worker_key)
    certificate.write_text(made.tls_worker_cert)
    of_roles = {f"tls_{role}_key": str(key) for role in ("client", "scheduler", "worker")}
    of_roles |= {f"tls_{role}_cert": str(certificate) for role in ("client", "scheduler", "worker")}
    return Security(require_encryption=True, tls_ca_file=str(certificate), **of_roles)


def job_options(where: str, settings: ClusterSettings) -> dict[str, Any]:
    """Settings of jobs in the words of dask-jobqueue.

    Raises:
        SettingsError: a GPU is asked of a batch system that has its own way of asking for one.
    """
    if settings.gpus and where != "slurm":
        raise SettingsError(
            f"how to ask {where} for a GPU differs from place to place.",
            allowed="gpus with slurm",
            fix="leave out gpus, set processes to 1, and write the line that your place documents under directives",
        )
    gpu = [f"--gres=gpu:{settings.gpus}"] if settings.gpus else []
    variables = {
        f"DASK_{name.upper().replace('-', '_').replace('.', '__')}": value
        for name, value in WORKER_CONFIGURATION.items()
    }
    options: dict[str, Any] = {
        "cores": settings.cores,
        "memory": settings.memory,
        "processes": settings.workers_per_job,
        "queue": settings.queue,
        "account" if where in ("slurm", "pbs") else "project": settings.account,
        "interface": settings.interface,
        "python": settings.python,
        "log_directory": settings.log_folder,
        "job_name": "ltr-cv",
        "job_extra_directives": [*gpu, *settings.directives],
        "job_script_prologue": [*settings.prologue, *(f"export {name}={value}" for name, value in variables.items())],
        # one stack at a time, whatever the number of cores
        "worker_extra_args": ["--nthreads", "1"],
    }
    if settings.walltime is not None:
        # LSF counts hours and minutes
        options["walltime"] = settings.walltime.rsplit(":", 1)[0] if where == "lsf" else settings.walltime
    return options
