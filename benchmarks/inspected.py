"""``ltr`` in this process, and what it needed: ``python -m benchmarks.inspected NUMBERS inspect FILE``.

Writes the peak of resident memory, and the bytes that were read, code included, as JSON into the file NUMBERS.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.resident import resident
from ltr.cli.main import main


def _bytes_read() -> int | None:
    """By this process since it began, from disk or from memory that holds the disk's content; None if not Linux."""
    counted = Path("/proc/self/io")
    if not counted.exists():
        return None
    return int(next(line for line in counted.read_text(encoding="ascii").splitlines() if "rchar" in line).split()[1])


if __name__ == "__main__":
    code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps({"peak": resident("VmHWM"), "read": _bytes_read()}), encoding="ascii")
    sys.exit(code)
