"""Messages as rows: `more` holds what few messages have, and what searches read is written once."""

from typing import Final

import asyncpg
from pydantic import TypeAdapter

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Card, Form, Taint
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.messages import Answer, Message, MessageBody, Reaction
from multiplayer.protocol.retention import Because
from multiplayer.protocol.values import Frozen

reactions_adapter: TypeAdapter[tuple[Reaction, ...]] = TypeAdapter(tuple[Reaction, ...])
cards_adapter: TypeAdapter[tuple[Card, ...]] = TypeAdapter(tuple[Card, ...])


class _More(Frozen):
    """The fields of a message that stand in its column `more`."""

    cards: tuple[Card, ...] = ()
    form: Form | None = None
    taint: tuple[Taint, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    asked_by: tuple[AccountId, ...] = ()
    answers: tuple[MessageId, ...] = ()
    alternatives: tuple[Answer, ...] = ()
    chosen: int = 0
    deleted_because: Because = ""


_MORE: Final = tuple(_More.model_fields)
_COLUMNS: Final = tuple(name for name in Message.model_fields if name != "reactions" and name not in _MORE)


def message_from(row: asyncpg.Record) -> Message:
    """Read a row that has every column of `messages` but `words` and `found_by`."""
    values = {name: row[name] for name in _COLUMNS}
    values["reactions"] = reactions_adapter.validate_json(row["reactions"])
    if row["more"] is not None:
        more = _More.model_validate_json(row["more"])
        values |= {name: getattr(more, name) for name in _MORE}
    return Message.model_validate(values)


def more_of_body(body: MessageBody) -> str | None:
    """Return the `more` of a message that is posted; what almost all people say has none."""
    if not (body.asked_by or body.answers or body.cards or body.form or body.taint or body.attachments):
        return None
    more = _More(
        cards=body.cards,
        form=body.form,
        taint=body.taint,
        attachments=body.attachments,
        asked_by=body.asked_by,
        answers=body.answers,
    )
    return more.model_dump_json(exclude_defaults=True)


def more_of(message: Message) -> str | None:
    """Return the `more` of a message as it stands."""
    more = _More.model_construct(**{name: getattr(message, name) for name in _MORE})
    text = more.model_dump_json(exclude_defaults=True)
    return None if text == "{}" else text


def found_by(text: str, cards: tuple[Card, ...], attachments: tuple[Attachment, ...] = ()) -> str | None:
    """Return what a search reads in place of `text`: cards, names of files, what is said in them; None without any.

    Titles and names first: only so much is indexed.
    """
    if not cards and not attachments:
        return None
    names = (one.name for one in attachments)
    spoken = (one.transcript.text for one in attachments if one.transcript is not None)
    lines = [text, *names, *(card.title for card in cards), *spoken, *(card.text for card in cards)]
    return "\n".join(line for line in lines if line)
