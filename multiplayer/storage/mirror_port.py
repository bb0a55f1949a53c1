"""What every storage promises of mirrored workspaces: which tree of each room's files the file store holds now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import RoomId


@dataclass(frozen=True, slots=True)
class MirrorHead:
    """A room's row. `version` counts the trees from 1; 0: a pod has begun to put objects, and no tree is whole yet."""

    room_id: RoomId
    version: int
    tree: str
    """The hash of the workspace; "" at version 0."""
    pod: str
    at: datetime
    files: int
    bytes: int
    conflicts: tuple[str, ...] = ()
    """Copies that a merge has put beside what another pod had changed, and that are still there."""
    sweep: int = 0
    """Counts the sweeps that have begun: what was put before one of them may be gone after it."""
    sweeping_until: datetime | None = None
    """While a sweep removes objects, nobody makes a new head."""


@dataclass(frozen=True, slots=True)
class NewHead:
    """A tree of which every object is in the store."""

    room_id: RoomId
    tree: str
    pod: str
    at: datetime
    files: int
    bytes: int
    conflicts: tuple[str, ...] = ()


class MirrorStore(Protocol):
    """Heads of mirrored workspaces. All times are given: the pods' clocks may be some minutes apart."""

    async def mirror_head(self, room_id: RoomId) -> MirrorHead | None: ...

    async def open_mirror(self, room_id: RoomId, pod: str, at: datetime) -> MirrorHead | None:
        """Return the room's row, made at version 0 if there is none. None: the room is deleted, or never was."""
        ...

    async def put_mirror_head(self, head: NewHead, *, expected: int, sweep: int) -> bool:
        """Make it version `expected` + 1. False, and nothing is written, if another version is stored, if a sweep has begun
        after the one that was read as `sweep`, if one runs at `head.at`, or if the room is deleted.
        """
        ...

    async def begin_mirror_sweep(
        self, room_id: RoomId, *, now: datetime, until: datetime, before: datetime
    ) -> MirrorHead | None:
        """Let one pod sweep until `until`; from now on no head is put. None: one runs, or the last was not `before`."""
        ...

    async def end_mirror_sweep(self, room_id: RoomId, sweep: int, *, counts_as: datetime | None = None) -> None:
        """That sweep has ended. Harmless if it is not the last one.

        `counts_as`: it did not come to its end, and the room counts as swept then.
        """
        ...

    async def mirrors_to_sweep(self, *, before: datetime, limit: int) -> Sequence[RoomId]:
        """Return rooms that are there, were last swept before `before`, and have had a new head since two days before that sweep."""
        ...

    async def mirrors_of_deleted_rooms(self, *, limit: int) -> Sequence[RoomId]: ...

    async def drop_mirror(self, room_id: RoomId) -> bool:
        """Forget the row of a deleted room; True when this call did it."""
        ...
