"""`multiplayer usage` and `multiplayer budget`: what AIs used and cost, and what they may."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.money import money, read_money, read_tokens
from multiplayer.cli.options import AsJson, DataDir, read_span
from multiplayer.cli.output import print_json, print_rows, say

app = typer.Typer(help="Caps on what AIs may use.", no_args_is_help=True, rich_markup_mode=None)
RoomOrAll = Annotated[
    str | None, typer.Argument(metavar="[ROOM]", help="A room's id, or its name if only one has it; else the server.")
]
Server = Annotated[bool, typer.Option("--server", help="The whole server's budget.")]
NONE = "none"


class UsageBy(StrEnum):
    ASKER = "asker"
    AI = "ai"
    MODEL = "model"
    DAY = "day"
    ROOM = "room"


def usage(
    room: RoomOrAll = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    by: Annotated[UsageBy | None, typer.Option("--by", help="Under which heading to add up.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="WHEN", help="A day (2026-11-01), a time, or how long ago (7d); default: the 1st."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Up to when; default: now.")] = None,
) -> None:
    """Say what AIs used and cost: in a room, or on the whole server. Days are those of UTC."""
    now = datetime.now(UTC)
    first, last = read_when(since, now), read_when(until, now)
    if room is not None and by is UsageBy.ROOM:
        raise Failure("one room cannot be told apart by room", hint="leave ROOM out", exit_code=USAGE)
    heading = by or (UsageBy.ROOM if room is None else UsageBy.ASKER)

    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import handles, json_of, room_names
    from multiplayer.cli.usage_words import beside, cap_line
    from multiplayer.protocol.budgets import UsageGroup, UsageReport, UsageRow
    from multiplayer.protocol.ids import AccountId

    group = UsageGroup(heading.value)

    async def work(pod: Pod) -> tuple[UsageReport, dict[str, str]]:
        reports = pod.insights.usage
        if room is None:
            report = await reports.of_server(group, since=first, until=last)
        else:
            host = await room_called(pod, room)
            report = await reports.of_room(host.room_id, owner_of(host), group, since=first, until=last)
        keys = [row.key for row in report.rows]
        if group in {UsageGroup.ASKER, UsageGroup.AI}:
            handle = await handles(pod)
            return report, {key: f"@{handle(AccountId(key))}" for key in keys if key}
        return report, await room_names(pod) if group is UsageGroup.ROOM else {}

    report, names = on_data_dir(data_dir, work)
    if as_json:
        print_json(json_of(report))
        return

    def cells(key: str, row: UsageRow) -> tuple[str, ...]:
        figures = (row.calls, row.tokens_in, row.tokens_cached, row.tokens_out)
        return (key, *(f"{figure:,}" for figure in figures), money(row.cost_micros, report.currency), beside(row))

    print_rows(
        (heading.value.upper(), "CALLS", "TOKENS IN", "CACHED", "TOKENS OUT", "COST", ""),
        [
            *(cells(names.get(row.key, row.key or "(nobody)"), row) for row in report.rows),
            cells("in all", report.total),
        ],
    )
    for cap in report.caps:
        say(cap_line(cap, report.currency))


@app.command(name="show")
def show_budget(
    room: RoomOrAll = None, data_dir: DataDir = None, as_json: AsJson = False, server: Server = False
) -> None:
    """Show the caps of a room or of the server, and what of them is used."""
    _check_target(room, is_server=server)

    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import json_of
    from multiplayer.cli.usage_words import budget_line, cap_line
    from multiplayer.protocol.budgets import Budget, UsageGroup, UsageReport

    async def work(pod: Pod) -> tuple[Budget, UsageReport]:
        reports = pod.insights.usage
        if room is None:
            return await reports.server_budget(), await reports.of_server(UsageGroup.DAY)
        host = await room_called(pod, room)
        report = await reports.of_room(host.room_id, owner_of(host), UsageGroup.DAY)
        return host.room.state.notes.budget, report

    budget, report = on_data_dir(data_dir, work)
    if as_json:
        caps = [json_of(cap) for cap in report.caps]
        print_json({"budget": json_of(budget), "currency": report.currency, "caps": caps})
        return
    say(budget_line(budget, report.currency))
    for cap in report.caps:
        say(cap_line(cap, report.currency))


Tokens = Annotated[str | None, typer.Option(metavar="N", help="Like 50000, 50k, 2m; none takes the cap away.")]
Money = Annotated[str | None, typer.Option(metavar="AMOUNT", help="Like 5 or 12.50; none takes the cap away.")]


@app.command(name="set")
def set_budget(
    room: RoomOrAll = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    server: Server = False,
    tokens_per_day: Tokens = None,
    tokens_per_month: Tokens = None,
    money_per_day: Money = None,
    money_per_month: Money = None,
    per_asker_tokens_per_day: Tokens = None,
    per_asker_tokens_per_month: Tokens = None,
    per_asker_money_per_day: Money = None,
    per_asker_money_per_month: Money = None,
) -> None:
    """Set caps; those that are not named stay as they are. Money is in the currency of the server's prices."""
    _check_target(room, is_server=server)
    total = {
        "tokens_per_day": _read("--tokens-per-day", tokens_per_day, is_money=False),
        "tokens_per_month": _read("--tokens-per-month", tokens_per_month, is_money=False),
        "micros_per_day": _read("--money-per-day", money_per_day, is_money=True),
        "micros_per_month": _read("--money-per-month", money_per_month, is_money=True),
    }
    per_asker = {
        "tokens_per_day": _read("--per-asker-tokens-per-day", per_asker_tokens_per_day, is_money=False),
        "tokens_per_month": _read("--per-asker-tokens-per-month", per_asker_tokens_per_month, is_money=False),
        "micros_per_day": _read("--per-asker-money-per-day", per_asker_money_per_day, is_money=True),
        "micros_per_month": _read("--per-asker-money-per-month", per_asker_money_per_month, is_money=True),
    }
    if not any(read for read in (*total.values(), *per_asker.values())):
        raise Failure("which cap?", hint="multiplayer budget set --help names them", exit_code=USAGE)

    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.cli.reading import json_of
    from multiplayer.cli.usage_words import budget_line
    from multiplayer.protocol.budgets import Budget, Caps, UsageGroup
    from multiplayer.protocol.commands import SetBudget

    def changed(before: Budget) -> Budget:
        def caps(there: Caps, given: dict[str, tuple[int | None] | None]) -> Caps:
            return Caps.model_validate(
                there.model_dump() | {name: read[0] for name, read in given.items() if read is not None}
            )

        return Budget(total=caps(before.total, total), per_asker=caps(before.per_asker, per_asker))

    async def work(pod: Pod) -> tuple[Budget, str]:
        reports = pod.insights.usage
        currency = (await reports.of_server(UsageGroup.DAY)).currency
        if room is None:
            budget = changed(await reports.server_budget())
            return await reports.set_server_budget(budget, by=None, origin="cli"), currency
        host = await room_called(pod, room)
        budget = changed(host.room.state.notes.budget)
        await as_owner(host, SetBudget(budget=budget))
        return budget, currency

    budget, currency = on_data_dir(data_dir, work)
    if as_json:
        print_json({"budget": json_of(budget), "currency": currency})
    else:
        say(f"{room or 'the server'}: {budget_line(budget, currency)}")


def read_when(text: str | None, now: datetime) -> datetime | None:
    """Read a day, a time (UTC unless it says otherwise), or how long ago it was."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            ago: timedelta = read_span(text)
            return now - ago
        except (typer.BadParameter, OverflowError):
            raise typer.BadParameter("a time is written like 2026-11-01, 2026-11-01T08:00 or 7d") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _read(option: str, text: str | None, *, is_money: bool) -> tuple[int | None] | None:
    """Return None for what was not given, else one cap; the cap None takes one away."""
    if text is None:
        return None
    if text.strip().lower() == NONE:
        return (None,)
    try:
        return (read_money(text) if is_money else read_tokens(text),)
    except ValueError as error:
        raise Failure(f"{option}: {error}", exit_code=USAGE) from None


def _check_target(room: str | None, *, is_server: bool) -> None:
    if (room is None) != is_server:
        raise Failure("give either a ROOM or --server", exit_code=USAGE)
