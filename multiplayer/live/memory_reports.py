"""What a room remembers, for its members to read: every version of the summary, and the facts."""

from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.reports_memory import FactList, SummaryHistory
from multiplayer.rooms.permissions import Right
from multiplayer.storage.port import Storage


class MemoryReports:
    """Whoever is kept from older history reads none of either: both tell of it."""

    def __init__(self, storage: Storage, directory: Directory) -> None:
        self._storage = storage
        self._directory = directory

    async def summaries(self, room_id: RoomId, reader_id: AccountId) -> SummaryHistory:
        if await self._whole(room_id, reader_id) is None:
            return SummaryHistory()
        return SummaryHistory(versions=tuple(await self._storage.summaries(room_id)))

    async def facts(self, room_id: RoomId, reader_id: AccountId) -> FactList:
        host = await self._whole(room_id, reader_id)
        return FactList(facts=host.room.state.notes.facts if host is not None else ())

    async def _whole(self, room_id: RoomId, reader_id: AccountId) -> RoomHost | None:
        """Return the room if this member may read all of it."""
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        return None if host.room.readable_from(member) else host
