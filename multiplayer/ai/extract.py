"""Summarises without a model: picks people's own sentences by simple rules, and says from which message each is."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    Event,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
)
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.memory import MAX_POINT_CHARACTERS, MAX_POINTS, Section, SummaryPoint
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested, TurnSteered
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.derived import without

METHOD: Final = "extractive"
_MOST_POINTS: Final = {
    Section.TOPIC: 5,
    Section.DECISIONS: 20,
    Section.QUESTIONS: 12,
    Section.ACTIONS: 20,
    Section.FACTS: 30,
    Section.OTHER: 30,
}
"""Of those that no person wrote. The newest stay."""
_MOST_CHARACTERS: Final = 240

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTE: Final = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")
_IS_DECISION: Final = re.compile(
    r"\b(?:decided?|decision|agreed?|settled|approved|let'?s (?:use|go with|do|take)|we(?:'ll| will) (?:use|go with|take)|"
    r"we(?:'re| are) going with)\b|决定|确定|定了|定为|同意|一致|通过了|采用|就用|选择了|批准",
    re.IGNORECASE,
)
_IS_ACTION: Final = re.compile(
    r"\b(?:todo|to do|action items?|i(?:'ll| will| am going to)|needs? to|must|have to|please|"
    r"by (?:mon|tues|wednes|thurs|fri|satur|sun)day|by tomorrow|deadline|assigned)\b|@[\w.-]+ (?:will|(?:can|could) you)\b|"
    r"待办|负责|请|需要|必须|我来|我会|记得|截止|之前完成|跟进|安排",
    re.IGNORECASE,
)
_IS_QUESTION: Final = re.compile(r"[?？][\"'”’)）]*$|(?:吗|呢|么)[。！]?$")


@dataclass(frozen=True, slots=True)
class Said:
    """A message as it stands after some events. `turn_id`: an AI wrote it, in that turn, asked by these handles.

    `is_form`: what somebody answered to the form of this message, which is a reply to it.
    """

    message_id: MessageId
    author: str
    at: datetime
    text: str
    reply_to: MessageId | None = None
    turn_id: TurnId | None = None
    asked_by: tuple[str, ...] = ()
    taint: tuple[Taint, ...] = ()
    is_form: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What some events come to. `gone` and `changed` also name messages from before them.

    `replies` pairs a reply with what it replies to, `asked` a turn with a message that asks for it; `done` are the
    turns that ended well.
    """

    said: tuple[Said, ...]
    gone: frozenset[MessageId]
    changed: frozenset[MessageId]
    posted: frozenset[MessageId]
    replies: tuple[tuple[MessageId, MessageId], ...]
    asked: tuple[tuple[TurnId, MessageId], ...]
    done: frozenset[TurnId]

    @property
    def answered(self) -> frozenset[MessageId]:
        return answered_by(self.replies, self.asked, self.done, self.gone)


def answered_by(
    replies: Sequence[tuple[MessageId, MessageId]],
    asked: Sequence[tuple[TurnId, MessageId]],
    done: frozenset[TurnId],
    gone: frozenset[MessageId],
) -> frozenset[MessageId]:
    """Return the messages that have a reply which still stands, or a turn that answered them."""
    replied = {about for reply, about in replies if reply not in gone}
    return frozenset(replied | {message_id for turn_id, message_id in asked if turn_id in done})


def hear(events: Sequence[Event], names: Mapping[AccountId, str]) -> Heard:
    """Fold `events` into what was said, as it stands at their end. `names` are the handles."""
    messages: dict[MessageId, Message] = {}
    older: dict[MessageId, Said] = {}
    forms: dict[MessageId, Said] = {}
    posted: set[MessageId] = set()
    gone: set[MessageId] = set()
    changed: set[MessageId] = set()
    asked: list[tuple[TurnId, MessageId]] = []
    done: set[TurnId] = set()
    for event in events:
        match event:
            case MessagePosted():
                posted.add(event.message.id)
                if not event.is_redacted:
                    messages[event.message.id] = message_of(event)
            case MessageDeleted():
                gone.add(event.message_id)
            case MessageEdited() | AnswerRegenerated() | AnswerChosen():
                changed.add(event.message_id)
                forms.pop(event.message_id, None)
                if event.message_id in messages:
                    messages[event.message_id] = fold_message(messages[event.message_id], event)
                elif event.message_id not in posted:
                    # Which of its answers stands now, only the events from before could say.
                    older.pop(event.message_id, None)
                    said = None if isinstance(event, AnswerChosen) else _anew(event, names)
                    if said is not None:
                        older[event.message_id] = said
            case FormAnswered():
                forms[event.message_id] = _of_form(event, names)
            case TurnRequested() | TurnCollected() | TurnSteered():
                if event.message_id is not None:
                    asked.append((event.turn_id, event.message_id))
            case TurnEnded():
                if event.outcome is TurnOutcome.DONE:
                    done.add(event.turn_id)
            case _:
                pass  # nothing was said
    for message_id in gone:
        messages.pop(message_id, None)
        older.pop(message_id, None)
        forms.pop(message_id, None)
    said_here: list[Said] = []
    for message in messages.values():
        said_here.append(_as_said(message, names))
        if message.id in forms:
            said_here.append(forms.pop(message.id))
    return Heard(
        said=tuple(said for said in (*older.values(), *forms.values(), *said_here) if said.text or not said.is_form),
        gone=frozenset(gone),
        changed=frozenset(changed),
        posted=frozenset(posted),
        replies=tuple((message.id, message.reply_to) for message in messages.values() if message.reply_to is not None),
        asked=tuple(asked),
        done=frozenset(done),
    )


