"""How the log forgets: lines without the words of a deleted message, a forgotten fact, or what was derived from them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from json import dumps
from typing import Final

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    Event,
    FactPinned,
    FormAnswered,
    MessageEdited,
    MessagePosted,
    SummaryUpdated,
    event_adapter,
)
from multiplayer.protocol.ids import AttachmentId, CallId, MessageId, TurnId
from multiplayer.protocol.turn_events import (
    ChangeProposed,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnRequested,
    TurnSteered,
)
from multiplayer.rooms.attachment_rules import file_of, without_content
from multiplayer.rooms.derived import without

FORGOTTEN: Final = "…"
"""A fact has some text, always."""
NO_ARGUMENTS: Final = "{}"
_LEAST_TELLING: Final = 8


def redacted(line: bytes) -> bytes:
    """Return the line of the same event with its words and mentions taken out."""
    event = event_adapter.validate_json(line)
    mentions: dict[str, object] = {"mentions": (), "mention_groups": ()}
    match event:
        case MessagePosted():
            body = event.message.model_copy(update={"text": "", "cards": (), "form": None, "attachments": ()})
            return _bare(event, {**mentions, "message": body})
        case MessageEdited():
            return _bare(event, {**mentions, "text": ""})
        case AnswerRegenerated():
            answer = event.answer.model_copy(update={"text": "", "cards": (), "form": None})
            return _bare(event, {"mentions": (), "answer": answer})
        case FormAnswered():
            return _bare(event, {"answers": ()})
        case AttachmentChanged():
            return _bare(event, {"attachment": without_content(event.attachment)})
        case TurnRequested() | TurnCollected() | TurnSteered():
            return _bare(event, {"note": ""})
        case FactPinned():
            return _bare(event, {"fact": event.fact.model_copy(update={"text": FORGOTTEN})})
        case ToolCalled():
            return _bare(event, {"arguments": NO_ARGUMENTS})
        case ToolFinished():
            return _bare(event, {"text": ""})
        case ChangeProposed():
            return _bare(event, {"proposal": event.proposal.model_copy(update={"text": FORGOTTEN})})
        case AnswerChosen():
            return line  # it names one of the answers, and holds none
        case _:
            raise AssertionError(f"{event.type} holds no words of a message or fact")


def without_points_of(line: bytes, message_ids: Collection[MessageId]) -> bytes:
    """Return the line of the same version of the summary without the points that come from these messages."""
    event = event_adapter.validate_json(line)
    assert isinstance(event, SummaryUpdated), f"{event.type} is no summary"
    return encode(event.model_copy(update={"points": without(event.points, message_ids)}))


def words_of_message(event: Event) -> MessageId | None:
    """Name the message whose words stand in the line of `event`, or are chosen by it, and go with it."""
    match event:
        case MessagePosted():
            return event.message.id
        case MessageEdited() | AnswerRegenerated() | AnswerChosen():
            return event.message_id
        case _:
            return further_words_of(event)


def further_words_of(event: Event) -> MessageId | None:
    """Name the message with which words of `event` go that are no state of its text."""
    match event:
        case FormAnswered() | AttachmentChanged():
            return event.message_id
        case TurnRequested() | TurnCollected() | TurnSteered() if event.note:
            return event.message_id
        case _:
            return None


def file_in(event: Event, attachment_id: AttachmentId) -> Attachment | None:
    """Return what the line of `event` tells of this file: its name, what is said in it. It goes when that is taken off."""
    match event:
        case MessagePosted():
            told = file_of(event.message.attachments, attachment_id)
        case AttachmentChanged() if event.attachment.id == attachment_id:
            told = event.attachment
        case _:
            told = None
    return told if told is not None and told.state is not AttachmentState.REMOVED else None


def without_file(line: bytes, attachment_id: AttachmentId) -> bytes:
    """Return the line of the same event with no more of this file than that there was one."""
    event = event_adapter.validate_json(line)
    if isinstance(event, AttachmentChanged):
        return redacted(line)
    assert isinstance(event, MessagePosted), f"{event.type} tells of no file"
    files = tuple(without_content(one) if one.id == attachment_id else one for one in event.message.attachments)
    return encode(event.model_copy(update={"message": event.message.model_copy(update={"attachments": files})}))


def note_of_turn(event: Event) -> TurnId | None:
    """Name the turn in whose request the line of `event` holds words: they go with its answer."""
    match event:
        case TurnRequested() | TurnCollected() | TurnSteered() if event.note:
            return event.turn_id
        case _:
            return None


def answer_asked_again(event: Event) -> MessageId | None:
    """Name the answer that was asked for once more by the line of `event`, where it repeats words: they go with it."""
    return event.replaces if isinstance(event, TurnRequested) and event.note else None


def call_in(event: Event) -> tuple[TurnId, CallId] | None:
    """Name the turn and the tool call of which the line of `event` holds arguments or a result."""
    match event:
        case ToolCalled() if event.arguments not in {"", NO_ARGUMENTS}:
            return event.turn_id, event.call_id
        case ToolFinished() if event.text:
            return event.turn_id, event.call_id
        case _:
            return None


@dataclass(frozen=True)
class Trace:
    """A copy of someone's words is known by `words`, plain or within JSON; by short ones only where `beside` stands."""

    words: str
    beside: str = ""

    def is_in(self, body: str) -> bool:
        return self.words in body and self.beside in body


