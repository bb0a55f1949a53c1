"""What is asked, in plain words: for providers that take a question and a few earlier ones, and no prompt."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.models.port import Conversation, PromptMessage
from multiplayer.protocol.events import Event, MessageDeleted, MessageEdited, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Summary, summary_text
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.rooms.mentions import LETTER, RESERVED_HANDLES

_MOST_CHARACTERS: Final = 4_000
"""Of one message: a site's own search takes a question, not a document."""
# Wider than what the room takes for a mention: a name in a quote or in code is still a name.
_NAME: Final = re.compile(rf"(?<!{LETTER})(?<![@./+])@([A-Za-z0-9][A-Za-z0-9_.-]{{0,31}}+)(?!{LETTER})([,:]?\s*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation, and the messages that its question and its earlier lines are made of."""

    conversation: Conversation
    question: tuple[MessageId, ...] = ()
    previous: tuple[MessageId, ...] = ()
    summary_points: int = 0


@dataclass(slots=True)
class _Said:
    text: str
    thread: MessageId
    is_human: bool
    is_gone: bool = False
    """It was there when the turn was asked for, and its words were taken back since."""


def conversation_of(
    events: Sequence[Event],
    turn: TurnState,
    *,
    handles: Collection[str],
    ai_ids: Collection[AccountId],
    summary: Summary | None,
    facts: Sequence[str],
    older: Sequence[Message] = (),
    previous: int = 5,
    thread: str = "",
) -> Asked:
    """Return the question of `turn` and the last `previous` human messages before it, of its thread if it has one.

    `handles` are those of everyone in the room: who is addressed is no part of what is asked, and nobody's name goes out.
    """
    names = {*(handle.casefold() for handle in handles), *RESERVED_HANDLES}
    said = _said(events, ai_ids, older)
    asked = [message_id for message_id in turn.messages if message_id in said]
    asking = () if turn.note else tuple(message_id for message_id in asked if said[message_id].is_human)
    question = turn.note or "\n".join(said[message_id].text for message_id in asking)
    place = said[asked[-1]].thread if asked else None
    in_thread = place is not None and any(
        message_id != asked[-1] and message.thread == place for message_id, message in said.items()
    )
    before: list[tuple[MessageId, str]] = []
    for message_id, message in said.items():
        if asked and message_id == asked[-1]:
            break
        if message.is_human and message_id not in asked and (not in_thread or message.thread == place):
            text = _plain(message.text, names)
            if text or message.is_gone:
                before.append((message_id, text))
    # What was taken back since keeps its place, so that nothing older moves up that was never sent.
    before = [(message_id, text) for message_id, text in before[-previous:] if text] if previous else []
    points = tuple(point.model_copy(update={"sources": ()}) for point in summary.points) if summary else ()
    return Asked(
        conversation=Conversation(
            question=_plain(question, names) or "?",
            previous=tuple(text for _, text in before),
            summary=_nameless(summary_text(points), names)[:_MOST_CHARACTERS],
            facts=tuple(_nameless(fact, names) for fact in facts),
            thread=thread,
        ),
        question=asking,
        previous=tuple(message_id for message_id, _ in before),
        summary_points=len(points),
    )


def conversation_sha256(conversation: Conversation) -> str:
    """Return the digest of exactly what such a provider is given, whatever its dialect makes of it."""
    form = [
        conversation.question,
        conversation.previous,
        conversation.summary,
        conversation.facts,
        conversation.thread,
    ]
    return hashlib.sha256(json.dumps(form, ensure_ascii=True).encode()).hexdigest()


def conversation_message(conversation: Conversation) -> PromptMessage:
    """Return a conversation as a person reads it: what was said before, line by line, and the question last."""
    lines = [
        *(["Summary:", conversation.summary, ""] if conversation.summary else []),
        *(f"Fact: {fact}" for fact in conversation.facts),
        *(f"Earlier: {text}" for text in conversation.previous),
        f"Question: {conversation.question}",
    ]
    return PromptMessage(role="user", content="\n".join(lines))


def _said(events: Sequence[Event], ai_ids: Collection[AccountId], older: Sequence[Message]) -> dict[MessageId, _Said]:
    said = {
        message.id: _Said(message.text, message.thread_root or message.id, message.turn_id is None)
        for message in older
        if not message.is_deleted
    }
    for event in events:
        match event:
            case MessagePosted():
                body = event.message
                is_human = body.turn_id is None and event.actor_id not in ai_ids
                said[body.id] = _Said(body.text, body.thread_root or body.id, is_human, event.is_redacted)
            case MessageEdited() if event.message_id in said and not event.is_redacted:
                said[event.message_id].text = event.text
            case MessageDeleted():
                said.pop(event.message_id, None)
            case _:
                pass  # nobody said anything
    return said


def _nameless(text: str, names: Collection[str]) -> str:
    def without(found: re.Match[str]) -> str:
        name, rest = found.groups()
        if name.casefold() in names:
            return ""
        # A full stop or dash that ends a sentence is not part of the name.
        bare = name.rstrip(".-")
        return f"{name[len(bare) :]}{rest}" if bare.casefold() in names else found.group()

    return _NAME.sub(without, text)


def _plain(text: str, names: Collection[str]) -> str:
    return " ".join(_nameless(text, names).split())[:_MOST_CHARACTERS]
