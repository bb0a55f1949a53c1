"""What goes with a deleted message or a forgotten fact: words in the log, points of summaries, prompts, digests."""

from collections.abc import Mapping, Sequence

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import AttachmentChanged, Event, FactForgotten, FactPinned, event_adapter
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.rooms.derived import without
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.forgotten_tools import Gone
from multiplayer.storage.queries import Queries
from multiplayer.storage.redaction import (
    answer_asked_again,
    file_in,
    further_words_of,
    note_of_turn,
    quotable,
    quotable_file,
    redacted,
    traces_of,
    traces_of_file,
    without_file,
    without_points_of,
    words_of_message,
)
from multiplayer.storage.summary_rows import points_adapter, stored_points

_Key = tuple[RoomId, MessageId]
_Place = tuple[RoomId, int]


async def keep_further_lines(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Remember the lines that hold words of a message beside those of its text, of facts, and of turns' requests."""
    # One line may hold words of a message in both ways.
    lines: dict[tuple[object, ...], None] = {
        (event.room_id, message_id, event.seq): None
        for event in events
        for message_id in (further_words_of(event), answer_asked_again(event))
        if message_id is not None
    }
    if lines:
        await connection.execute(queries["put_further_lines"], *columns(list(lines)))
    facts: list[tuple[object, ...]] = [
        (event.room_id, event.fact.id, event.seq) for event in events if isinstance(event, FactPinned)
    ]
    if facts:
        await connection.execute(queries["put_facts"], *columns(facts))
    notes: list[tuple[object, ...]] = [
        (event.room_id, turn_id, event.seq) for event in events if (turn_id := note_of_turn(event)) is not None
    ]
    if notes:
        await connection.execute(queries["put_turn_notes"], *columns(notes))


async def forget_messages(
    connection: Connection, queries: Queries, deleted: Mapping[_Key, tuple[Message, int]], gone: Gone
) -> None:
    """Take out all that is left of messages but in tool calls. Each comes as it stood before, with the seq of its deletion."""
    keys = columns(list(deleted))
    places: dict[_Place, None] = {(room_id, message.seq): None for (room_id, _), (message, _) in deleted.items()}
    for name in ("remove_revisions", "remove_further_lines"):
        places |= {(row["room_id"], row["seq"]): None for row in await connection.fetch(queries[name], *keys)}
    for (room_id, message_id), (message, seq) in deleted.items():
        gone.messages[room_id][message_id] = seq
        gone.answered[room_id] |= dict.fromkeys((answer.turn_id for answer in message.alternatives), seq)
        if message.turn_id is not None:
            gone.answered[room_id][message.turn_id] = seq
    turns = {turn_id for answered in gone.answered.values() for turn_id in answered}
    if turns:
        rows = await connection.fetch(queries["remove_turn_notes"], list(turns))
        places |= {(row["room_id"], row["seq"]): None for row in rows}
        await connection.execute(queries["redact_turn_texts"], list(turns))
    for event in await _redact(connection, queries, list(places)):
        said_in = words_of_message(event)
        until = None if said_in is None else gone.messages[event.room_id].get(said_in)
        if until is not None:
            gone.quotable[event.room_id] |= dict.fromkeys(quotable(event, until))
    await _forget_points(connection, queries, deleted)
    await connection.execute(queries["redact_turn_notes"], *keys)


async def forget_files(connection: Connection, queries: Queries, events: Sequence[Event], gone: Gone) -> None:
    """Take out the names of files that are taken off their message, and what is said in them."""
    removed = {
        (event.room_id, event.message_id, event.attachment.id): event.seq
        for event in events
        if isinstance(event, AttachmentChanged) and event.attachment.state is AttachmentState.REMOVED
    }
    if not removed:
        return
    wanted: list[tuple[object, ...]] = [(room_id, message_id) for room_id, message_id, _ in removed]
    rows = await connection.fetch(queries["lines_of_files"], *columns(list(dict.fromkeys(wanted))))
    places: list[tuple[object, ...]] = [(row["room_id"], row["seq"]) for row in rows]
    lines = await connection.fetch(queries["lines_to_redact"], *columns(places)) if places else []
    bodies: dict[_Place, bytes] = {}
    traces: list[tuple[object, ...]] = []
    for row in lines:
        place, line = (row["room_id"], row["seq"]), row["body"].encode()
        event = event_adapter.validate_json(line)
        for (room_id, message_id, attachment_id), seq in removed.items():
            told = file_in(event, attachment_id)
            if told is None or (room_id, message_id) != (event.room_id, words_of_message(event)) or event.seq >= seq:
                continue
            bodies[place] = without_file(bodies.get(place, line), attachment_id)
            traces += [(room_id, trace.words, trace.beside) for trace in traces_of_file(told, message_id)]
            gone.quotable[room_id] |= dict.fromkeys(quotable_file(told, message_id, event.seq, seq))
    if bodies:
        bare: list[tuple[object, ...]] = [(*place, body.decode()) for place, body in bodies.items()]
        await connection.execute(queries["redact_lines"], *columns(bare))
        await connection.execute(queries["remove_digests"], *columns(list(bodies)))
    if traces:
        await connection.execute(queries["remove_parts"], *columns(traces))


async def forget_facts(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Take out the words of facts that are forgotten."""
    forgotten: list[tuple[object, ...]] = [
        (event.room_id, event.fact_id) for event in events if isinstance(event, FactForgotten)
    ]
    if forgotten:
        rows = await connection.fetch(queries["remove_facts"], *columns(forgotten))
        await _redact(connection, queries, [(row["room_id"], row["seq"]) for row in rows])


async def _redact(connection: Connection, queries: Queries, places: Sequence[_Place]) -> Sequence[Event]:
    """Take the words out of these lines, and copies of them out of what was made for prompts; return what they said."""
    if not places:
        return ()
    lines = await connection.fetch(queries["lines_to_redact"], *columns(list(places)))
    events = [event_adapter.validate_json(row["body"]) for row in lines]
    bare: list[tuple[object, ...]] = [
        (row["room_id"], row["seq"], redacted(row["body"].encode()).decode()) for row in lines
    ]
    await connection.execute(queries["redact_lines"], *columns(bare))
    await connection.execute(queries["remove_digests"], *columns(list(places)))
    traces: list[tuple[object, ...]] = [
        (event.room_id, trace.words, trace.beside) for event in events for trace in traces_of(event)
    ]
    if traces:
        await connection.execute(queries["remove_parts"], *columns(traces))
    return events


async def _forget_points(connection: Connection, queries: Queries, deleted: Mapping[_Key, tuple[Message, int]]) -> None:
    wanted: list[tuple[object, ...]] = [(*key, message.seq, seq) for key, (message, seq) in deleted.items()]
    rows = await connection.fetch(queries["summaries_derived"], *columns(wanted))
    if not rows:
        return
    gone: dict[_Place, Sequence[MessageId]] = {(row["room_id"], row["seq"]): row["message_ids"] for row in rows}
    kept: list[tuple[object, ...]] = []
    for row in rows:
        points = without(stored_points(row["points"], row["text"]), row["message_ids"])
        kept.append((row["room_id"], row["seq"], points_adapter.dump_json(points).decode()))
    await connection.execute(queries["change_summaries"], *columns(kept))
    lines = await connection.fetch(queries["lines_to_redact"], *columns(list(gone)))
    bare: list[tuple[object, ...]] = [
        (
            row["room_id"],
            row["seq"],
            without_points_of(row["body"].encode(), gone[row["room_id"], row["seq"]]).decode(),
        )
        for row in lines
    ]
    await connection.execute(queries["redact_lines"], *columns(bare))