def traces_of(event: Event) -> Iterator[Trace]:
    """Yield how copies of what `event` says are known in pieces of prompts."""
    match event:
        case MessagePosted():
            yield from _traces(event.message.text, event.message.id)
            for file in event.message.attachments:
                yield from traces_of_file(file, event.message.id)
        case MessageEdited():
            yield from _traces(event.text, event.message_id)
        case AnswerRegenerated():
            yield from _traces(event.answer.text, event.message_id)
        case AttachmentChanged():
            yield from traces_of_file(event.attachment, event.message_id)
        case FactPinned():
            yield Trace(event.fact.id)
            yield from _traces(event.fact.text, event.fact.id)
        case _:
            pass


@dataclass(frozen=True)
class Quotable:
    """By what a line behind `after` and before `until` quotes what is gone: what tools were told and brought is looked at."""

    trace: Trace
    after: int
    until: int

    def is_in(self, event: Event) -> bool:
        if not self.after < event.seq < self.until:
            return False
        match event:
            case ToolCalled():
                return self.trace.is_in(event.arguments)
            case ToolFinished():
                return self.trace.is_in(event.text)
            case _:
                return False


def quotable(event: Event, until: int) -> Iterator[Quotable]:
    """Yield how tools may have quoted what `event` says, which is gone at `until`: by its words, or naming it by its id."""
    for trace in traces_of(event):
        yield Quotable(trace, event.seq, until)
    if isinstance(event, MessagePosted):
        for id_ in (event.message.id, *(file.id for file in event.message.attachments)):
            yield Quotable(Trace(id_), event.seq, until)


def quotable_file(file: Attachment, message_id: MessageId, after: int, until: int) -> Iterator[Quotable]:
    """Yield the same of one file that is told of at `after`."""
    for trace in (*traces_of_file(file, message_id), Trace(file.id)):
        yield Quotable(trace, after, until)


def traces_of_file(file: Attachment, message_id: MessageId) -> Iterator[Trace]:
    """Yield the same of a file: of its name, and of what is said in it."""
    yield from _traces(file.name, file.id)
    if file.transcript is not None:
        yield from _traces(file.transcript.text, message_id)


def _traces(text: str, id_: str) -> Iterator[Trace]:
    beside = "" if len(text) >= _LEAST_TELLING else id_
    if text:
        for words in dict.fromkeys((text, dumps(text, ensure_ascii=False)[1:-1], dumps(text)[1:-1])):
            yield Trace(words, beside)


def _bare(event: Event, without_words: dict[str, object]) -> bytes:
    return encode(event.model_copy(update={**without_words, "is_redacted": True}))
