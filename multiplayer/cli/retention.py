"""`multiplayer retention`: how long a room keeps what is said; shown, tried out, and set."""

import sys
from typing import Annotated

import typer

from multiplayer.cli.attachments import InRoom
from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import print_json, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

_MOST = 3650


def retention(
    room: InRoom,
    messages: Annotated[
        int | None, typer.Option("--messages", metavar="DAYS", min=1, max=_MOST, help="Keep messages for so long.")
    ] = None,
    files: Annotated[
        int | None,
        typer.Option("--files", metavar="DAYS", min=1, max=_MOST, help="Keep files of messages for so long."),
    ] = None,
    drop_pinned: Annotated[bool, typer.Option("--drop-pinned", help="Also what is pinned; else that stays.")] = False,
    off: Annotated[bool, typer.Option("--off", help="No rule of the room's own any more.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what the rule would remove now.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Set it without asking.")] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show how long a room keeps what is said, or set a new rule in place of the old one. Owners only."""
    is_rule = messages is not None or files is not None
    if off and (is_rule or drop_pinned):
        raise Failure("--off goes alone: it ends the rule", exit_code=USAGE)
    if drop_pinned and not is_rule:
        raise Failure("--drop-pinned is a part of a rule: give --messages or --files, too", exit_code=USAGE)
    known = token_of(token)

    from multiplayer.cli.on_server import Room, json_of, on_server
    from multiplayer.cli.retention_words import preview_lines, report_lines, rule_words
    from multiplayer.cli.visible import visible
    from multiplayer.client import RefusalCode, Refused
    from multiplayer.protocol.retention import Retention, RetentionReport

    rule = Retention(messages_days=messages, files_days=files, keeps_pinned=not drop_pinned) if is_rule or off else None

    async def look(opened: Room) -> tuple[RetentionReport | None, Retention, dict[str, str]]:
        members = opened.view.members.values()
        handles = {str(one.account_id): f"@{one.handle}" for one in members}
        holds = opened.view.room.settings.retention
        try:
            return await opened.retention(rule), holds, handles
        except Refused as refused:
            # What the rule is, every member may know.
            if rule is None and refused.code is RefusalCode.FORBIDDEN:
                return None, holds, handles
            raise

    async def put(opened: Room) -> RetentionReport:
        assert rule is not None, "there is something to set"
        try:
            await opened.set_retention(rule)
        except Refused as refused:
            # It may be the rule already, and that is what was asked for.
            if refused.code is not RefusalCode.NO_CHANGE:
                raise
        return await opened.retention()

    report, holds, handles = on_server(url, known, room, look)
    if report is None:
        if as_json:
            print_json({"rule": json_of(holds)})
        else:
            say(visible(f"rule: {rule_words(holds)}"))
            say("what it would remove, owners see")
        return
    is_only_shown = rule is None or preview
    if not (as_json and (is_only_shown or yes)):
        said = [f"new rule: {rule_words(rule)}", *preview_lines(report.preview, handles)] if rule is not None else []
        for line in said or report_lines(report, handles):
            say(visible(line))
    if is_only_shown:
        if as_json:
            print_json(json_of(report))
        return
    if not yes:
        _ask(as_json=as_json)
    report = on_server(url, known, room, put)
    if as_json:
        print_json(json_of(report))
    else:
        say(visible(f"{room}: {rule_words(report.rule)}"))


def _ask(*, as_json: bool) -> None:
    """Return if whoever sits at the terminal says yes."""
    if as_json or not sys.stdin.isatty():
        raise Failure(
            "nothing is set: there is nobody here to ask",
            hint="--yes sets it, --preview only says what would go",
            exit_code=USAGE,
        )
    try:
        is_wanted = typer.confirm("What is gone does not come back. Set this rule?", default=False)
    except typer.Abort:
        raise typer.Exit(130) from None
    if not is_wanted:
        raise Failure("nothing is set")
