"""Contents that were sent and wait to be named by a change: a folder for each room, each file called by its sha256.

Everything here blocks and raises `OSError`. The folders are the server's alone: no command can reach them.
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.limits import Limits
from multiplayer.tools.workspace import FreeSpace, free_space

_PARTIAL: Final = ".part"
_NAME_CHARACTERS: Final = 64


class WrongChecksum(Exception):  # noqa: N818 - it names what happened
    """What came is not what was said."""


class Incoming:
    def __init__(self, root: Path) -> None:
        self._root = root

    def rooms(self) -> list[RoomId]:
        """Return the rooms for which something waits, or did."""
        if not self._root.is_dir():
            return []
        return sorted(RoomId(entry.name) for entry in self._root.iterdir() if entry.name.isalnum())

    def space(self, limits: Limits) -> FreeSpace:
        """Measure the file system that what waits lies on."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return free_space(self._root, limits)

    def all_sizes(self) -> dict[RoomId, dict[str, int]]:
        """As `sizes`, of all rooms."""
        return {room_id: self.sizes(room_id) for room_id in self.rooms()}

    def sizes(self, room_id: RoomId) -> dict[str, int]:
        """Return what waits, with bytes. What broke off is removed: ask while nothing is on its way."""
        found = {}
        for entry in self._entries(room_id):
            if entry.name.endswith(_PARTIAL):
                Path(entry.path).unlink(missing_ok=True)
            elif len(entry.name) == _NAME_CHARACTERS:
                found[entry.name] = entry.stat(follow_symlinks=False).st_size
        return found

    def older_than(self, room_id: RoomId, at: float) -> list[str]:
        """Return what came before `at` (seconds since 1970)."""
        return [
            entry.name
            for entry in self._entries(room_id)
            if len(entry.name) == _NAME_CHARACTERS and entry.stat(follow_symlinks=False).st_mtime < at
        ]

    def path(self, room_id: RoomId, content: str) -> Path:
        """Return where a content waits, if it does."""
        assert content.isalnum(), f"not a checksum: {content!r}"
        return self._folder(room_id) / content

    def remove(self, room_id: RoomId, contents: Sequence[str]) -> None:
        for one in contents:
            self.path(room_id, one).unlink(missing_ok=True)
        with suppress(OSError):  # more waits there, or the next has just come
            self._folder(room_id).rmdir()

    def remove_room(self, room_id: RoomId) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder(room_id))

    def _folder(self, room_id: RoomId) -> Path:
        assert str(room_id).isalnum(), f"not a room id: {room_id!r}"
        return self._root / str(room_id)

    def _entries(self, room_id: RoomId) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder(room_id)) as found:
                return list(found)
        except FileNotFoundError:
            return []


class Arriving:
    """One content on its way. Call `drop` at the end, whatever came of it."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self._path = to.with_name(f".{secrets.token_hex(8)}{_PARTIAL}")
        self._digest = sha256()
        self._fd = -1

    @property
    def has_begun(self) -> bool:
        return self._fd >= 0

    def write(self, pieces: Sequence[bytes]) -> None:
        self._begin()
        for piece in pieces:
            self._digest.update(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(self._fd, view) :]

    def finish(self, at: float) -> None:
        """Let it wait under its name from `at` (seconds since 1970) on. Raises `WrongChecksum` if that is another."""
        self._begin()
        if self._digest.hexdigest() != self._to.name:
            raise WrongChecksum
        os.utime(self._fd, (at, at))
        os.fsync(self._fd)
        self._path.rename(self._to)

    def drop(self) -> None:
        """Close it, and remove what did not arrive."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._path.unlink(missing_ok=True)

    def _begin(self) -> None:
        if self._fd >= 0:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        for _ in range(2):
            self._to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The folder goes with the last that waited in it, at any time.
            with suppress(FileNotFoundError):
                self._fd = os.open(self._path, flags, 0o600)
                return
        self._fd = os.open(self._path, flags, 0o600)
