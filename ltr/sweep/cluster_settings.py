"""What ``ltr cv --cluster-config`` says: what a sweep asks of a batch system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ltr.errors import SettingsError, nearest


class ClusterSettings(BaseModel):
    """What to ask of a batch system, for every job."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    jobs: int = Field(1, ge=1, description="Number of jobs; those that end too early are asked for again.")
    cores: int = Field(1, ge=1, description="Cores of a job.")
    memory: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?[kKMGT]i?B$",
        description="Memory of a job, for example 8GB; shared by its workers.",
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Workers of a job, among which its cores are divided. Default: one a core; one with a GPU.",
    )
    walltime: str | None = Field(
        None,
        pattern=r"^(\d{1,2}-)?\d{1,3}:\d\d:\d\d$",
        description="Time limit of a job, HH:MM:SS in quotes, by far more than a stack takes. Default: 30 minutes.",
    )
    queue: str | None = Field(None, description="Queue or partition.")
    account: str | None = Field(None, description="Account or project that is charged.")
    gpus: int = Field(
        0, ge=0, le=1, description="1 for a GPU (slurm; others by directives). For more GPUs, ask for more jobs."
    )
    directives: tuple[str, ...] = Field((), description="Further lines of the job's header, as '--constraint=a100'.")
    prologue: tuple[str, ...] = Field((), description="Commands before the worker starts, as 'module load python'.")
    interface: str | None = Field(None, description="Network interface that jobs and this machine share, as ib0.")
    python: str | None = Field(None, description="Python of the workers. Default: the one that runs this.")
    log_folder: str | None = Field(None, description="Folder for the jobs' logs, seen by all machines.")

    @model_validator(mode="after")
    def _enough_cores(self) -> ClusterSettings:
        if self.workers_per_job > self.cores:
            raise ValueError(f"{self.processes} processes need as many cores, there are {self.cores}")
        return self

    @property
    def workers_per_job(self) -> int:
        """Stacks that a job computes at once."""
        return self.processes or (1 if self.gpus else self.cores)


def read_cluster_settings(path: Path) -> ClusterSettings:
    """Read what to ask of a batch system from a YAML file.

    Raises:
        SettingsError: it cannot be read, or has an unknown key or a value that cannot be used.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise SettingsError(
            f"{path} cannot be read: {reason}.", allowed="a YAML file", fix="check --cluster-config"
        ) from None
    return parse_cluster_settings({} if values is None else values, where=str(path))


def parse_cluster_settings(values: Any, *, where: str = "cluster settings") -> ClusterSettings:
    """Build them from plain values.

    Raises:
        SettingsError: unknown key (with the nearest valid name), wrong type, out of range.

    Example:
        >>> parse_cluster_settings({"jobs": 10, "cores": 4, "memory": "8GB"}).workers_per_job
        4
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{where} holds a {type(values).__name__}, not settings.",
            allowed="key: value pairs, for example 'jobs: 10'",
            fix="write one pair a line",
        )
    fields = ClusterSettings.model_fields
    for key in values:
        if key not in fields:
            raise SettingsError(
                f"{where} has an unknown key, '{key}'.",
                allowed=", ".join(fields),
                fix=nearest(str(key), fields) or "delete it",
            )
    try:
        return ClusterSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        if not first["loc"]:
            raise SettingsError(f"{where}: {message}.", fix="change processes or cores") from None
        name = str(first["loc"][0])
        raise SettingsError(
            f"{where}: {name} = {first['input']!r} cannot be used.",
            allowed=message[0].lower() + message[1:],
            fix=f"set {name} ({fields[name].description})",
        ) from None
