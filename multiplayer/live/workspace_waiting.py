"""How much waits for changes that name it, and how much more may: for a room, of an account, and on this server."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.tools.limits import Limits

POD_WORKSPACES: Final = 4
"""So many times what one workspace may hold waits on one server, in all."""
_AGAIN_S: Final = 10.0


@dataclass(slots=True)
class _Sum:
    """Of what waits and what is on its way."""

    bytes: int = 0
    files: int = 0

    def add(self, size: int, files: int = 1) -> None:
        self.bytes += size
        self.files += files


@dataclass(slots=True)
class _Room:
    sum: _Sum = field(default_factory=_Sum)
    there: dict[str, "Content"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """`account_id`: who sent it; None if it waits from before this server's start."""

    room_id: RoomId
    account_id: AccountId | None
    sha256: str
    size: int


class Waiting:
    """Knows what there is; nothing here awaits. What was found at the start counts for its room and the server."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rooms: dict[RoomId, _Room] = {}
        self._accounts: dict[AccountId, _Sum] = {}
        self._all = _Sum()
        self.coming_bytes = 0

    def find(self, room_id: RoomId, sizes: Mapping[str, int]) -> None:
        """These wait already."""
        for sha256, size in sizes.items():
            content = Content(room_id, None, sha256, size)
            self._count(content, 1)
            self._rooms[room_id].there[sha256] = content

    def come(self, room_id: RoomId, account_id: AccountId, sha256: str, size: int) -> Content:
        """Make room for a content that is on its way: `arrive` or `fail` follows. Raises `Refused` if there is none."""
        room = self._rooms.get(room_id, _Room())
        # The same again takes the place of what is there.
        again = room.there.get(sha256)
        limits = self._limits
        most = limits.workspace_bytes, limits.workspace_inodes
        if _is_over(room.sum, again, size, most):
            raise Refused(RefusalCode.LIMIT_REACHED, f"{_words(room.sum, most, 'for this room')}: {_FIRST}")
        own = again if again is not None and again.account_id == account_id else None
        of_account = self._accounts.get(account_id, _Sum())
        if _is_over(of_account, own, size, most):
            raise Refused(RefusalCode.LIMIT_REACHED, f"{_words(of_account, most, 'that you sent')}: {_FIRST}")
        most = POD_WORKSPACES * most[0], POD_WORKSPACES * most[1]
        if _is_over(self._all, again, size, most):
            raise Refused(
                RefusalCode.BUSY,
                f"{_words(self._all, most, 'on this server, of everybody')}: try again later",
                retry_after_s=_AGAIN_S,
            )
        content = Content(room_id, account_id, sha256, size)
        self._count(content, 1)
        self.coming_bytes += size
        return content

    def arrive(self, content: Content) -> None:
        self.coming_bytes -= content.size
        there = self._rooms[content.room_id].there
        again = there.get(content.sha256)
        there[content.sha256] = content
        if again is not None:
            self._count(again, -1)

    def fail(self, content: Content) -> None:
        self.coming_bytes -= content.size
        self._count(content, -1)

    def among(self, room_id: RoomId, sha256s: Collection[str]) -> Mapping[str, int]:
        """Return which of these wait, with their bytes."""
        room = self._rooms.get(room_id)
        return {} if room is None else {one: room.there[one].size for one in sha256s if one in room.there}

    def forget(self, room_id: RoomId, sha256s: Collection[str] | None = None) -> None:
        """These wait no longer; None: nothing does for this room."""
        room = self._rooms.get(room_id)
        if room is None:
            return
        for one in tuple(room.there) if sha256s is None else sha256s:
            content = room.there.pop(one, None)
            if content is not None:
                self._count(content, -1)

    def _count(self, content: Content, sign: int) -> None:
        room = self._rooms.setdefault(content.room_id, _Room())
        sums = [room.sum, self._all]
        if content.account_id is not None:
            sums.append(self._accounts.setdefault(content.account_id, _Sum()))
        for one in sums:
            one.add(sign * content.size, sign)
        if not room.sum.files:
            del self._rooms[content.room_id]
        if content.account_id is not None and not sums[-1].files:
            del self._accounts[content.account_id]


_FIRST: Final = "name them in a change first"


def _is_over(used: _Sum, again: Content | None, size: int, most: tuple[int, int]) -> bool:
    again_bytes, again_files = (0, 0) if again is None else (again.size, 1)
    return used.bytes - again_bytes + size > most[0] or used.files - again_files >= most[1]


def _words(used: _Sum, most: tuple[int, int], where: str) -> str:
    return f"{used.bytes} bytes in {used.files} files wait {where}, and at most {most[0]} in {most[1]} may"
