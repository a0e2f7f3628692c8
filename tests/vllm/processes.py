"""What runs on this machine, as /proc shows it."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from longhop.serving.guard import descendants


def wait_for(holds: Callable[[], Any], seconds: float) -> Any:
    """The first answer that is none of no, or the last."""
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def supervised(pid: int) -> dict[int, str]:
    """All processes below a supervisor, and their titles: vLLM names its own `VLLM::EngineCore`."""
    return {found.pid: title(found.pid) for found in descendants(pid)}


def title(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
