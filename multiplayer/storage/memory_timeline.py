"""A room's log and messages in memory, changed event by event; what is taken back goes out of both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    Event,
    FactForgotten,
    FactPinned,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomDeleted,
    SummaryUpdated,
    event_adapter,
)
from multiplayer.protocol.ids import AttachmentId, MessageId, TurnId
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.rooms.derived import without
from multiplayer.storage.port import StoredEvent
from multiplayer.storage.redaction import (
    Quotable,
    Trace,
    answer_asked_again,
    file_in,
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


@dataclass
class Timeline:
    log: list[StoredEvent] = field(default_factory=list)
    messages: dict[MessageId, Message] = field(default_factory=dict)
    revisions: dict[MessageId, tuple[Revision, ...]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    """Pieces of prompts by their digest."""
    digests: dict[tuple[int, int], str] = field(default_factory=dict)
    gone: dict[MessageId, int] = field(default_factory=dict)
    """Messages that were deleted since this copy was made, with the seq of that."""
    gone_turns: dict[TurnId, int] = field(default_factory=dict)
    """The turns whose answers they were, with the same."""
    quotable: list[Quotable] = field(default_factory=list)
    """How tools may have quoted them, and files that were taken off since."""

    def copy(self) -> "Timeline":
        return Timeline([*self.log], dict(self.messages), dict(self.revisions), dict(self.parts), dict(self.digests))

    def apply(self, event: Event) -> None:
        """Take an event that is in the log already."""
        message_id = touched_message(event)
        if isinstance(event, MessagePosted):
            self.messages[event.message.id] = message_of(event)
        elif message_id is not None:
            self._change(self.messages[message_id], event)
        elif isinstance(event, FactForgotten):
            fact_id = event.fact_id
            self._redact(fact_id, lambda said: isinstance(said, FactPinned) and said.fact.id == fact_id)
        elif isinstance(event, RoomDeleted):
            self.parts.clear()
            self.digests.clear()

    def _change(self, before: Message, event: Event) -> None:
        after = self.messages[before.id] = fold_message(before, event)
        if isinstance(event, MessageEdited | AnswerRegenerated | AnswerChosen):
            kept = self.revisions.get(before.id) or (revision_of(before),)
            self.revisions[before.id] = (*kept, Revision(revision=after.revision, at=event.at, text=after.text))
        elif isinstance(event, MessageDeleted):
            self.revisions.pop(before.id, None)
            turns = {answer.turn_id for answer in before.alternatives}
            if before.turn_id is not None:
                turns.add(before.turn_id)
            self.gone[before.id] = event.seq
            self.gone_turns |= dict.fromkeys(turns, event.seq)
            for said in self._redact(before.id, partial(_goes_with, before.id)):
                self.quotable += quotable(said, event.seq)
            for turn_id in turns:
                self._redact(turn_id, partial(_is_note_of, turn_id))
            self._forget_points(before, event.seq)

        elif isinstance(event, AttachmentChanged) and event.attachment.state is AttachmentState.REMOVED:
            self._forget_file(before.id, event.attachment.id, event.seq)

    def _redact(self, named: str, is_meant: Callable[[Event], bool]) -> Sequence[Event]:
        """Take the words out of the lines that are meant, which all name `named`, and out of copies of them.

        Return what they said.
        """
        meant = [(place, said) for place, said in self.lines_with(named) if is_meant(said)]
        for place, said in meant:
            self.put_bare(place, redacted(self.log[place].line), list(traces_of(said)))
        return [said for _, said in meant]

    def _forget_file(self, message_id: MessageId, file_id: AttachmentId, removed_seq: int) -> None:
        for place, said in self.lines_with(file_id):
            told = file_in(said, file_id)
            if told is not None and said.seq < removed_seq and words_of_message(said) == message_id:
                bare = without_file(self.log[place].line, file_id)
                self.put_bare(place, bare, list(traces_of_file(told, message_id)))
                self.quotable += quotable_file(told, message_id, said.seq, removed_seq)

    def lines_with(self, named: str) -> Iterator[tuple[int, Event]]:
        """Yield the events in whose lines this stands, with their places in the log."""
        for place, stored in enumerate(self.log):
            if named.encode() in stored.line:
                yield place, event_adapter.validate_json(stored.line)

    def put_bare(self, place: int, line: bytes, traces: Sequence[Trace]) -> None:
        """Put a line without its words in place of what it was, and take away what was made for prompts out of these."""
        stored = self.log[place]
        self.log[place] = replace(stored, line=line)
        self.parts = {name: body for name, body in self.parts.items() if not any(trace.is_in(body) for trace in traces)}
        self.digests = {
            (first, last): body for (first, last), body in self.digests.items() if not first <= stored.seq <= last
        }

    def _forget_points(self, message: Message, deleted_seq: int) -> None:
        for place, stored in enumerate(self.log[: deleted_seq - 1]):
            if b'"type":"summary_updated"' not in stored.line:
                continue
            said = event_adapter.validate_json(stored.line)
            assert isinstance(said, SummaryUpdated), "nothing else looks like this"
            if said.up_to_seq >= message.seq and without(said.points, {message.id}) != said.points:
                self.log[place] = replace(stored, line=without_points_of(stored.line, {message.id}))


def _goes_with(message_id: MessageId, said: Event) -> bool:
    return message_id in (words_of_message(said), answer_asked_again(said))


def _is_note_of(turn_id: TurnId, said: Event) -> bool:
    return note_of_turn(said) == turn_id


def revision_of(message: Message) -> Revision:
    return Revision(revision=message.revision, at=message.at, text=message.text)
