"""What the command answers to the shell, and the words that go with it.

=====  ==========================================================================
0      done
1      failure: the fit diverged, the disk is full, the network or a cluster failed, an error nobody foresaw
2      wrong use: a flag, a setting, a recording or a folder that cannot be used
130    stopped by Ctrl-C (or SIGTERM)
=====  ==========================================================================
"""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ltr.errors import ClusterError, DivergenceError, LtrError, NetworkError

OK = 0
FAILURE = 1
WRONG_USE = 2
INTERRUPTED = 130

# the disk, not the user, is at fault, although the library says which file it could not write
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Interrupted(Exception):
    """The user, or a scheduler, stopped the command; the message says what is left behind."""


def interruptible(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Turn Ctrl-C inside a command into :class:`Interrupted`, before the argument parser sees it."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted("stopped.") from None

    return run


def exit_code(error: BaseException) -> int:
    """The exit code that an exception stands for.

    Example:
        >>> exit_code(LtrError("rank is 0."))
        2
    """
    if isinstance(error, Interrupted):
        return INTERRUPTED
    failure = isinstance(error, DivergenceError | NetworkError | ClusterError) or is_disk_fault(error)
    return WRONG_USE if isinstance(error, LtrError) and not failure else FAILURE


def is_disk_fault(error: BaseException) -> bool:
    """Whether the disk is full or broken, said by the error itself or by its cause.

    Example:
        >>> is_disk_fault(OSError(errno.EFBIG, "File too large"))
        True
    """
    return any(isinstance(fault, OSError) and fault.errno in DISK_FAULTS for fault in (error, error.__cause__))


def explain(error: BaseException) -> str:
    """What to print for an exception instead of a traceback.

    Example:
        >>> explain(ValueError("boom"))
        'unexpected ValueError: boom (run again with --debug to see the traceback)'
    """
    if isinstance(error, LtrError | Interrupted):
        return str(error)
    if isinstance(error, OSError):
        name = f" ({error.filename})" if error.filename else ""
        text = f"{error.strerror or error}{name}"
    else:
        text = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    return f"{text} (run again with --debug to see the traceback)"
