"""What the AIs used and may use, over HTTP: a room's for its members, the server's for its operators."""

from multiplayer.protocol.budgets import Budget, UsageGroup, UsageReport
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.rooms.permissions import Right
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route


class UsageQuery(Frozen):
    """From `since` until just before `until`; without them, this month (UTC) so far."""

    group: UsageGroup = UsageGroup.ASKER
    since: UtcTime | None = None
    until: UtcTime | None = None


class ServerUsageQuery(UsageQuery):
    group: UsageGroup = UsageGroup.ROOM


async def _room(call: Call[Nothing, UsageQuery]) -> UsageReport:
    call.check_reads()
    query = call.query
    return await call.pod.insights.usage.of_room(
        call.room_id, call.account_id, query.group, since=query.since, until=query.until
    )


async def _server(call: Call[Nothing, ServerUsageQuery]) -> UsageReport:
    call.check_reads()
    query = call.query
    return await call.pod.insights.usage.of_server(query.group, since=query.since, until=query.until)


async def _budget(call: Call[Nothing, Nothing]) -> Budget:
    return await call.pod.insights.usage.server_budget()


async def _set_budget(call: Call[Budget, Nothing]) -> Budget:
    call.check_commands()
    return await call.pod.insights.usage.set_server_budget(call.body, by=call.account_id, origin="http")


_BUDGET = "/api/v1/admin/budget"
USAGE_API: tuple[Operation, ...] = (
    Route(
        "GET",
        "/api/v1/rooms/{room_id}/usage",
        Access.MEMBER,
        "What the AIs used in a room and cost, and the caps that hold there",
        _room,
        Nothing,
        UsageQuery,
        UsageReport,
        right=Right.SEE_USAGE,
    ),
    Route(
        "GET",
        "/api/v1/admin/usage",
        Access.OPERATOR,
        "What the AIs used on the whole server",
        _server,
        Nothing,
        ServerUsageQuery,
        UsageReport,
    ),
    Route("GET", _BUDGET, Access.OPERATOR, "The server's caps", _budget, Nothing, Nothing, Budget),
    Route("PUT", _BUDGET, Access.OPERATOR, "Replace the server's caps", _set_budget, Budget, Nothing, Budget),
)
