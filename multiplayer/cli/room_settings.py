"""`multiplayer room settings`: what a room's owner may switch, shown and changed."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from multiplayer.cli.approval_options import approval_rows, changed_approvals, read_expires, read_standing
from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson, DataDir, Room
from multiplayer.cli.output import print_json, print_rows, say

NONE, ALL = "none", "all"


class Busy(StrEnum):
    COLLECT = "collect"
    STEER = "steer"
    INTERRUPT = "interrupt"


def settings(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    while_busy: Annotated[
        Busy | None, typer.Option("--while-busy", help="What is said to an AI at work: waits, joins in, or ends it.")
    ] = None,
    ai_to_ai: Annotated[
        bool | None, typer.Option("--ai-to-ai/--no-ai-to-ai", help="AIs may call each other, two hops at most.")
    ] = None,
    summarise_after: Annotated[
        str | None,
        typer.Option("--summarise-after", metavar="N|none", help="After so many messages; none: when space is short."),
    ] = None,
    default_ai: Annotated[
        str | None, typer.Option("--default-ai", metavar="HANDLE|none", help="Whom @ai means; none: the first AI.")
    ] = None,
    persona: Annotated[
        str | None, typer.Option("--persona", metavar="TEXT", help="How the room wants its AI to be; empty: no wish.")
    ] = None,
    tools: Annotated[
        str | None, typer.Option("--tools", metavar="A,B|all|none", help="Which tools AIs may use here.")
    ] = None,
    guests_post: Annotated[bool | None, typer.Option("--guests-post/--no-guests-post")] = None,
    guests_ask_ai: Annotated[bool | None, typer.Option("--guests-ask-ai/--no-guests-ask-ai")] = None,
    guests_see_history: Annotated[bool | None, typer.Option("--guests-see-history/--no-guests-see-history")] = None,
    guests_see_workspace: Annotated[
        bool | None, typer.Option("--guests-see-workspace/--no-guests-see-workspace")
    ] = None,
    members_invite: Annotated[bool | None, typer.Option("--members-invite/--no-members-invite")] = None,
    fetch_urls: Annotated[
        bool | None, typer.Option("--fetch-urls/--no-fetch-urls", help="AIs may read web pages; each is approved.")
    ] = None,
    approvers: Annotated[
        int | None, typer.Option("--approvers", min=1, max=5, help="How many people must approve a call.")
    ] = None,
    not_asker: Annotated[
        bool | None, typer.Option("--not-asker/--asker-too", help="Whoever asked never approves it.")
    ] = None,
    ask_before_writes: Annotated[
        bool | None,
        typer.Option("--ask-before-writes/--no-ask-before-writes", help="Members confirm what writes files, too."),
    ] = None,
    admins_confirm: Annotated[
        bool | None, typer.Option("--admins-confirm/--no-admins-confirm", help="Admins confirm their commands, too.")
    ] = None,
    members_confirm: Annotated[
        bool | None,
        typer.Option("--members-confirm/--no-members-confirm", help="Members approve their own commands."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="SPAN", help="How long a call waits for people, like 10m.")
    ] = None,
    standing: Annotated[
        list[str] | None,
        typer.Option(
            "--standing",
            metavar="CLASS=SPAN|TIME|none",
            help="Let a class of calls run unasked until then; repeatable.",
        ),
    ] = None,
    clear_standing: Annotated[bool, typer.Option("--clear-standing", help="End all standing rules.")] = False,
) -> None:
    """Show a room's settings, or change those that are given; the rest stays."""
    changes: dict[str, object] = {
        name: value
        for name, value in (
            ("while_busy", None if while_busy is None else while_busy.value),
            ("ai_to_ai", ai_to_ai),
            ("persona", persona),
            ("guests_post", guests_post),
            ("guests_ask_ai", guests_ask_ai),
            ("guests_see_history", guests_see_history),
            ("guests_see_workspace", guests_see_workspace),
            ("members_invite", members_invite),
            ("fetches_urls", fetch_urls),
        )
        if value is not None
    }
    # Here None is a setting, too.
    if summarise_after is not None:
        changes["summarise_after"] = read_summarise_after(summarise_after)
    if tools is not None:
        changes["tools"] = read_tools(tools)

    rules: dict[str, object] = {
        name: value
        for name, value in (
            ("approvers", approvers),
            ("not_asker", not_asker),
            ("asks_before_writes", ask_before_writes),
            ("admins_confirm", admins_confirm),
            ("members_confirm", members_confirm),
            ("expires_s", None if expires is None else read_expires(expires)),
        )
        if value is not None
    }
    unasked = read_standing(standing or (), datetime.now(UTC))

    from multiplayer.cli.on_data_dir import Pod, as_owner, member_called, on_data_dir, room_called
    from multiplayer.cli.reading import Handle, handles, json_of
    from multiplayer.cli.retention_words import rule_words
    from multiplayer.protocol.commands import SetRoomSettings
    from multiplayer.protocol.rooms import RoomSettings

    async def work(pod: Pod) -> tuple[RoomSettings, Handle]:
        host = await room_called(pod, room)
        before = host.room.state.room.settings
        if default_ai is not None:
            is_none = default_ai.strip().lower() == NONE
            changes["default_ai"] = None if is_none else member_called(host, default_ai).account_id
        if rules or unasked or clear_standing:
            policy = before.approvals.model_dump(mode="json")
            changes["approvals"] = changed_approvals(policy, rules, unasked, clears_standing=clear_standing)
        if changes:
            wanted = RoomSettings.model_validate(dict(before) | changes)
            await as_owner(host, SetRoomSettings(settings=wanted))
        return host.room.state.room.settings, await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    if as_json:
        print_json(json_of(found))
        return
    if changes:
        say(f"{room} is changed: {', '.join(name.replace('_', '-') for name in changes)}")
    rows = {
        "while-busy": found.while_busy.value,
        "ai-to-ai": _yes(found.ai_to_ai),
        "ai-pairs-per-hour": str(found.ai_pairs_per_hour),
        "summarise-after": NONE if found.summarise_after is None else str(found.summarise_after),
        "default-ai": NONE if found.default_ai is None else f"@{handle(found.default_ai)}",
        "persona": found.persona,
        "tools": ALL if found.tools is None else ",".join(found.tools) or NONE,
        "shows-thinking": _yes(found.shows_thinking),
        "guests-post": _yes(found.guests_post),
        "guests-ask-ai": _yes(found.guests_ask_ai),
        "guests-see-history": _yes(found.guests_see_history),
        "guests-see-workspace": _yes(found.guests_see_workspace),
        "members-invite": _yes(found.members_invite),
        "retention": rule_words(found.retention),
        "triggers": ", ".join(rule.id for rule in found.triggers) or NONE,
        "fetch-urls": _yes(found.fetches_urls),
        **dict(approval_rows(found.approvals.model_dump(mode="json"))),
        "consents": ", ".join(f"{consent.server}/{consent.tool}" for consent in found.consents) or NONE,
    }
    print_rows(("SETTING", "VALUE"), list(rows.items()))


def read_summarise_after(text: str) -> int | None:
    """Read a number of messages, or `none`. Raises `Failure`."""
    word = text.strip().lower()
    if word == NONE:
        return None
    if word.isascii() and word.isdigit() and len(word) <= 4 and 5 <= int(word) <= 1_000:
        return int(word)
    raise Failure("--summarise-after: a number of messages from 5 to 1000, or none", exit_code=USAGE)


def read_tools(text: str) -> tuple[str, ...] | None:
    """Read names of tools; None for `all`. Raises `Failure`."""
    word = text.strip()
    if word.lower() == ALL:
        return None
    if word.lower() == NONE:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in word.split(",") if name.strip()))
    if not names or len(names) > 64 or any(len(name) > 64 for name in names):
        raise Failure("--tools: names of at most 64 tools with commas between them, or all, or none", exit_code=USAGE)
    return names


def _yes(is_on: bool) -> str:
    return "yes" if is_on else "no"
