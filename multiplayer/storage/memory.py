"""Everything of `port.Storage` in memory, for tests; it keeps the same contract as Postgres and loses all at its end."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.account_port import StoredInvite
from multiplayer.storage.audit_chain import SERVER_CHAIN, ChainHead, end_fault, first_fault, linked
from multiplayer.storage.audit_port import AuditEntry, AuditRow
from multiplayer.storage.memory_accounts import MemoryAccounts
from multiplayer.storage.memory_rooms import MemoryRooms


class MemoryStorage(MemoryRooms, MemoryAccounts):
    """A storage of one process. `now_s` is the clock of leases, in seconds that never go back."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        MemoryRooms.__init__(self, now_s)
        MemoryAccounts.__init__(self)

    async def add_invite(self, invite: StoredInvite, sha256: bytes, *, audit: AuditEntry) -> None:
        self._invites[invite.id] = invite
        self._invite_ids[sha256] = invite.id
        self._audit_room(invite.room_id, audit)

    async def revoke_invite(self, room_id: RoomId, invite_id: str, *, at: datetime, audit: AuditEntry) -> bool:
        invite = self._invites.get(invite_id)
        if invite is None or invite.room_id != room_id or invite.revoked_at is not None:
            return False
        self._invites[invite_id] = replace(invite, revoked_at=at)
        self._audit_room(room_id, audit)
        return True

    async def audit_after(self, room_id: RoomId | None, number: int, *, limit: int) -> Sequence[AuditRow]:
        room = None if room_id is None else self._rooms.get(room_id)
        links = self._server_audit if room_id is None else room.audit if room is not None else []
        return [AuditRow(link.number, link.entry, link.hash) for link in links[number : number + limit]]

    async def verify_audit(self, room_id: RoomId | None) -> str | None:
        chain = SERVER_CHAIN if room_id is None else room_id
        room = None if room_id is None else self._rooms.get(room_id)
        if room_id is not None and room is None:
            return f"audit chain {chain}: there is no such room"
        links, head = (room.audit, room.audit_head) if room else (self._server_audit, self._server_audit_head)
        last = ChainHead(links[-1].number, links[-1].hash) if links else ChainHead()
        return first_fault(links, ChainHead()) or end_fault(chain, last, head)

    async def check(self) -> float:
        return 0.0

    async def close(self) -> None:
        """Nothing is held open."""

    def _audit_room(self, room_id: RoomId, entry: AuditEntry) -> None:
        room = self._rooms[room_id]
        links, room.audit_head = linked(room_id, room.audit_head, [entry])
        room.audit += links
