"""`multiplayer replay`, `explain` and `catch-up`: what an AI was given, why it answered or not, and what one missed."""

from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Room

LAST = "last"


def replay(
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="A message's id; with --room also a turn's id, or last.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print the prompt itself, too.")] = False,
    room: Annotated[str | None, typer.Option("--room", metavar="ROOM", help="In which room the turn was.")] = None,
) -> None:
    """Build the prompt of an AI's answer again. Exit 3 if it is not the same to the last character."""
    from multiplayer.cli import report_words
    from multiplayer.cli.failures import CHECK_FAILED, Failure
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.reading import show
    from multiplayer.cli.which_turn import is_id, is_message, last_turn
    from multiplayer.protocol.ids import MessageId, TurnId
    from multiplayer.protocol.reports_prompts import Replay

    async def work(pod: Pod) -> Replay:
        replays = pod.insights.replays
        if room is None:
            message_id = MessageId(message)
            room_id = await pod.storage.room_of_message(message_id) if is_id(message) else None
            if room_id is None:
                raise Failure(f"there is no message {message!r}", hint="for a turn's id, or last, give --room ROOM")
            host = await pod.directory.host(room_id)
            return await replays.of_message(room_id, owner_of(host), message_id)
        host = await room_called(pod, room)
        if message != LAST and await is_message(pod, host, message):
            return await replays.of_message(host.room_id, owner_of(host), MessageId(message))
        turn_id = await last_turn(pod, host) if message == LAST else TurnId(message)
        return await replays.of_turn(host.room_id, owner_of(host), turn_id)

    found = on_data_dir(data_dir, work)
    lines = [*report_words.replay_lines(found), *(report_words.prompt_lines(found) if prompt else ())]
    show(found, lines, as_json=as_json)
    if not found.is_equal:
        raise typer.Exit(CHECK_FAILED)


def explain(
    room: Room,
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="A message's id, a turn's, or last: what a person said last.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say of each rule why an AI took a turn for a message, or did not; of a turn, what made it."""
    from multiplayer.cli import report_words
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.output import print_json
    from multiplayer.cli.reading import Handle, handles, json_of, show
    from multiplayer.cli.which_turn import is_message, last_of_person
    from multiplayer.protocol.ids import MessageId, TurnId
    from multiplayer.protocol.reports_rules import Explanation
    from multiplayer.protocol.reports_turns import TurnReport

    async def work(pod: Pod) -> tuple[TurnReport | None, list[Explanation], Handle]:
        host = await room_called(pod, room)
        message_id = await last_of_person(pod, host) if message == LAST else MessageId(message)
        turn = None
        messages: tuple[MessageId, ...] = (message_id,)
        if not await is_message(pod, host, message_id):
            found_turn = await pod.insights.turns.one(host.room_id, owner_of(host), TurnId(message))
            turn = TurnReport.model_validate(dict(found_turn), extra="ignore")
            there = await pod.storage.messages(host.room_id, turn.messages)
            messages = tuple(message_id for message_id in turn.messages if message_id in there)
        rules = pod.insights.rules
        found = [await rules.explain(host.room_id, owner_of(host), one) for one in messages]
        return turn, found, await handles(pod)

    turn, found, handle = on_data_dir(data_dir, work)
    if turn is None:
        show(found[0], report_words.explanation_lines(found[0], handle), as_json=as_json)
    elif as_json:
        print_json({"turn": json_of(turn), "explanations": [json_of(one) for one in found]})
    else:
        show(turn, report_words.cause_lines(turn, found, handle), as_json=False)


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
    from multiplayer.cli.reading import Handle, handles, show
    from multiplayer.protocol.reports_memory import CatchUp

    async def work(pod: Pod) -> tuple[CatchUp, Handle]:
        host = await room_called(pod, room)
        reader_id = owner_of(host) if reader is None else member_called(host, reader).account_id
        found = await pod.insights.catch_ups.since(host.room_id, reader_id, after)
        return found, await handles(pod)

    found, handle = on_data_dir(data_dir, work)
    show(found, report_words.catch_up_lines(found, handle), as_json=as_json)
