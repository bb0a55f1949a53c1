"""What is under `multiplayer room` about a room's AIs: context, turns, summary, facts, trigger rules and webhooks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Room
from multiplayer.cli.output import print_done, print_json, print_rows, say

triggers = typer.Typer(help="When a room's AIs take turns.", no_args_is_help=True, rich_markup_mode=None)
hooks = typer.Typer(help="Ways in for other programs.", no_args_is_help=True, rich_markup_mode=None)
File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="A JSON array of rules; ai_id may be a handle. Without it, or with -: the input."
    ),
]


@triggers.command(name="show")
def show_triggers(room: Room, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a room's rules. As JSON they can be changed and given to `set`."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, room_called
    from multiplayer.cli.reading import Handle, handles
    from multiplayer.cli.rules import detail_of, rules_json
    from multiplayer.protocol.trigger_rules import TriggerRule

    async def work(pod: Pod) -> tuple[tuple[TriggerRule, ...], Handle]:
        host = await room_called(pod, room)
        return host.room.state.room.settings.triggers, await handles(pod)

    rules, handle = on_data_dir(data_dir, work)
    if as_json:
        print_json(rules_json(rules))
        return
    print_rows(
        ("RULE", "KIND", "AI", "REST", "PER MINUTE", "STATE", "DETAIL"),
        [
            (
                rule.id,
                rule.type,
                f"@{handle(rule.ai_id)}" if rule.ai_id is not None else "addressed or default",
                f"{rule.cooldown_s} s",
                str(rule.per_min),
                "" if rule.is_on else "off",
                detail_of(rule),
            )
            for rule in rules
        ],
    )


@triggers.command(name="example")
def example_triggers() -> None:
    """Print one rule of each kind, a line each; the whole can be changed and given to `set`."""
    from multiplayer.cli.rule_file import example_lines

    say(example_lines())


@triggers.command(name="set")
def set_triggers(room: Room, file: File = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Replace a room's rules. Schedules and webhooks act in the name of the room's owner from now on."""
    from multiplayer.cli.on_data_dir import Pod, ai_ids_of, as_owner, on_data_dir, room_called
    from multiplayer.cli.rule_file import parse_rules
    from multiplayer.cli.rules import read_text, rules_json
    from multiplayer.protocol.commands import SetRoomSettings
    from multiplayer.protocol.trigger_rules import TriggerRule

    text = read_text(file)

    async def work(pod: Pod) -> tuple[TriggerRule, ...]:
        host = await room_called(pod, room)
        rules = parse_rules(text, ai_ids_of(host))
        settings = host.room.state.room.settings.model_copy(update={"triggers": rules})
        await as_owner(host, SetRoomSettings(settings=settings))
        return host.room.state.room.settings.triggers

    stored = on_data_dir(data_dir, work)
    print_done(f"{room} has {len(stored)} rules now", rules_json(stored), as_json)


@triggers.command(name="dry-run")
def dry_run(
    room: Room,
    file: File = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    since: Annotated[int | None, typer.Option("--since", metavar="SEQ", min=1, help="From this event on.")] = None,
) -> None:
    """Say what rules would have done to what was said in the room. Nothing happens."""
    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, ai_ids_of, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, show
    from multiplayer.cli.rule_file import parse_rules
    from multiplayer.cli.rules import read_text
    from multiplayer.protocol.reports_rules import DryRun

    text = read_text(file)

    async def work(pod: Pod) -> tuple[DryRun, Handle]:
        host = await room_called(pod, room)
        rules = parse_rules(text, ai_ids_of(host))
        run = await pod.insights.rules.dry_run(host.room_id, owner_of(host), rules, since=since)
        return run, await handles(pod)

    run, handle = on_data_dir(data_dir, work)
    show(run, report_words.dry_run_lines(run, handle), as_json=as_json)


def context(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    ai: Annotated[str | None, typer.Option("--ai", metavar="HANDLE", help="Which AI; default: the room's.")] = None,
) -> None:
    """Say what an AI would be given if the room's owner asked it now, as this command's own environment has it."""
    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, member_called, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, show
    from multiplayer.protocol.reports_prompts import ContextPreview

    async def work(pod: Pod) -> tuple[ContextPreview, Handle]:
        host = await room_called(pod, room)
        ai_id = member_called(host, ai).account_id if ai is not None else None
        found = await pod.insights.previews.context(host.room_id, owner_of(host), ai_id)
        return found, await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    show(found, report_words.context_lines(found, handle), as_json=as_json)


