"""`multiplayer replay`, `explain` and `catch-up`: what an AI was given, why it answered or not, and what one missed."""

from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Room

Message = Annotated[str, typer.Argument(metavar="MESSAGE", help="A message's id.")]


def replay(
    message: Message,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print the prompt itself, too.")] = False,
) -> None:
    """Build the prompt of an AI's answer again. Exit 3 if it is not the same to the last character."""
    from multiplayer.cli import report_words
    from multiplayer.cli.failures import CHECK_FAILED, Failure
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of
    from multiplayer.cli.reading import show, told
    from multiplayer.client.reports import Replay
    from multiplayer.protocol.ids import MessageId

    async def work(pod: Pod) -> Replay:
        message_id = MessageId(message)
        # Ids are ASCII; the database cannot take every string that an argument can hold.
        room_id = await pod.storage.room_of_message(message_id) if message.isascii() and message.isalnum() else None
        if room_id is None:
            raise Failure(f"there is no message {message!r}")
        host = await pod.directory.host(room_id)
        return told(Replay, await pod.insights.replays.of_message(room_id, owner_of(host), message_id))

    found = on_data_dir(data_dir, work)
    lines = [*report_words.replay_lines(found), *(report_words.prompt_lines(found) if prompt else ())]
    show(found, lines, as_json=as_json)
    if not found.is_equal:
        raise typer.Exit(CHECK_FAILED)


def explain(room: Room, message: Message, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say of each rule why an AI took a turn for a message, or did not, and what became of it."""
    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, show, told
    from multiplayer.client.reports import Explanation
    from multiplayer.protocol.ids import MessageId

    async def work(pod: Pod) -> tuple[Explanation, Handle]:
        host = await room_called(pod, room)
        found = await pod.insights.rules.explain(host.room_id, owner_of(host), MessageId(message))
        return told(Explanation, found), await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    show(found, report_words.explanation_lines(found, handle), as_json=as_json)


def catch_up(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    reader: Annotated[
        str | None, typer.Option("--for", metavar="HANDLE", help="Which member; default: the room's owner.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", metavar="SEQ", min=0, help="After this event; default: what was read.")
    ] = None,
) -> None:
    """Say what happened in a room since a member last read it."""
    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, member_called, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import Handle, handles, show, told
    from multiplayer.client.reports import CatchUp

    async def work(pod: Pod) -> tuple[CatchUp, Handle]:
        host = await room_called(pod, room)
        reader_id = owner_of(host) if reader is None else member_called(host, reader).account_id
        found = await pod.insights.catch_ups.since(host.room_id, reader_id, after)
        return told(CatchUp, found), await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    show(found, report_words.catch_up_lines(found, handle), as_json=as_json)
