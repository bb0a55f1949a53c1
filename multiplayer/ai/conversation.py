"""What is asked, in plain words: for providers that take a question and a few earlier ones, and no prompt."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.models.port import Conversation
from multiplayer.protocol.events import Event, MessageDeleted, MessageEdited, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState

_MOST_CHARACTERS: Final = 4_000
"""Of one message: a site's own search takes a question, not a document."""


@dataclass(slots=True)
class _Said:
    text: str
    thread: MessageId
    is_human: bool


def conversation_of(
    events: Sequence[Event],
    turn: TurnState,
    *,
    handle: str,
    ai_ids: Collection[AccountId],
    summary: Summary | None,
    facts: Sequence[str],
    older: Sequence[Message] = (),
    previous: int = 5,
    thread: str = "",
) -> Conversation:
    """Return the question of `turn` and the last `previous` human messages before it, of its thread if it has one.

    `handle` is the AI's own: naming it is no part of the question.
    """
    said = _said(events, ai_ids, older)
    asked = [message_id for message_id in turn.messages if message_id in said]
    names = re.compile(rf"(?<![\w@])@(?:ai|{re.escape(handle)})(?!\w)[,:]?\s*", re.IGNORECASE)
    question = turn.note or "\n".join(said[message_id].text for message_id in asked if said[message_id].is_human)
    place = said[asked[-1]].thread if asked else None
    in_thread = place is not None and any(
        message_id != asked[-1] and message.thread == place for message_id, message in said.items()
    )
    before: list[str] = []
    for message_id, message in said.items():
        if asked and message_id == asked[-1]:
            break
        if message.is_human and message_id not in asked and (not in_thread or message.thread == place):
            before.append(_plain(message.text, names))
    return Conversation(
        question=_plain(question, names) or "?",
        previous=tuple(text for text in before if text)[-previous:] if previous else (),
        summary=summary.text[:_MOST_CHARACTERS] if summary else "",
        facts=tuple(facts),
        thread=thread,
    )


def _said(events: Sequence[Event], ai_ids: Collection[AccountId], older: Sequence[Message]) -> dict[MessageId, _Said]:
    said = {
        message.id: _Said(message.text, message.thread_root or message.id, message.turn_id is None)
        for message in older
        if not message.is_deleted
    }
    for event in events:
        match event:
            case MessagePosted() if not event.is_redacted:
                body = event.message
                is_human = body.turn_id is None and event.actor_id not in ai_ids
                said[body.id] = _Said(body.text, body.thread_root or body.id, is_human)
            case MessageEdited() if event.message_id in said and not event.is_redacted:
                said[event.message_id].text = event.text
            case MessageDeleted():
                said.pop(event.message_id, None)
            case _:
                pass  # nobody said anything
    return said


def _plain(text: str, names: re.Pattern[str]) -> str:
    return " ".join(names.sub("", text).split())[:_MOST_CHARACTERS]