def turns(
    room: Room,
    turn: Annotated[str | None, typer.Argument(metavar="[TURN]", help="All there is to know of this one.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many of those that have ended.")] = 20,
) -> None:
    """Show who waits for an AI, and the latest turns; or one turn: why, what it knew, did, used and cost."""
    from pydantic import BaseModel

    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import handles, show
    from multiplayer.protocol.budgets import UsageGroup
    from multiplayer.protocol.ids import TurnId

    async def work(pod: Pod) -> tuple[BaseModel, Iterator[str]]:
        host = await room_called(pod, room)
        reader = owner_of(host)
        currency = (await pod.insights.usage.of_room(host.room_id, reader, UsageGroup.DAY)).currency
        handle = await handles(pod)
        if turn is None:
            page = await pod.insights.turns.page(host.room_id, reader, limit=limit)
            return page, report_words.turn_page_lines(page, handle, currency)
        one = await pod.insights.turns.one(host.room_id, reader, TurnId(turn))
        return one, report_words.turn_lines(one, handle, currency)

    found, lines = on_data_dir(data_dir, work)
    show(found, lines, as_json=as_json)


def summary(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    edit: Annotated[
        Path | None,
        typer.Option(
            "--edit", metavar="FILE", help="Put this in its place: what this command prints, changed. - is the input."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, also if no point is left.")] = False,
) -> None:
    """Show a room's summary, or change it: what a person wrote is kept by later versions."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.cli.reading import json_of
    from multiplayer.cli.rules import read_text
    from multiplayer.cli.summary_edit import check_not_emptied, read_summary
    from multiplayer.protocol.commands import EditSummary
    from multiplayer.protocol.memory import Summary

    text = None if edit is None else read_text(edit)

    async def work(pod: Pod) -> Summary | None:
        host = await room_called(pod, room)
        before = host.room.state.summary
        if text is not None:
            version, points = read_summary(text, before)
            check_not_emptied(before, points, is_sure=yes)
            await as_owner(host, EditSummary(version=version, points=points))
        return host.room.state.summary

    found = on_data_dir(data_dir, work)
    if as_json:
        print_json(json_of(found) if found is not None else None)
    elif edit is not None and found is not None:
        say(f"version {found.version} of {room}'s summary has {len(found.points)} points")
    else:
        say(found.text if found is not None and found.points else "there is no summary yet")


def facts(room: Room, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what a room's AIs always know."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, json_of
    from multiplayer.protocol.memory import Fact

    async def work(pod: Pod) -> tuple[tuple[Fact, ...], Handle]:
        host = await room_called(pod, room)
        return (await pod.insights.memory.facts(host.room_id, owner_of(host))).facts, await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    if as_json:
        print_json([json_of(fact) for fact in found])
        return
    print_rows(
        ("FACT", "BY", "FROM MESSAGE", "ID"),
        [(fact.text, f"@{handle(fact.by)}", fact.message_id or "", fact.id) for fact in found],
    )


def curl_line(url: str, secret: str) -> str:
    """Return what fires a webhook from a shell; curl has the secret from its input, where nobody else sees it."""
    header = f"printf 'Authorization: Bearer {secret}'"
    return f"{header} | curl -H @- -H 'content-type: text/plain' -d 'main is red' {url}"


@hooks.command(name="create")
def create_hook(
    room: Room,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The id of one of the room's webhook rules.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a secret that fires a webhook rule. It is shown once."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import json_of
    from multiplayer.cli.server_file import link_base
    from multiplayer.live.hooks import HookMade
    from multiplayer.settings import load_settings

    async def work(pod: Pod) -> HookMade:
        host = await room_called(pod, room)
        return await pod.insights.hooks.create(host.room_id, owner_of(host), rule, origin="cli")

    made = on_data_dir(data_dir, work)
    url = f"{link_base(load_settings(data_dir))}/api/v1/hooks"
    if as_json:
        print_json({"url": url, "secret": made.secret, "hook": json_of(made.hook)})
        return
    say(made.secret)
    say(f"this secret fires rule {made.hook.rule_id} ({made.hook.id}) by POST to {url}, like this:")
    say(curl_line(url, made.secret))


@hooks.command(name="list")
def list_hooks(room: Room, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a room's webhooks, without their secrets."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, json_of
    from multiplayer.live.hooks import HookView

    async def work(pod: Pod) -> tuple[tuple[HookView, ...], Handle]:
        host = await room_called(pod, room)
        return (await pod.insights.hooks.list(host.room_id, owner_of(host))).hooks, await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    if as_json:
        print_json([json_of(hook) for hook in found])
        return
    print_rows(
        ("ID", "RULE", "BY", "MADE", "REVOKED"),
        [
            (
                hook.id,
                hook.rule_id,
                f"@{handle(hook.created_by)}",
                hook.created_at.isoformat(timespec="seconds"),
                hook.revoked_at.isoformat(timespec="seconds") if hook.revoked_at else "",
            )
            for hook in found
        ],
    )


@hooks.command(name="revoke")
def revoke_hook(
    room: Room,
    hook_id: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id, not its secret.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End a webhook: its secret fires nothing any more."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called

    async def work(pod: Pod) -> None:
        host = await room_called(pod, room)
        await pod.insights.hooks.revoke(host.room_id, owner_of(host), hook_id, origin="cli")

    on_data_dir(data_dir, work)
    print_done(f"{hook_id} is revoked", {"id": hook_id, "is_revoked": True}, as_json)
