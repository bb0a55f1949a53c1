"""`multiplayer attach`, `attachments` and `download`: files of messages at a running server, from a shell."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import Json, print_json, print_rows, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of

InRoom = Annotated[str, typer.Argument(metavar="ROOM", help="A room's id, or its name if only one of yours has it.")]


def attach(
    room: InRoom,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files here, ten at most.")],
    text: Annotated[str, typer.Option("--text", metavar="WORDS", help="What the message says.")] = "",
    reply_to: Annotated[str | None, typer.Option("--reply-to", metavar="ID", help="The message it answers.")] = None,
    direct: Annotated[bool, typer.Option("--direct", help="Past the server into its file store, if it can.")] = False,
    resume: Annotated[
        list[str] | None,
        typer.Option(
            "--resume", metavar="ID", help="Go on with an upload that broke off; one for each FILE, in order."
        ),
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Send files into a room, and post one message with them."""
    known = token_of(token)
    from rich.filesize import decimal

    from multiplayer.cli.on_server import json_of, on_server
    from multiplayer.cli.transfers import Attaching
    from multiplayer.cli.visible import visible
    from multiplayer.client import RefusalCode, Refused
    from multiplayer.protocol.attachments import MAX_ATTACHMENTS
    from multiplayer.protocol.ids import AttachmentId, MessageId

    if len(files) > MAX_ATTACHMENTS:
        raise Failure(f"a message has at most {MAX_ATTACHMENTS} files", exit_code=USAGE)
    if len(resume or ()) > len(files):
        raise Failure("more uploads are to be taken up than files are named", exit_code=USAGE)
    for path in files:
        if not path.exists():
            raise Failure(f"there is no file {path}", exit_code=USAGE)
        if path.is_dir():
            raise Failure(f"{path} is a folder", hint="multiplayer sync keeps folders", exit_code=USAGE)
        if not path.is_file():
            raise Failure(f"{path} is not a regular file", exit_code=USAGE)
    answered = MessageId(_id(reply_to, "message")) if reply_to is not None else None
    taken_up = [AttachmentId(_id(one, "upload")) for one in resume or ()]
    attaching = Attaching(room, files, text, answered, direct, taken_up)
    is_done = False
    try:
        sent, ready = on_server(url, known, room, attaching.run)
        is_done = True
    except Refused as refused:
        # The upload that was to be taken up, or the message that it answers, is not there: no going on.
        is_done = refused.code is RefusalCode.NOT_FOUND
        raise
    finally:
        if not is_done and attaching.begun:
            sys.stderr.write(f"what was sent is kept for a day; go on with:\n  {visible(attaching.command())}\n")
    if as_json:
        print_json({"message_id": sent.message_id, "seq": sent.seq, "attachments": [json_of(one) for one in ready]})
        return
    say(f"message {sent.message_id}")
    print_rows(
        ("FILE", "NAME", "SIZE", "TYPE"), [(one.id, one.name, decimal(one.size), one.content_type) for one in ready]
    )


def attachments(
    room: InRoom,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 50,
    before: Annotated[int | None, typer.Option("--before", metavar="SEQ", min=1, help="Only older ones.")] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the files of a room's messages, the newest first."""
    known = token_of(token)
    from rich.filesize import decimal

    from multiplayer.cli.on_server import Room, json_of, on_server
    from multiplayer.protocol.attachments import FileListing

    async def work(opened: Room) -> tuple[FileListing, dict[str, str]]:
        members = opened.view.members.values()
        handles = {str(member.account_id): f"@{member.handle}" for member in members}
        return await opened.attachments(limit=limit, before=before), handles

    found, handles = on_server(url, known, room, work)
    if as_json:
        print_json(json_of(found))
        return
    if not found.files:
        say("no file is attached to any message")
        return
    rows = [
        (
            one.attachment.id,
            one.attachment.name,
            decimal(one.attachment.size),
            one.attachment.content_type,
            handles.get(one.uploaded_by, one.uploaded_by),
            one.message_id,
        )
        for one in found.files
    ]
    print_rows(("FILE", "NAME", "SIZE", "TYPE", "FROM", "MESSAGE"), rows)
    if found.next_before is not None:
        say(f"older ones: --before {found.next_before}")


def download(
    file: Annotated[str, typer.Argument(metavar="FILE_ID", help="As `multiplayer attachments ROOM` names it.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="A file, or a folder (FOLDER/ is made); else here."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Only the text that was found in it; printed without -o.")
    ] = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a file of a message, checked by its checksum; one that broke off goes on where it was."""
    known = token_of(token)
    import asyncio

    from rich.filesize import decimal

    from multiplayer.cli.file_names import place_for
    from multiplayer.cli.transfers import bars
    from multiplayer.client.fetching import Downloaded
    from multiplayer.client.files import files_at
    from multiplayer.protocol.ids import AttachmentId

    file_id = AttachmentId(_id(file, "file"))

    async def fetch() -> Downloaded:
        async with files_at(url, known, user_agent="multiplayer-cli") as files:
            to = place_for(output, (await files.about(file_id)).name)
            with bars() as shown:
                return await files.download(file_id, to, replaces=force, on_progress=shown.of("fetching", to.name))

    async def read() -> str:
        async with files_at(url, known, user_agent="multiplayer-cli") as files:
            return await files.text(file_id)

    try:
        if text:
            _tell_text(
                asyncio.run(read()), file_id, Path(output) if output is not None else None, force=force, as_json=as_json
            )
            return
        got = asyncio.run(fetch())
    except FileExistsError as there:
        raise Failure(str(there), hint="--force writes over it, -o PATH puts it elsewhere") from None
    except ValueError as wrong:
        raise Failure(str(wrong), exit_code=USAGE) from None
    if as_json:
        print_json({"path": str(got.path), "bytes": got.size, "sha256": got.sha256, "is_verified": got.is_verified})
    else:
        say(f"{got.path} ({decimal(got.size)}{', checksum right' if got.is_verified else ''})")


def _tell_text(found: str, file_id: str, output: Path | None, *, force: bool, as_json: bool) -> None:
    if output is not None:
        to = output / f"{file_id}.txt" if output.is_dir() else output
        try:
            with to.open("w" if force else "x", encoding="utf-8") as file:
                file.write(found)
        except FileExistsError:
            raise FileExistsError(f"{to} is there already") from None
        about: dict[str, Json] = {"path": str(to), "characters": len(found)}
        if as_json:
            print_json(about)
        else:
            say(f"{to} ({len(found):,} characters)")
    elif as_json:
        print_json({"text": found})
    elif sys.stdout.isatty():
        # A stranger's words: nothing in them moves the cursor.
        say(found.removesuffix("\n"))
    else:
        sys.stdout.write(found)


def _id(text: str, what: str) -> str:
    """Ids are letters and digits; nothing else gets into an address."""
    if not text.isascii() or not text.isalnum():
        raise Failure(f"there is no {what} {text!r}", exit_code=USAGE)
    return text.upper()
