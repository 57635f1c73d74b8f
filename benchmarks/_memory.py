"""Peak memory of a call."""

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
MIB = 2**20


def peak_growth(call: Callable[[], Result]) -> tuple[Result, float]:
    """Run a call; return its result and by how many MiB memory rose above where it stood.

    On Linux the high-water mark is reset first. Elsewhere it is that of the process, an upper
    bound.
    """
    import psutil

    before = psutil.Process().memory_info().rss
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        result = call()
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return result, max(0.0, (peak - before) / MIB)
    reset.write_text("5")
    result = call()
    mark = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return result, max(0.0, (int(mark.split()[1]) * 1024 - before) / MIB)
