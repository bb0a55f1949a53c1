"""Rooms that other processes move while nobody here has them open: their members here are told all the same."""

import asyncio
from contextlib import suppress

from multiplayer.live.directory import Directory
from multiplayer.live.registry import Sessions
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.storage.port import Storage, StorageUnavailable

LOOK_S = 1.0
LONGEST_PAUSE_S = 10.0
PAUSE_FOR_COST = 20
"""After a look a pause this many times as long, where that is more: very many people in very many rooms wait longer."""


class Elsewhere:
    """Compares, about once a second, where the rooms of those who are here stand with where they stood.

    A room that runs here needs none of it: it reads on by itself and tells its events.
    """

    def __init__(self, storage: Storage, directory: Directory, sessions: Sessions) -> None:
        self._storage = storage
        self._directory = directory
        self._sessions = sessions
        self._known: frozenset[AccountId] = frozenset()
        """Whose rooms are among those that were seen."""
        self._seen: dict[RoomId, int] = {}

    async def run(self) -> None:
        """For ever. A database that is away is asked again at the next round."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + LOOK_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._sessions.has_new_account.wait()
            self._sessions.has_new_account.clear()
            with suppress(StorageUnavailable):
                await self._meet()
            if loop.time() < due_s:
                continue
            began_s = loop.time()
            with suppress(StorageUnavailable):
                await self._look()
            cost_s = loop.time() - began_s
            due_s = loop.time() + max(LOOK_S, min(PAUSE_FOR_COST * cost_s, LONGEST_PAUSE_S))

    async def _meet(self) -> None:
        """Note where the rooms of newcomers stand: their own look at the list, which comes later, is at least as new."""
        here = self._sessions.accounts
        new = here - self._known
        if new:
            for room_id, seq in (await self._storage.seqs_of_members(new)).items():
                # Of what others here are members, they have still to be told.
                self._seen.setdefault(room_id, seq)
        self._known = here

    async def _look(self) -> None:
        stand = await self._storage.seqs_of_members(self._known) if self._known else {}
        for room_id, seq in stand.items():
            host = self._directory.running(room_id)
            # One that was not seen before is one that somebody here was made a member of.
            if host is None and seq > self._seen.get(room_id, 0):
                # Refused: it was deleted meanwhile.
                with suppress(Refused):
                    host = await self._directory.host(room_id)
                    self._sessions.note_moved(host)
            # Of one that runs here only as far as it has told: it may be let go before it reads on.
            self._seen[room_id] = seq if host is None else host.room.seq
        self._seen = {room_id: self._seen[room_id] for room_id in stand}
