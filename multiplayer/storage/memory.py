"""Everything of `port.Storage` in memory, for tests; it keeps the same contract as Postgres and loses all at its end."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic

from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.storage.account_port import StoredInvite
from multiplayer.storage.audit_chain import SERVER_CHAIN, ChainHead, end_fault, first_fault
from multiplayer.storage.audit_port import AuditEntry, AuditRow
from multiplayer.storage.memory_erasures import MemoryErasures
from multiplayer.storage.memory_ledger import MemoryLedger
from multiplayer.storage.memory_mirrors import MemoryMirrors
from multiplayer.storage.memory_retention import MemoryRetention


class MemoryStorage(MemoryErasures, MemoryLedger, MemoryMirrors, MemoryRetention):
    """A storage of one process. `now_s` is the clock of leases, in seconds that never go back."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        MemoryErasures.__init__(self, now_s)
        MemoryLedger.__init__(self, self._is_turn_open)
        MemoryRetention.__init__(self)
        MemoryMirrors.__init__(self, lambda room_id: self._room(room_id) is not None)

    async def add_invite(self, invite: StoredInvite, sha256: bytes, *, audit: AuditEntry) -> None:
        self._invites[invite.id] = invite
        self._invite_ids[sha256] = invite.id
        self._rooms[invite.room_id].add_audit([audit])

    async def revoke_invite(self, room_id: RoomId, invite_id: str, *, at: datetime, audit: AuditEntry) -> bool:
        invite = self._invites.get(invite_id)
        if invite is None or invite.room_id != room_id or invite.revoked_at is not None:
            return False
        self._invites[invite_id] = replace(invite, revoked_at=at)
        self._rooms[room_id].add_audit([audit])
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

    def _is_turn_open(self, turn_id: TurnId) -> bool:
        turn = self._turns.get(turn_id)
        return turn is not None and turn.ended_at is None and not turn.is_room_deleted
