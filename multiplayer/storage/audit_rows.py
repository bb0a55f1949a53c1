"""The audit trail in Postgres: read in pages, and walked to see that nothing was changed."""

from collections.abc import Sequence
from typing import Final

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.audit_chain import SERVER_CHAIN, ChainHead, ChainLink, end_fault, first_fault
from multiplayer.storage.audit_port import AuditEntry, AuditRow
from multiplayer.storage.database import Database

_PAGE: Final = 1_000


class PostgresAudit:
    """`port.AuditTrail` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def audit_after(self, room_id: RoomId | None, number: int, *, limit: int) -> Sequence[AuditRow]:
        links = await self._links(SERVER_CHAIN if room_id is None else room_id, number, limit)
        return [AuditRow(link.number, link.entry, link.hash) for link in links]

    async def verify_audit(self, room_id: RoomId | None) -> str | None:
        chain = SERVER_CHAIN if room_id is None else room_id
        # The head first: what is written while we read lies behind it.
        kept = await self._database.read_row("audit_head_kept", chain)
        if kept is None:
            return f"audit chain {chain}: there is no such room"
        head = ChainHead(kept["audit_length"], kept["audit_head"])
        last = ChainHead()
        while True:
            links = await self._links(chain, last.length, _PAGE)
            links = links[: max(0, head.length - last.length)]
            fault = first_fault(links, last)
            if fault is not None:
                return fault
            if not links:
                return end_fault(chain, last, head)
            last = ChainHead(links[-1].number, links[-1].hash)

    async def _links(self, chain: str, number: int, limit: int) -> list[ChainLink]:
        rows = await self._database.read("audit_after", chain, number, limit)
        return [
            ChainLink(
                chain,
                row["number"],
                AuditEntry(
                    at=row["at"],
                    actor_id=row["actor_id"],
                    origin=row["origin"],
                    action=row["action"],
                    subject=row["subject"],
                    before=row["before"],
                    after=row["after"],
                ),
                row["hash"],
            )
            for row in rows
        ]
