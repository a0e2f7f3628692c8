"""Why a file gives no document."""

from __future__ import annotations

__all__ = ["ReadError"]


class ReadError(Exception):
    """A file that cannot be read: a reason in one word, and a detail that says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail
