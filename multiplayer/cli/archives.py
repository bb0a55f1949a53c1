"""`multiplayer export` and `multiplayer import`: a room as files, and a room from files."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Room
from multiplayer.cli.output import Json, print_json, say
from multiplayer.cli.visible import visible


class Form(StrEnum):
    FOLDER = "folder"
    ZIP = "zip"
    MD = "md"
    HTML = "html"
    JSONL = "jsonl"


def export(
    room: Room,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="Where to write it; else by the room's name.")
    ] = None,
    form: Annotated[
        Form,
        typer.Option("--format", help="folder and zip hold everything and can be imported; the others are to read."),
    ] = Form.FOLDER,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a room with its files to a folder, a zip, or one file to read."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.live.room_archive import Exported, RoomExports
    from multiplayer.live.room_archive_writing import ArchiveForm

    async def work(pod: Pod) -> Exported:
        host = await room_called(pod, room)
        target = output if output is not None else Path(_file_name(host.room.state.room.name, host.room_id, form))
        exports = RoomExports(pod.storage, pod.files.blobs, pod.directory, pod.clock)
        with _progress() as told:
            return await exports.export(
                host.room_id,
                owner_of(host),
                target.absolute(),
                ArchiveForm(form.value),
                replaces=force,
                origin="cli",
                told=lambda step: told(step.doing, step.done, step.of),
            )

    done = on_data_dir(data_dir, work)
    metadata = done.metadata
    kept = len(metadata.attachments) - len(metadata.missing)
    if as_json:
        missing: list[Json] = [
            {"id": one.id, "message_id": one.message_id, "reason": one.missing} for one in metadata.missing
        ]
        print_json(
            {
                "path": str(done.path),
                "format": form.value,
                "room_id": metadata.room.id,
                "seq": metadata.seq,
                "messages": metadata.messages,
                "attachments": kept,
                "missing": missing,
            }
        )
        return
    say(f"{metadata.room.name}: {metadata.messages} messages and {kept} files are in {done.path}")
    for one in metadata.missing:
        sys.stderr.write(visible(f"not there: file {one.id} of message {one.message_id}: {one.missing}") + "\n")


def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or zip that export has written.", exists=True)],
    name: Annotated[str | None, typer.Option("--name", help="Call the new room so.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would come.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a new room of an exported one. Who is not here gets an account that is disabled."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.live.room_import import Imported, RoomImports
    from multiplayer.tools.extraction.extraction import Extractor

    async def work(pod: Pod) -> Imported:
        imports = RoomImports(pod.storage, pod.files.blobs, pod.lobby, pod.clock, Extractor())
        with _progress() as told:
            return await imports.import_room(
                path,
                name=name,
                origin="cli",
                is_dry_run=dry_run,
                told=lambda step: told(step.doing, step.done, step.of),
            )

    done = on_data_dir(data_dir, work)
    newcomers = [one for one in done.people if one.is_new]
    if as_json:
        people: list[Json] = [
            {"handle": one.handle, "here": one.here, "kind": one.kind.value, "is_new": one.is_new}
            for one in done.people
        ]
        print_json(
            {
                "id": done.room_id,
                "name": done.name,
                "seq": done.seq,
                "messages": done.messages,
                "attachments": done.attachments,
                "missing": done.missing,
                "keeps_ids": done.keeps_ids,
                "is_dry_run": dry_run,
                "people": people,
            }
        )
        return
    verb = "would be there" if done.room_id is None else f"is there ({done.room_id})"
    say(f"{done.name} {verb}: {done.messages} messages, {done.attachments} files, {done.missing} files missing")
    for one in newcomers:
        say(f"@{one.here}: {'a new account' if one.kind.value != 'ai' else 'a new AI'}, disabled")


def _file_name(name: str, room_id: str, form: Form) -> str:
    safe = "".join(character if character.isalnum() else "-" for character in name).strip("-")[:60]
    end = "" if form is Form.FOLDER else f".{form.value}"
    return f"{safe or room_id}{end}"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on stderr for each kind of step, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def told(doing: str, done: int, of: int) -> None:
            if doing not in tasks:
                tasks[doing] = bars.add_task(doing, total=None)
            bars.update(tasks[doing], completed=done, total=of or None)

        yield told