def extract(
    previous: Sequence[SummaryPoint],
    events: Sequence[Event],
    names: Mapping[AccountId, str],
    *,
    new_id: Callable[[], str],
) -> tuple[SummaryPoint, ...]:
    """Return a summary of `events` that carries on `previous`; what was deleted or changed since goes, there too.

    Each new point is one sentence from one message. The same input always gives the same points.
    """
    heard = hear(events, names)
    points = list(carried(previous, heard))
    known = {(point.section, point.text, point.sources) for point in points}
    for said in heard.said:
        for section, text in points_said(said):
            is_answered = said.message_id in heard.answered and not said.is_form
            if section in {Section.QUESTIONS, Section.OTHER} and is_answered:
                continue
            if (section, text, (said.message_id,)) not in known:
                known.add((section, text, (said.message_id,)))
                points.append(SummaryPoint(id=new_id(), section=section, text=text, sources=(said.message_id,)))
    left = dict(_MOST_POINTS)
    newest: list[SummaryPoint] = []
    for point in reversed(points):
        if point.by is None:
            left[point.section] -= 1
            if left[point.section] < 0:
                continue
        newest.append(point)
    return bounded(newest[::-1])


def carried(previous: Sequence[SummaryPoint], heard: Heard) -> tuple[SummaryPoint, ...]:
    """Return what still holds of the version before, after what was `heard`.

    What came from a deleted message goes. What a machine drew from words that were changed goes, and its open
    questions that were answered; what a person wrote stays as it is.
    """
    answered = heard.answered
    return tuple(
        point
        for point in without(previous, heard.gone - heard.posted)
        if not heard.gone.intersection(point.sources)
        and (
            point.by is not None
            or not (
                heard.changed.intersection(point.sources)
                or (point.section is Section.QUESTIONS and point.sources and answered.issuperset(point.sources))
            )
        )
    )


def bounded(points: Sequence[SummaryPoint], most: int = MAX_POINTS) -> tuple[SummaryPoint, ...]:
    """Return at most `most` points: a machine's that rest on the oldest messages go first, a person's never."""
    over = len(points) - most
    if over <= 0:
        return tuple(points)
    # ULIDs sort by time. What names no source is as old as anything.
    by_age = sorted(
        (place for place, point in enumerate(points) if point.by is None),
        key=lambda place: (max(points[place].sources, default=""), place),
    )
    falls_out = set(by_age[:over])
    return tuple(point for place, point in enumerate(points) if place not in falls_out)


def points_said(said: Said) -> list[tuple[Section, str]]:
    """Return the sentences that matter, with where each stands; the first sentence as `other` if none does.

    What was answered to a form is one, and never a question.
    """
    if said.is_form:
        section = _section_of(said.text)
        about = section if section in {Section.DECISIONS, Section.ACTIONS} else Section.OTHER
        return [(about, quoted(f"{said.author} filled in the form", said.text))]
    sentences = sentences_of(said.text)
    found = [(section, sentence) for sentence in sentences if (section := _section_of(sentence)) is not None]
    if not found and sentences:
        found = [(Section.OTHER, sentences[0])]
    return [(section, quoted(said.author, sentence)) for section, sentence in found]


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a message, without its code and what it quotes."""
    return [
        " ".join(sentence.split())
        for sentence in _SENTENCE_END.split(_QUOTE.sub("", _CODE.sub(" ", text)))
        if sentence.strip()
    ]


def quoted(who: str, sentence: str) -> str:
    """Return a sentence with who said it, cut if it is long."""
    if len(sentence) > _MOST_CHARACTERS:
        sentence = sentence[:_MOST_CHARACTERS] + "…"
    return f"@{' '.join(who.split())}: {sentence}"[:MAX_POINT_CHARACTERS]


def _section_of(sentence: str) -> Section | None:
    if _IS_QUESTION.search(sentence):
        return Section.QUESTIONS
    if _IS_DECISION.search(sentence):
        return Section.DECISIONS
    return Section.ACTIONS if _IS_ACTION.search(sentence) else None


def _as_said(message: Message, names: Mapping[AccountId, str]) -> Said:
    return Said(
        message_id=message.id,
        author=names.get(message.author_id, "someone"),
        at=message.at,
        text=message.text,
        reply_to=message.reply_to,
        turn_id=message.turn_id,
        asked_by=tuple(names[asker] for asker in message.asked_by if asker in names),
        taint=message.taint,
    )


def _of_form(event: FormAnswered, names: Mapping[AccountId, str]) -> Said:
    values = "" if event.is_redacted else "; ".join(", ".join(answer.values) for answer in event.answers)
    return Said(
        message_id=event.message_id,
        author=names.get(event.actor_id, "someone"),
        at=event.at,
        text=" ".join(values.split()),
        reply_to=event.message_id,
        is_form=True,
    )


def _anew(event: MessageEdited | AnswerRegenerated, names: Mapping[AccountId, str]) -> Said | None:
    """Return a message from before these events with the words that it has now."""
    if event.is_redacted:
        return None
    said = Said(event.message_id, names.get(event.actor_id, "someone"), event.at, "")
    if isinstance(event, AnswerRegenerated):
        return replace(said, text=event.answer.text, turn_id=event.answer.turn_id, taint=event.answer.taint)
    return replace(said, text=event.text)
