"""The in-memory storage as one pod sees it: its own way there can be cut, while others go on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from typing_extensions import override

from multiplayer.protocol.cards import Card
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, OpenTurn, StorageUnavailable, StoredEvent


class CutStorage(MemoryStorage):
    """Shares everything with `shared`. While `is_cut`, nothing of rooms and turns is read or written here."""

    __slots__ = ("has_failed_to_hold", "has_looked", "has_missed_a_look", "is_cut", "manifests_lost", "refuses_appends")

    def __init__(self, shared: MemoryStorage) -> None:  # it has no state of its own, so there is nothing to initialise
        self.__dict__ = shared.__dict__
        self.is_cut = False
        self.refuses_appends = False
        self.has_failed_to_hold = asyncio.Event()
        self.has_looked = asyncio.Event()
        self.has_missed_a_look = asyncio.Event()
        """Where rooms stand was asked, and could not be told."""
        self.manifests_lost = 0
        """So many of the next manifests are not stored."""

    @override
    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        if self.is_cut:
            self.has_failed_to_hold.set()
        self._reach()
        return await super().hold(turn_id, fence=fence, pod=pod, lease_s=lease_s)

    @override
    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str, cards: Sequence[Card] = ()) -> bool:
        self._reach()
        return await super().checkpoint(turn_id, fence=fence, text=text, cards=cards)

    @override
    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool:
        self._reach()
        if self.manifests_lost:
            self.manifests_lost -= 1
            raise StorageUnavailable("one statement failed")
        return await super().save_manifest(turn_id, fence=fence, manifest=manifest)

    @override
    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        self._reach()
        return await super().waiting(unclaimed_for_s=unclaimed_for_s, limit=limit)

    @override
    async def seqs_of_members(self, account_ids: Collection[AccountId]) -> Mapping[RoomId, int]:
        if self.is_cut:
            self.has_missed_a_look.set()
        self._reach()
        self.has_looked.set()
        return await super().seqs_of_members(account_ids)

    @override
    async def append(self, append: Append) -> Appended:
        self._reach()
        if self.refuses_appends:
            raise StorageUnavailable("only appends fail")
        return await super().append(append)

    @override
    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]:
        self._reach()
        return await super().events_after(room_id, seq, limit=limit)

    @override
    async def check(self) -> float:
        self._reach()
        return await super().check()

    def _reach(self) -> None:
        if self.is_cut:
            raise StorageUnavailable("cut")
