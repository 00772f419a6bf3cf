"""Cross-validation within a claim, which goes on where it was interrupted."""

from __future__ import annotations

import shutil

from ltr.recording import Recording
from ltr.simulations.validation.claim import Protocol
from ltr.sweep.folder import PLAN
from ltr.sweep.plan import Sweep
from ltr.sweep.run import CvResult, cross_validate


def cross_validated(recording: Recording, sweep: Sweep, protocol: Protocol, name: str) -> CvResult:
    """What the sweep finds; the chosen configuration is not fitted once more.

    Args:
        recording: what is fitted.
        sweep: what is tried.
        protocol: of the claim, which knows the folder.
        name: of this sweep among those of the claim.
    """
    with protocol.folder(name) as folder:
        if (folder / PLAN).is_file():
            return cross_validate(recording, folder=folder, resume=True, fit_chosen=False)
        shutil.rmtree(folder)  # killed before the plan was there, nothing is fitted yet
        return cross_validate(recording, sweep, folder=folder, fit_chosen=False)
