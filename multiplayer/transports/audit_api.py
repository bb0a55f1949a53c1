"""Reading the audit trail over HTTP: the server's for operators, a room's for its owners and admins."""

from typing import Annotated, Final

from pydantic import Field

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.rooms.permissions import Right
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

MAX_PAGE: Final = 1_000
_HIGHEST_NUMBER: Final = 2**53 - 1


class AuditQuery(Frozen):
    after: Annotated[int, Field(ge=0, le=_HIGHEST_NUMBER)] = 0
    """The number of the last entry that is known; 0 starts at the first."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100


class AuditView(Frozen):
    """`hash` (hex) is over this entry and the hash before it. Without an `actor_id`: the command line or the server."""

    number: int
    at: UtcTime
    actor_id: AccountId | None
    origin: str
    action: str
    subject: str
    before: str
    after: str
    hash: str


class AuditPage(Frozen):
    """Oldest first. Ask on with `after` = the last number; an empty page is the end."""

    entries: tuple[AuditView, ...]


async def _server(call: Call[Nothing, AuditQuery]) -> AuditPage:
    return await _page(call, None)


async def _room(call: Call[Nothing, AuditQuery]) -> AuditPage:
    return await _page(call, call.room_id)


async def _page(call: Call[Nothing, AuditQuery], room_id: RoomId | None) -> AuditPage:
    rows = await call.pod.storage.audit_after(room_id, call.query.after, limit=call.query.limit)
    return AuditPage(
        entries=tuple(
            AuditView(
                number=row.number,
                at=row.entry.at,
                actor_id=row.entry.actor_id,
                origin=row.entry.origin,
                action=row.entry.action,
                subject=row.entry.subject,
                before=row.entry.before,
                after=row.entry.after,
                hash=row.hash.hex(),
            )
            for row in rows
        )
    )


AUDIT_API: tuple[Operation, ...] = (
    Route(
        "GET",
        "/api/v1/admin/audit",
        Access.OPERATOR,
        "Privileged acts on the server, in order",
        _server,
        Nothing,
        AuditQuery,
        AuditPage,
    ),
    Route(
        "GET",
        "/api/v1/rooms/{room_id}/audit",
        Access.MEMBER,
        "Privileged acts in a room, in order",
        _room,
        Nothing,
        AuditQuery,
        AuditPage,
        right=Right.READ_AUDIT,
    ),
)
