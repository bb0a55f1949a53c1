"""What the AIs used and cost: of a room for its members, of the server and its budget for the operators."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from multiplayer.ai.budget import Budgets, put_server_budget, seen_by_members, server_budget, total_of
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.audit import Origin
from multiplayer.live.directory import Directory
from multiplayer.protocol.budgets import Budget, CapState, UsageGroup, UsageReport, UsageRow
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.rooms.permissions import Right
from multiplayer.storage.audit_port import AuditEntry

MOST: Final = timedelta(days=3_660)


class UsageReports:
    """Times are those of the calls; without them: from the month's beginning (UTC) until now."""

    def __init__(self, seat: AiSeat, directory: Directory) -> None:
        self._seat = seat
        self._directory = directory

    async def of_room(
        self,
        room_id: RoomId,
        reader_id: AccountId,
        group: UsageGroup = UsageGroup.ASKER,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> UsageReport:
        """Return what a room used, with the caps of the room and of the reader.

        The server's own caps hold too, but what is used of them tells what happens in other rooms.
        """
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.SEE_USAGE)
        if group is UsageGroup.ROOM:
            raise Refused(RefusalCode.MALFORMED, "one room's usage is grouped by asker, ai, model or day")
        since, until = self._span(since, until)
        rows = await self._seat.storage.usage(since, until, room_id=room_id, group=group)
        caps = await self._seat.purse.cap_states(await self._seat.budgets_of(host), room_id=room_id, asker_id=reader_id)
        return self._report(rows, seen_by_members(caps), group, since, until, room_id)

    async def of_server(
        self, group: UsageGroup = UsageGroup.ROOM, *, since: datetime | None = None, until: datetime | None = None
    ) -> UsageReport:
        """For operators: rooms by their ids only, since an operator need not be in them."""
        since, until = self._span(since, until)
        rows = await self._seat.storage.usage(since, until, group=group)
        budgets = Budgets(server=await server_budget(self._seat.storage))
        caps = await self._seat.purse.cap_states(budgets, room_id=None, asker_id=None)
        return self._report(rows, caps, group, since, until, None)

    async def server_budget(self) -> Budget:
        return await server_budget(self._seat.storage)

    async def set_server_budget(self, budget: Budget, *, by: AccountId | None, origin: Origin) -> Budget:
        """Replace the server's caps as a whole, for operators."""
        before = await self.server_budget()
        if before == budget:
            raise Refused(RefusalCode.NO_CHANGE, "this is the server's budget already")
        audit = AuditEntry(
            at=self._seat.clock.now(),
            actor_id=by,
            origin=origin,
            action="server_budget_set",
            subject="server",
            before=before.model_dump_json(exclude_defaults=True),
            after=budget.model_dump_json(exclude_defaults=True),
        )
        await put_server_budget(self._seat.storage, budget, audit=audit)
        return budget

    def _span(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
        until = until or self._seat.clock.now()
        since = since or until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if not timedelta(0) <= until - since <= MOST:
            raise Refused(RefusalCode.MALFORMED, "`since` comes before `until`, and at most ten years before it")
        return since, until

    def _report(
        self,
        rows: Sequence[UsageRow],
        caps: Sequence[CapState],
        group: UsageGroup,
        since: datetime,
        until: datetime,
        room_id: RoomId | None,
    ) -> UsageReport:
        return UsageReport(
            since=since,
            until=until,
            currency=self._seat.purse.currency,
            room_id=room_id,
            group=group,
            rows=tuple(rows),
            total=total_of(rows),
            caps=tuple(caps),
        )
