"""How long a room keeps what is said, over HTTP: the rule, what it did, and what one would remove, before it is set."""

from typing import Annotated

from pydantic import Field

from multiplayer.protocol.retention import MAX_DAYS, Retention, RetentionReport
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route


class RetentionQuery(Frozen):
    """A rule to look at in place of the room's own; without any of these, the room's own."""

    messages_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None
    files_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None
    keeps_pinned: bool = True


async def _look(call: Call[Nothing, RetentionQuery]) -> RetentionReport:
    call.check_heavy_reads()
    query = call.query
    rule = (
        Retention(messages_days=query.messages_days, files_days=query.files_days, keeps_pinned=query.keeps_pinned)
        if query.model_fields_set
        else None
    )
    return await call.pod.retention.report(call.room_id, call.account_id, rule)


RETENTION_API: tuple[Operation, ...] = (
    Route(
        "GET",
        "/api/v1/rooms/{room_id}/retention",
        Access.MEMBER,
        "How long the room keeps what is said, and what its rule or another one would remove now; changes nothing",
        _look,
        Nothing,
        RetentionQuery,
        RetentionReport,
        right=Right.ARCHIVE,
    ),
)
