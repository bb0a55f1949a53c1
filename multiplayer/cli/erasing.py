"""`multiplayer user erase`: all that a person has said goes, after a look at what that is."""

import sys
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Handle
from multiplayer.cli.output import print_json, say


def erase(
    handle: Handle,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the handle to be typed: for scripts.")] = False,
    hand_over: Annotated[
        bool,
        typer.Option("--hand-over", help="Rooms that nobody else owns go to the admin, else member, there longest."),
    ] = False,
) -> None:
    """Erase all that a person has said, with what was derived from it, and disable the account. There is no way back.

    Started again, it goes on where it was; a running server goes on by itself, too.
    """
    from multiplayer.cli.erasure_words import preview_lines, progress
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.cli.on_server import json_of
    from multiplayer.cli.visible import visible
    from multiplayer.protocol.reports_erasure import Erasure, ErasurePreview, ErasureStage

    async def look(pod: Pod) -> tuple[ErasurePreview, Erasure | None]:
        account = await account_called(pod, handle)
        return await pod.erasures.preview(account.id), await pod.erasures.of(account.id)

    async def work(pod: Pod) -> Erasure:
        asked = await pod.erasures.request(found.account_id, by=None, origin="cli", hand_over=hand_over)
        with progress() as told:
            return await pod.erasures.follow(asked, told)

    found, known = on_data_dir(data_dir, look)
    if preview:
        if as_json:
            print_json(json_of(found))
        else:
            say("\n".join(visible(line) for line in preview_lines(found)))
        return
    if known is None:
        sys.stderr.writelines(f"{visible(line)}\n" for line in preview_lines(found))
        _confirm(found.handle, [room.name for room in found.held_by], is_sure=yes, hands_over=hand_over)
    done = on_data_dir(data_dir, work)
    if as_json:
        print_json(json_of(done))
    elif done.stage is ErasureStage.DONE:
        say(f"{handle} is erased: {done.messages_done} messages, {done.rooms} rooms; the account is {done.handle} now")
    if done.stage is not ErasureStage.DONE:
        sys.stderr.write(f"not done yet: {done.problem}\n  it goes on with the server, or with this command again\n")
        raise typer.Exit(1)


def _confirm(handle: str, held_by: list[str], *, is_sure: bool, hands_over: bool) -> None:
    from multiplayer.cli.failures import USAGE, Failure

    if held_by and not hands_over:
        raise Failure(
            f"{handle} is the only owner of rooms with others in them: {', '.join(held_by)}",
            hint="make someone else owner with `multiplayer room role`, or give --hand-over",
        )
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise Failure("this cannot be undone", hint="give --yes, or type the handle on a terminal", exit_code=USAGE)
    try:
        typed = str(typer.prompt(f"This cannot be undone. Type {handle} to go on", err=True))
    except typer.Abort:
        raise typer.Exit(130) from None
    if typed.strip().removeprefix("@").casefold() != handle:
        raise Failure("that is not the handle: nothing was done")
