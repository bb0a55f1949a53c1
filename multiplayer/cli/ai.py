"""`multiplayer ai`: the AI accounts of the server, their profiles and their keys."""

import json
import sys
from typing import Annotated, cast

import typer

from multiplayer.cli.ai_options import Description, Reset, describes
from multiplayer.cli.failures import CHECK_FAILED
from multiplayer.cli.options import AsJson, DataDir, Handle
from multiplayer.cli.output import Json, print_done, print_json, print_rows, say

app = typer.Typer(
    help="AI accounts: what each one is, and what it thinks with.", no_args_is_help=True, rich_markup_mode=None
)


@app.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all AIs. What answers is told as this command's own environment has it."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> list[ProfileView]:
        return list(await pod.profiles.list())

    views = on_data_dir(data_dir, work)
    if as_json:
        print_json([_json(view.model_dump_json()) for view in views])
        return
    print_rows(
        ("HANDLE", "NAME", "PROVIDER", "ANSWERS WITH", "STATE"),
        [
            (
                view.profile.handle,
                view.profile.name,
                view.profile.provider.value,
                view.answers_with,
                "disabled" if view.is_disabled else view.problem or ("from the file" if view.is_from_file else ""),
            )
            for view in views
        ],
    )


@app.command()
def show(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one AI's whole profile. Its key is never shown."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> ProfileView:
        return await pod.profiles.called(handle)

    view = on_data_dir(data_dir, work)
    if as_json:
        print_json(_json(view.model_dump_json()))
        return
    profile = json.loads(view.profile.model_dump_json(exclude_defaults=True))
    lines = {
        **profile,
        "provider": view.profile.provider.value,
        "id": view.account_id,
        "version": view.version,
        "answers with": view.answers_with,
        "problem": view.problem,
        "key": "set" if view.has_key else "none",
        "state": "disabled" if view.is_disabled else "from the file of profiles" if view.is_from_file else "",
    }
    rows = [(name, text if isinstance(text, str) else json.dumps(text)) for name, text in lines.items() if text]
    print_rows(("FIELD", "VALUE"), rows)


@app.command()
@describes
def add(handle: Handle, described: Description, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make an AI account. Then: multiplayer ai key HANDLE, and multiplayer room add ROOM HANDLE."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.cli.profile_fields import profile_of, with_nlweb
    from multiplayer.protocol.profiles import ProfileView

    folded = handle.removeprefix("@").casefold()
    profile = profile_of(with_nlweb({"handle": folded, "name": folded, **described.fields}, described.nlweb))

    async def work(pod: Pod) -> ProfileView:
        return await pod.profiles.create(profile, by=None, origin="cli")

    view = on_data_dir(data_dir, work)
    answers = view.problem or f"answers with {view.answers_with}"
    print_done(f"{folded} is there ({view.account_id}): {answers}", _json(view.model_dump_json()), as_json)


@app.command(name="set")
@describes
def set_(
    handle: Handle,
    described: Description,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    reset: Reset = None,
) -> None:
    """Change an AI's profile: what is given; the rest stays. --reset FIELD takes a field back to its default."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.cli.profile_fields import changed
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> ProfileView:
        view = await pod.profiles.called(handle)
        profile = changed(view.profile, described.fields, described.nlweb, reset or [])
        return await pod.profiles.change(view.account_id, profile, version=view.version, by=None, origin="cli")

    view = on_data_dir(data_dir, work)
    answers = view.problem or f"answers with {view.answers_with}"
    print_done(f"{view.profile.handle} is changed: {answers}", _json(view.model_dump_json()), as_json)


@app.command()
def remove(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove an AI that is in no room, with its key. Its account stays, disabled: `ai add` makes it again."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> ProfileView:
        view = await pod.profiles.called(handle)
        await pod.profiles.remove(view.account_id, by=None, origin="cli")
        return view

    view = on_data_dir(data_dir, work)
    print_done(f"{view.profile.handle} is removed", {"id": view.account_id, "is_removed": True}, as_json)


@app.command()
def disable(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let an AI answer no more, in any room."""
    _set_disabled(handle, data_dir, as_json, is_disabled=True)


@app.command()
def enable(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a disabled AI answer again."""
    _set_disabled(handle, data_dir, as_json, is_disabled=False)


@app.command()
def key(
    handle: Handle,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key instead.")] = False,
) -> None:
    """Set the key of an AI's provider. Asks for it; piped, takes the first line of the input. Kept in a private file."""
    text = "" if remove else _ask_key()

    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> ProfileView:
        account_id = (await pod.profiles.called(handle)).account_id
        if remove:
            return await pod.profiles.remove_key(account_id, by=None, origin="cli")
        return await pod.profiles.set_key(account_id, text, by=None, origin="cli")

    view = on_data_dir(data_dir, work)
    said = "removed" if remove else "set"
    print_done(
        f"the key of {view.profile.handle} is {said}" + (f"; {view.problem}" if view.problem else ""),
        {"id": view.account_id, "has_key": view.has_key},
        as_json,
    )


@app.command(name="test")
def try_out(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask an AI's model for one word, from here: say whether it answers and how fast. Ends with 3 if it does not."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.live.profile_trial import ProfileTest

    async def work(pod: Pod) -> tuple[ProfileTest, str]:
        view = await pod.profiles.called(handle)
        return await pod.profiles.test(view.account_id), view.profile.base_url or view.answers_with

    found, address = on_data_dir(data_dir, work)
    if as_json:
        print_json(_json(found.model_dump_json()))
    else:
        say(found.said)
        # Without a model nobody was asked.
        if address and found.model:
            say(f"asked: {address}")
    if not found.is_ok:
        raise typer.Exit(CHECK_FAILED)


def _set_disabled(handle: str, data_dir: DataDir, as_json: bool, *, is_disabled: bool) -> None:
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.profiles import ProfileView

    async def work(pod: Pod) -> tuple[ProfileView, bool]:
        view = await pod.profiles.called(handle)
        if view.is_disabled == is_disabled:
            return view, False
        return await pod.profiles.disable(view.account_id, disabled=is_disabled, by=None, origin="cli"), True

    view, is_changed = on_data_dir(data_dir, work)
    word = "disabled" if is_disabled else "enabled"
    print_done(
        f"{view.profile.handle} is {word}" + ("" if is_changed else " already"),
        {"id": view.account_id, "is_disabled": is_disabled, "is_changed": is_changed},
        as_json,
    )


def _ask_key() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return str(typer.prompt("Key", hide_input=True)).strip()
    except typer.Abort:
        raise typer.Exit(130) from None


def _json(text: str) -> Json:
    return cast("Json", json.loads(text))
