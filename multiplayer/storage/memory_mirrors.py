"""Heads of mirrored workspaces in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.mirror_port import MirrorHead, NewHead

_YOUNG = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class _Row:
    head: MirrorHead
    swept_at: datetime


class MemoryMirrors:
    """`mirror_port.MirrorStore` in memory. `is_there` tells whether a room is, and is not deleted."""

    def __init__(self, is_there: Callable[[RoomId], bool]) -> None:
        self._is_room_there = is_there
        self._mirrors: dict[RoomId, _Row] = {}

    async def mirror_head(self, room_id: RoomId) -> MirrorHead | None:
        row = self._mirrors.get(room_id)
        return None if row is None else row.head

    async def open_mirror(self, room_id: RoomId, pod: str, at: datetime) -> MirrorHead | None:
        if not self._is_room_there(room_id):
            return None
        made = _Row(MirrorHead(room_id, version=0, tree="", pod=pod, at=at, files=0, bytes=0), at)
        return self._mirrors.setdefault(room_id, made).head

    async def put_mirror_head(self, head: NewHead, *, expected: int, sweep: int) -> bool:
        row = self._mirrors.get(head.room_id)
        if row is None or not self._is_room_there(head.room_id) or _is_swept(row.head, head.at):
            return False
        if (row.head.version, row.head.sweep) != (expected, sweep):
            return False
        now = MirrorHead(
            room_id=head.room_id,
            version=expected + 1,
            tree=head.tree,
            pod=head.pod,
            at=head.at,
            files=head.files,
            bytes=head.bytes,
            conflicts=head.conflicts,
            sweep=sweep,
            sweeping_until=row.head.sweeping_until,
        )
        self._mirrors[head.room_id] = replace(row, head=now)
        return True

    async def begin_mirror_sweep(
        self, room_id: RoomId, *, now: datetime, until: datetime, before: datetime
    ) -> MirrorHead | None:
        row = self._mirrors.get(room_id)
        if row is None or not self._is_room_there(room_id) or row.swept_at >= before or _is_swept(row.head, now):
            return None
        head = replace(row.head, sweep=row.head.sweep + 1, sweeping_until=until)
        self._mirrors[room_id] = _Row(head, now)
        return head

    async def end_mirror_sweep(self, room_id: RoomId, sweep: int, *, counts_as: datetime | None = None) -> None:
        row = self._mirrors.get(room_id)
        if row is not None and row.head.sweep == sweep:
            head = replace(row.head, sweeping_until=None)
            self._mirrors[room_id] = _Row(head, counts_as or row.swept_at)

    async def mirrors_to_sweep(self, *, before: datetime, limit: int) -> Sequence[RoomId]:
        due = [
            (row.swept_at, room_id)
            for room_id, row in self._mirrors.items()
            if row.swept_at < before and row.head.at > row.swept_at - _YOUNG and self._is_room_there(room_id)
        ]
        return [room_id for _, room_id in sorted(due)[:limit]]

    async def mirrors_of_deleted_rooms(self, *, limit: int) -> Sequence[RoomId]:
        return sorted(room_id for room_id in self._mirrors if not self._is_room_there(room_id))[:limit]

    async def drop_mirror(self, room_id: RoomId) -> bool:
        return not self._is_room_there(room_id) and self._mirrors.pop(room_id, None) is not None


def _is_swept(head: MirrorHead, at: datetime) -> bool:
    return head.sweeping_until is not None and head.sweeping_until > at
