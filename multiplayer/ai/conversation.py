"""What is asked, in plain words: for providers that take a question and a few earlier ones, and no prompt."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from multiplayer.models.port import Conversation, PromptMessage
from multiplayer.protocol.cards import Form, FormAnswer
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    Event,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Summary, summary_text
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.timeline import fold_message, message_of
from multiplayer.rooms.forms import answers_text
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
    given: str | None = None
    """It is a form of this AI that was filled in: the answers alone. `text` has its questions too."""


@dataclass(slots=True)
class _Heard:
    """What was said, each form at the moment it was filled in; `own` are the messages of the AI that is asked."""

    said: dict[MessageId, _Said] = field(default_factory=dict)
    own: dict[MessageId, Message] = field(default_factory=dict)


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

    What was answered to a form of this AI is a human message too, and begins with what the form had asked. All that
    the turn is to answer is in the question, in order: messages, forms' answers, then what else its note says.
    `handles` are those of everyone in the room: who is addressed is no part of what is asked, and nobody's name goes out.
    """
    names = {*(handle.casefold() for handle in handles), *RESERVED_HANDLES}
    said = _said(events, turn.ai_id, ai_ids, older)
    asked = [message_id for message_id in turn.messages if message_id in said]
    asking: list[MessageId] = []
    question: list[str] = []
    note = turn.note
    for message_id in asked:
        message = said[message_id]
        if message.given is not None:
            question.append(message.given)
            if message.given not in note:
                asking.append(message_id)
            note = note.replace(message.given, "", 1)
        elif message.is_human:
            question.append(message.text)
            asking.append(message_id)
    question.append(note)
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
            question=_plain("\n".join(question), names) or "?",
            previous=tuple(text for _, text in before),
            summary=_nameless(summary_text(points), names)[:_MOST_CHARACTERS],
            facts=tuple(_nameless(fact, names) for fact in facts),
            thread=thread,
        ),
        question=tuple(asking),
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


def _said(
    events: Sequence[Event], own_id: AccountId, ai_ids: Collection[AccountId], older: Sequence[Message]
) -> dict[MessageId, _Said]:
    heard = _Heard()
    for message in older:
        if not message.is_deleted:
            said = _Said(message.text, message.thread_root or message.id, message.turn_id is None)
            heard.said[message.id] = said
            if message.author_id == own_id:
                heard.own[message.id] = message
                said.given = _given(message.form, message.form.answers) if message.form else None
    # They stand as they are now, whatever the events say of them.
    whole = frozenset(heard.own)
    for event in events:
        match event:
            case MessagePosted():
                body = event.message
                is_human = body.turn_id is None and event.actor_id not in ai_ids
                heard.said[body.id] = _Said(body.text, body.thread_root or body.id, is_human, event.is_redacted)
                if event.actor_id == own_id:
                    heard.own[body.id] = message_of(event)
            case MessageEdited() if event.message_id in heard.said and not event.is_redacted:
                heard.said[event.message_id].text = event.text
            case AnswerRegenerated() | AnswerChosen() if event.message_id in heard.own.keys() - whole:
                heard.own[event.message_id] = fold_message(heard.own[event.message_id], event)
            case FormAnswered() if event.actor_id not in ai_ids:
                _fill_in(heard, event)
            case MessageDeleted():
                heard.said.pop(event.message_id, None)
            case _:
                pass  # nobody said anything
    return heard.said


def _fill_in(heard: _Heard, event: FormAnswered) -> None:
    known = heard.said.get(event.message_id)
    message = heard.own.get(event.message_id)
    if known is not None and message is None:
        return  # another AI has asked, and its words are not this one's to pass on
    text, given = "", None
    if not event.is_redacted:
        form = message.form if message is not None else None
        text = _asked_and_answered(form, event.answers)
        given = _given(form, event.answers)
    heard.said.pop(event.message_id, None)
    thread = known.thread if known is not None else event.message_id
    heard.said[event.message_id] = _Said(text, thread, is_human=True, is_gone=event.is_redacted, given=given)


def _given(form: Form | None, answers: Sequence[FormAnswer]) -> str | None:
    """Return the answers as a turn's note has them; None if there are none."""
    if not answers:
        return None
    if form is not None and {one.question_id for one in answers} <= {question.id for question in form.questions}:
        return answers_text(form, answers)
    # The form is not known here, or another one stands there now.
    return _asked_and_answered(None, answers)


def _asked_and_answered(form: Form | None, answers: Sequence[FormAnswer]) -> str:
    """Return the answers, each after its question where the form is known."""
    questions = {question.id: question.text or form.text for question in form.questions} if form else {}
    return "; ".join(f"{questions.get(one.question_id, '')} {', '.join(one.values)}".strip() for one in answers)


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
