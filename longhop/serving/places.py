"""Files of a work folder by which clients and their supervisor find each other: `work/servers/`.

A work folder may lie on a disk that machines share, and each machine has its own supervisor, so names hold the host's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

import msgspec

from longhop.errors import StorageError
from longhop.serving.messages import Address

__all__ = ["SOCKET_FOLDER", "Places"]

SOCKET_FOLDER = "longhop-servers-"
"""How the names of folders begin that sockets lie in."""


class Places:
    """Paths, and the address that stands in one of them."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "servers"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self.folder}: cannot be made ({error.strerror}); choose another folder for work (LONGHOP_WORK)"
            ) from error
        host = socket.gethostname().replace(".", "_")
        self.lock = self.folder / f"supervisor-{host}.lock"
        """Held by the supervisor while it lives."""
        self.start_lock = self.folder / f"supervisor-{host}.start"
        """Held by the client that starts one."""
        self.log = self.folder / f"supervisor-{host}.log"
        self._address = self.folder / f"supervisor-{host}.json"

    def address(self) -> Address | None:
        """Where a supervisor listens, or did."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            return msgspec.json.decode(self._address.read_bytes(), type=Address)
        return None

    def write_address(self, address: Address) -> None:
        """Tell clients where to connect."""
        temporary = self._address.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(msgspec.json.encode(address))
        temporary.replace(self._address)

    def forget_address(self) -> None:
        """Nobody is to connect any more."""
        self._address.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what a supervisor that was killed left; called by the one that holds the lock."""
        left = self.address()
        if left is not None:
            self.forget_address()
            socket_folder = Path(left.socket).parent
            if socket_folder.name.startswith(SOCKET_FOLDER):
                shutil.rmtree(socket_folder, ignore_errors=True)
