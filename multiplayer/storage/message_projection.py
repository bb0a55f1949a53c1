"""Edits, deletions and reactions, folded by the protocol's own fold. A deletion also takes the text out of the log."""

from collections.abc import Sequence

from multiplayer.protocol.events import Event, MessageDeleted, MessageEdited, ReactionAdded, ReactionRemoved
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.message_rows import message_from, reactions_adapter
from multiplayer.storage.queries import Queries
from multiplayer.storage.redaction import redacted
from multiplayer.storage.search_words import words_of
from multiplayer.storage.unfit import Unfit

_Key = tuple[RoomId, MessageId]
_Change = MessageEdited | MessageDeleted | ReactionAdded | ReactionRemoved


async def project_messages(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Change messages that are stored, those posted in this transaction included. Raises `Unfit`."""
    changes = [event for event in events if isinstance(event, _Change)]
    if not changes:
        return
    wanted: dict[_Key, None] = {(event.room_id, event.message_id): None for event in changes}
    rows = await connection.fetch(queries["messages_to_change"], *columns(list(wanted)))
    messages: dict[_Key, Message] = {(row["room_id"], row["id"]): message_from(row) for row in rows}
    revisions: list[tuple[object, ...]] = []
    for event in changes:
        key = (event.room_id, event.message_id)
        before = messages.get(key)
        if before is None:
            raise Unfit(f"{event.type} of a message that is not there")
        if isinstance(event, MessageEdited):
            if before.edited_at is None:
                revisions.append((*key, before.seq, before.revision, before.at, before.text))
            revisions.append((*key, event.seq, event.revision, event.at, event.text))
        messages[key] = fold_message(before, event)
    if revisions:
        await connection.execute(queries["put_revisions"], *columns(revisions))
    await connection.execute(queries["change_messages"], *columns([_row(*item) for item in messages.items()]))
    deleted = {(event.room_id, event.message_id): None for event in changes if isinstance(event, MessageDeleted)}
    if deleted:
        await _forget(connection, queries, {key: messages[key] for key in deleted})


async def _forget(connection: Connection, queries: Queries, deleted: dict[_Key, Message]) -> None:
    edits = await connection.fetch(queries["remove_revisions"], *columns(list(deleted)))
    places = {(room_id, message.seq): None for (room_id, _), message in deleted.items()}
    places |= {(row["room_id"], row["seq"]): None for row in edits}
    await redact(connection, queries, list(places))
    turns = [message.turn_id for message in deleted.values() if message.turn_id is not None]
    if turns:
        await connection.execute(queries["redact_turn_texts"], turns)


async def redact(connection: Connection, queries: Queries, places: Sequence[tuple[RoomId, int]]) -> None:
    """Take the text out of the log's lines at these seqs."""
    if not places:
        return
    lines = await connection.fetch(queries["lines_to_redact"], *columns(list(places)))
    bare: list[tuple[object, ...]] = [
        (row["room_id"], row["seq"], redacted(row["body"].encode()).decode()) for row in lines
    ]
    await connection.execute(queries["redact_lines"], *columns(bare))


def _row(key: _Key, message: Message) -> tuple[object, ...]:
    return (
        *key,
        message.text,
        " ".join(message.mentions),
        " ".join(message.mention_groups),
        message.revision,
        message.edited_at,
        message.deleted_at,
        message.deleted_by,
        reactions_adapter.dump_json(message.reactions).decode(),
        " ".join(words_of(message.text)),
    )
