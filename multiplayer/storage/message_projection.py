"""Edits, deletions, reactions and further answers, folded by the protocol's own fold."""

from collections.abc import Sequence

from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    Event,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    ReactionAdded,
    ReactionRemoved,
)
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.forgetting import forget_messages
from multiplayer.storage.forgotten_tools import Gone
from multiplayer.storage.message_rows import found_by, message_from, more_of, reactions_adapter
from multiplayer.storage.queries import Queries
from multiplayer.storage.search_words import words_of
from multiplayer.storage.unfit import Unfit

_Key = tuple[RoomId, MessageId]
_Change = (
    MessageEdited
    | MessageDeleted
    | AttachmentChanged
    | ReactionAdded
    | ReactionRemoved
    | AnswerRegenerated
    | AnswerChosen
    | FormAnswered
)


async def project_messages(connection: Connection, queries: Queries, events: Sequence[Event], gone: Gone) -> None:
    """Change messages that are stored, those posted in this transaction included. Raises `Unfit`.

    What is deleted is noted in `gone`.
    """
    changes = [event for event in events if isinstance(event, _Change)]
    if not changes:
        return
    wanted: dict[_Key, None] = {(event.room_id, event.message_id): None for event in changes}
    rows = await connection.fetch(queries["messages_to_change"], *columns(list(wanted)))
    messages: dict[_Key, Message] = {(row["room_id"], row["id"]): message_from(row) for row in rows}
    revisions: list[tuple[object, ...]] = []
    deleted: dict[_Key, tuple[Message, int]] = {}
    for event in changes:
        key = (event.room_id, event.message_id)
        before = messages.get(key)
        if before is None:
            raise Unfit(f"{event.type} of a message that is not there")
        after = messages[key] = _folded(before, event)
        if isinstance(event, MessageEdited | AnswerRegenerated | AnswerChosen):
            if before.revision == 1:
                revisions.append((*key, before.seq, before.revision, before.at, before.text))
            revisions.append((*key, event.seq, after.revision, event.at, after.text))
        if isinstance(event, MessageDeleted):
            deleted[key] = (before, event.seq)
    if revisions:
        await connection.execute(queries["put_revisions"], *columns(revisions))
    await connection.execute(queries["change_messages"], *columns([_row(*item) for item in messages.items()]))
    if deleted:
        await forget_messages(connection, queries, deleted, gone)


def _folded(before: Message, event: _Change) -> Message:
    if isinstance(event, AnswerRegenerated | AnswerChosen) and before.turn_id is None:
        raise Unfit(f"{event.type} of a message that is no answer")
    if isinstance(event, AnswerChosen) and not 0 <= event.index < len(before.alternatives):
        raise Unfit(f"{event.type} of an answer that is not there")
    if isinstance(event, FormAnswered) and before.form is None and not event.is_redacted:
        raise Unfit(f"{event.type} of a message without a form")
    return fold_message(before, event)


def _row(key: _Key, message: Message) -> tuple[object, ...]:
    found = found_by(message.text, message.cards, message.attachments)
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
        " ".join(words_of(message.text if found is None else found)),
        message.turn_id,
        more_of(message),
        found,
    )
