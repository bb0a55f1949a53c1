"""What a mirror knows of each room here: what is the same in the file store, what may not be, and how the last try went."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from multiplayer.blobs.port import BlobCorrupt, BlobMissing, BlobsFault
from multiplayer.live.aside import aside
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints import transfer
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.transfer import RESTORING, UNSENT, Common
from multiplayer.tools.checkpoints.tree import EMPTY
from multiplayer.tools.refusal import ToolRefused

NOTHING: Final = EMPTY.hex()
"""The tree of an empty workspace."""


class NotNow(Exception):  # noqa: N818 - it names what happened
    """Something of our own stands in the way of a push for now. The sentence is for people."""


WORLD: Final = (NotNow, BlobsFault, StorageUnavailable, OutcomeUnknown, OSError, CheckpointGone, ToolRefused)
"""What may come in the way of a push or a pull without anything of ours being broken."""


def words(error: Exception) -> str:
    """Say for people what went wrong."""
    match error:
        case BlobMissing():
            return "the file store has lost a part of these files"
        case BlobCorrupt():
            return f"the file store has damaged a part of these files ({error})"
        case ToolRefused():
            return error.text
        case OSError():
            return f"the disk refused: {error.strerror or 'it did not say why'}"
        case StorageUnavailable() | OutcomeUnknown():
            return "the database cannot be reached"
        case _:
            return str(error) or "the file store does not work"


@dataclass(slots=True, eq=False)
class Coming:
    """A tree on its way from the file store. `error` says what has become of it; None: it is here."""

    tree: str
    error: Exception | None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class MirrorRoom:
    """One room, while this pod runs."""

    id: RoomId
    changes: int = 0
    """Counts what may have changed the workspace."""
    marking: asyncio.Lock = field(default_factory=asyncio.Lock)
    common: Common | None = None
    """Once it was read."""
    is_marked: bool | None = None
    marked_for: str = ""
    """The identity of the folder in which something may have been changed."""
    is_restoring: bool | None = None
    copies: list[str] = field(default_factory=list)
    """Put beside by merges that no head tells of yet."""
    sent: set[str] = field(default_factory=set)
    """Objects that are there from a push that did not come to its end."""
    begun: int = 0
    """Counts the tries to push,"""
    ended: int = 0
    """and is the number of the last one that has ended: it is one at a time."""
    pushed: int = -1
    """Of so many `changes` the store has what they came to,"""
    pushed_tree: str = NOTHING
    """and this is what it had then."""
    sent_for: tuple[int, float] = (-1, 0.0)
    """The sweep that had begun last when the first of them was put, and when that was."""
    waiting: int = 0
    is_pushing: bool = False
    left_out: tuple[str, ...] = ()
    problem: str = ""
    """Why the last push failed."""
    failures: int = 0
    behind: str = ""
    """Why the last pull failed."""
    pull_after_s: float = 0.0
    coming: Coming | None = None
    fetched: str = ""
    """The tree that came last and is kept until it is merged."""
    since_s: float | None = None
    """When the first change came that waits for a push."""
    due_s: float = 0.0
    is_asked: bool = False
    """Whether somebody waits for the next try: no change puts it off."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class MirrorNotes:
    """The notes on the disk, beside the room's checkpoints. Raises `OSError`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def load(self, room: MirrorRoom) -> Common:
        """Read what is noted, once; return what is here and in the store."""
        if room.common is not None:
            return room.common
        common, marked_for, is_restoring = await aside(partial(self._load, room.id))
        # Somebody else may have read it, and perhaps written it, meanwhile.
        if room.common is None:
            room.common, room.is_restoring = common, is_restoring
            if room.is_marked is None:
                room.is_marked, room.marked_for = marked_for is not None, marked_for or ""
        return room.common

    def _load(self, room_id: RoomId) -> tuple[Common, str | None, bool]:
        return (
            transfer.common(self.root, room_id),
            transfer.marked(self.root, room_id, UNSENT),
            transfer.is_marked(self.root, room_id, RESTORING),
        )

    async def mark(self, room: MirrorRoom, identity: str) -> None:
        """Something may be changed here, in the folder of this identity, that is not in the store: durable when this returns."""
        room.changes += 1
        async with room.marking:
            if not room.is_marked or room.marked_for != identity:
                await aside(partial(transfer.mark, self.root, room.id, UNSENT, identity))
                room.is_marked, room.marked_for = True, identity

    async def unmark(self, room: MirrorRoom, changes: int, tree: str) -> None:
        """All of it is there, as `tree`, unless something may have changed since there were so many `changes`."""
        room.pushed, room.pushed_tree = changes, tree
        async with room.marking:
            if room.changes == changes:
                await aside(partial(self._unmark, room.id))
                room.is_marked, room.since_s = False, None

    def _unmark(self, room_id: RoomId) -> None:
        transfer.set_known(self.root, room_id)
        transfer.unmark(self.root, room_id, UNSENT)

    async def set_common(self, room: MirrorRoom, now: Common) -> None:
        if room.fetched == now.tree:
            room.fetched = ""  # it is kept as this from now on
        await aside(partial(transfer.note_common, self.root, room.id, now))
        room.common = now

    async def set_restoring(self, room: MirrorRoom, *, is_restoring: bool) -> None:
        """While it is, what lies in the workspace is a part of something, and stands for nothing."""
        if room.is_restoring != is_restoring:
            await aside(partial(transfer.mark if is_restoring else transfer.unmark, self.root, room.id, RESTORING))
            room.is_restoring = is_restoring
