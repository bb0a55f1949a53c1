"""Rooms for the storage contract: a script makes events that follow from each other, and knows what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from ulid import ULID

from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    BanLifted,
    BudgetSet,
    Event,
    FactForgotten,
    FactPinned,
    FormAnswered,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
    RoleChanged,
    RoomArchived,
    RoomCreated,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
    TopicSet,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.memory import Fact
from multiplayer.protocol.messages import Answer, MentionGroup, Message, MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings, TurnState
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, EveryRule, ScheduleRule
from multiplayer.protocol.turn_events import (
    ModelChanged,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.rooms.derived import without
from multiplayer.rooms.state import RoomState, created, folded
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Append, NewEvent
from multiplayer.storage.redaction import (
    answer_asked_again,
    call_in,
    note_of_turn,
    quotable,
    redacted,
    without_points_of,
    words_of_message,
)
from tests.contracts.answers import cards, form, form_answer, point

NOW = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
ALICE, BOB, AI = AccountId("01ALICE"), AccountId("01BOB"), AccountId("01AI")
SCHEDULE = ScheduleRule(id="daily", at=time(9), zone="Europe/Berlin", set_by=ALICE, prompt="what is new?")


def ulid() -> str:
    return str(ULID())


def new_event(event: Event, key: str | None = None) -> NewEvent:
    line = encode(event)
    return NewEvent(event, line, key, None if key is None else sha256(key.encode()).digest())


def audit(action: str, actor_id: AccountId | None = ALICE) -> AuditEntry:
    return AuditEntry(at=NOW, actor_id=actor_id, origin="http", action=action, subject="x", before="a", after="b")


def member(account_id: AccountId, seq: int, role: Role = Role.MEMBER, until: datetime | None = None) -> Member:
    return Member(
        account_id=account_id,
        kind=AccountKind.AI if role is Role.AI else AccountKind.HUMAN,
        handle=account_id.lower(),
        display_name=account_id,
        role=role,
        joined_at=NOW,
        joined_seq=seq,
        until=until,
    )


class RoomScript:
    """One room's log, written event by event and taken in appends."""

    def __init__(self, *, name: str = "room", kind: RoomKind = RoomKind.ROOM) -> None:
        self.room_id = RoomId(ulid())
        self.events: list[Event] = []
        members = (member(ALICE, 1, Role.OWNER), member(BOB, 1), member(AI, 1, Role.AI))
        self.add(RoomCreated, ALICE, kind=kind, name=name, members=members)

    @property
    def seq(self) -> int:
        return len(self.events)

    def add(self, made: type[Any], actor_id: AccountId = ALICE, /, **fields: object) -> Any:
        at = NOW + timedelta(milliseconds=self.seq)
        frame = {"room_id": self.room_id, "seq": self.seq + 1, "id": ulid(), "at": at, "actor_id": actor_id}
        event = made(**frame, **fields)
        self.events.append(event)
        return event

    def post(self, text: str, actor_id: AccountId = ALICE, **fields: Any) -> MessageId:
        message_id = MessageId(ulid())
        more = {name: fields.pop(name) for name in [*fields] if name in MessageBody.model_fields}
        body = MessageBody(id=message_id, text=text, **more)
        self.add(MessagePosted, actor_id, message=body, **fields)
        return message_id

    def edit(self, message_id: MessageId, text: str, revision: int = 2, actor_id: AccountId = ALICE) -> None:
        self.add(MessageEdited, actor_id, message_id=message_id, text=text, revision=revision, mentions=(BOB,))

    def delete(self, message_id: MessageId, actor_id: AccountId = ALICE) -> None:
        """Delete a message, and take back what was derived from it, as a room does."""
        state = folded(self.events)
        message = next(message for message in self.messages() if message.id == message_id)
        self.add(MessageDeleted, actor_id, message_id=message_id)
        if state.summary is not None and message.seq <= state.summary.up_to_seq:
            points = without(state.summary.points, {message_id})
            if points != state.summary.points:
                version, up_to_seq = state.summary.version + 1, state.summary.up_to_seq
                self.add(SummaryUpdated, actor_id, version=version, points=points, up_to_seq=up_to_seq, method="erased")
        for fact in state.notes.facts:
            if fact.message_id == message_id:
                self.add(FactForgotten, actor_id, fact_id=fact.id)

    def append(
        self, since: int, *, until: int | None = None, key: str | None = None, audits: Sequence[AuditEntry] = ()
    ) -> Append:
        """Take the events after seq `since` as one append; the first carries `key`."""
        events = self.events[since:until]
        new = (new_event(events[0], key), *(new_event(event) for event in events[1:]))
        return Append(self.room_id, since, new, tuple(audits))

    def messages(self) -> list[Message]:
        """Return what the protocol's own fold makes of the log."""
        found: dict[MessageId, Message] = {}
        for event in self.events:
            message_id = touched_message(event)
            if isinstance(event, MessagePosted):
                found[event.message.id] = message_of(event)
            elif message_id is not None:
                found[message_id] = fold_message(found[message_id], event)
        return list(found.values())

    def turns(self) -> dict[TurnId, TurnState]:
        """Return every turn as it is, or was when it ended: without the note if one of its messages is deleted now."""
        first, *rest = self.events
        assert isinstance(first, RoomCreated)
        state: RoomState = created(first)
        found: dict[TurnId, TurnState] = {}
        for event in rest:
            state.apply(event)
            found |= state.turns
        gone = {message.id for message in self.messages() if message.is_deleted}
        unsaid = self._turns_of_deleted()
        for turn_id, turn in found.items():
            if turn_id not in state.turns:
                is_bare = turn_id in unsaid or not gone.isdisjoint((*turn.messages, turn.replaces))
                found[turn_id] = turn.model_copy(update={"calls": (), "note": "" if is_bare else turn.note})
        return found

    def _turns_of_deleted(self) -> set[TurnId]:
        """Return the turns whose answers are deleted, those that were given in place of others, too."""
        deleted = {event.message_id for event in self.events if isinstance(event, MessageDeleted)}
        found: set[TurnId] = set()
        for event in self.events:
            if isinstance(event, MessagePosted) and event.message.id in deleted and event.message.turn_id is not None:
                found.add(event.message.turn_id)
            elif isinstance(event, AnswerRegenerated) and event.message_id in deleted:
                found.add(event.answer.turn_id)
        return found

    def _emptied_tools(self) -> set[int]:
        """Return the seqs of the lines of tools that went: of turns with deleted messages, and what quotes those."""
        deleted = {event.message_id: event.seq for event in self.events if isinstance(event, MessageDeleted)}
        ends = {event.turn_id: event.seq for event in self.events if isinstance(event, TurnEnded)}
        untils: dict[TurnId, int] = {}
        for turn_id, turn in self.turns().items():
            seqs = [deleted[one] for one in turn.messages if one in deleted]
            seqs += [deleted[one.id] for one in self.messages() if one.id in deleted and turn_id in _turns_of(one)]
            if seqs:
                untils[turn_id] = max(*seqs, ends.get(turn_id, 0))
        said = [event for event in self.events if isinstance(event, ToolCalled | ToolFinished)]
        quotes = [
            quote
            for event in self.events
            if (message_id := words_of_message(event)) in deleted
            for quote in quotable(event, deleted[message_id])
        ]
        emptied = {event.seq for event in said if event.seq < untils.get(event.turn_id, 0)}
        for event in said:
            until = max((quote.until for quote in quotes if quote.is_in(event)), default=0)
            emptied |= {
                other.seq for other in said if other.call_id == event.call_id and event.seq <= other.seq < until
            }
        return {event.seq for event in said if event.seq in emptied and call_in(event) is not None}

    def lines(self) -> list[bytes]:
        """Return the log as everyone may read it now: what was deleted or forgotten is taken out."""
        posted = {event.message.id: event.seq for event in self.events if isinstance(event, MessagePosted)}
        deleted = {event.message_id: event.seq for event in self.events if isinstance(event, MessageDeleted)}
        forgotten = {event.fact_id for event in self.events if isinstance(event, FactForgotten)}
        unsaid, emptied = self._turns_of_deleted(), self._emptied_tools()
        lines = []
        for event in self.events:
            line = encode(event)
            is_unsaid = words_of_message(event) in deleted or note_of_turn(event) in unsaid or event.seq in emptied
            is_unsaid |= answer_asked_again(event) in deleted
            if is_unsaid or (isinstance(event, FactPinned) and event.fact.id in forgotten):
                line = redacted(line)
            elif isinstance(event, SummaryUpdated):
                gone = {key for key, seq in deleted.items() if event.seq < seq and posted[key] <= event.up_to_seq}
                line = without_points_of(line, gone) if gone else line
            lines.append(line)
        return lines


def _turns_of(message: Message) -> set[TurnId | None]:
    return {message.turn_id, *(answer.turn_id for answer in message.alternatives)}


def post_at(room_id: RoomId, expected: int, text: str, key: str | None = None) -> Append:
    """Return an append of one message by alice, right after seq `expected`."""
    body = MessageBody(id=MessageId(ulid()), text=text)
    event = MessagePosted(room_id=room_id, seq=expected + 1, id=body.id, at=NOW, actor_id=ALICE, message=body)
    return Append(room_id, expected, (new_event(event, key),))


@dataclass(frozen=True)
class Step:
    what: int
    which: int
    text: str


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
steps = st.lists(st.builds(Step, what=st.integers(0, 37), which=st.integers(0, 5), text=texts), min_size=1, max_size=40)

ASKED_AGAIN = (Step(24, 0, "0"), Step(34, 1, "0"))
"""A request whose line holds words of the answer that it replaces in two ways."""


def play(script: RoomScript, step: Step) -> None:
    """Add the step's event if it is possible now."""
    state = folded(script.events)
    messages = [message for message in script.messages() if not message.is_deleted]
    message = messages[-1 - step.which % len(messages)] if messages else None
    turns = list(state.turns.values())
    turn = turns[step.which % len(turns)] if turns else None
    guest = AccountId(f"01GUEST{step.which}")
    emoji = "👍🎉"[step.which % 2]
    match step.what:
        case 0 | 1:
            script.post(step.text, (ALICE, BOB)[step.which % 2], mentions=(BOB,), mention_groups=(MentionGroup.ALL,))
        case 2 if message:
            script.edit(message.id, step.text, message.revision + 1, message.author_id)
        case 3 if message:
            script.delete(message.id, BOB)
        case 4 if message and not any(r.emoji == emoji and BOB in r.account_ids for r in message.reactions):
            script.add(ReactionAdded, BOB, message_id=message.id, emoji=emoji)
        case 5 if message and message.reactions:
            first = message.reactions[0]
            script.add(ReactionRemoved, first.account_ids[0], message_id=message.id, emoji=first.emoji)
        case 6 if message and message.id not in state.pins:
            script.add(MessagePinned, message_id=message.id)
        case 7 if state.pins:
            script.add(MessageUnpinned, message_id=state.pins[step.which % len(state.pins)])
        case 8 | 9 if guest not in state.members:
            until = NOW + timedelta(hours=1) if step.which % 2 else None
            script.add(MemberJoined, guest, member=member(guest, script.seq + 1, Role.GUEST, until))
        case 10 if guest in state.members:
            script.add(MemberLeft, guest, account_id=guest)
        case 11 if guest in state.members:
            script.add(MemberRemoved, account_id=guest, is_banned=step.which % 2 == 0)
        case 12 if state.banned:
            script.add(BanLifted, account_id=min(state.banned))
        case 13 if guest in state.members:
            role = (Role.GUEST, Role.MEMBER, Role.ADMIN)[len(step.text) % 3]
            script.add(RoleChanged, account_id=guest, role=role, previous=state.members[guest].role)
        case 14:
            script.add(RoomRenamed, name=step.text)
        case 15:
            script.add(TopicSet, topic=step.text)
        case 16:
            script.add(RoomSettingsSet, settings=RoomSettings(guests_post=step.which % 2 == 0, persona=step.text))
        case 17:
            script.add(RoomArchived, is_archived=step.which % 2 == 0)
        case 18:
            script.add(TurnRequested, BOB, turn_id=TurnId(ulid()), ai_id=AI, reason=TurnReason.ASKED)
        case 19 if turn:
            script.add(
                TurnCollected, ALICE, turn_id=turn.turn_id, ai_id=AI, message_id=ulid(), reason=TurnReason.MENTION
            )
        case 20 if turn:
            script.add(TurnStarted, AI, turn_id=turn.turn_id, fence=turn.fence + 1, pod="pod-1")
        case 21 if turn:
            if turn.calls and step.which % 2:
                call_id = turn.calls[0].call_id
                made = ToolStarted if not turn.calls[0].is_started else ToolFinished
                more = {} if made is ToolStarted else {"is_ok": True, "text": step.text}
                script.add(made, AI, turn_id=turn.turn_id, call_id=call_id, **more)
            else:
                call_id = CallId(ulid())
                script.add(ToolCalled, AI, turn_id=turn.turn_id, call_id=call_id, name="run", arguments=step.text)
        case 22 if turn:
            script.add(TurnStopRequested, turn_id=turn.turn_id)
        case 23:
            if turn:
                usage = TokenUsage(
                    model="m", tokens_in=3, tokens_cached=2, tokens_out=1, cost_micros=step.which, price_version="p1"
                )
                script.add(
                    TurnEnded, AI, turn_id=turn.turn_id, ai_id=AI, outcome=TurnOutcome.DONE, usage=usage, reason="so"
                )
            else:
                script.add(
                    SummaryUpdated, AI, version=step.which, text=step.text, up_to_seq=script.seq, method="extractive"
                )
        case _:
            _play_more(script, step, state, message, turn)


def _play_more(
    script: RoomScript, step: Step, state: RoomState, message: Message | None, turn: TurnState | None
) -> None:
    answers = [one for one in script.messages() if one.turn_id is not None and not one.is_deleted]
    answer = answers[-1 - step.which % len(answers)] if answers else None
    said = message.id if message else None
    match step.what:
        case 24 | 25:
            root = message.thread_root or message.id if message and step.which % 2 else None
            fields: dict[str, Any] = {"reply_to": said, "thread_root": root} if root else {}
            if step.which != 1:
                fields |= {"cards": cards(step.text), "form": form(step.text), "taint": (Taint.NLWEB,)}
            script.post(step.text, AI, turn_id=ulid(), asked_by=(BOB,), answers=(said,) if said else (), **fields)
        case 26 | 27 if answer:
            new = Answer(
                turn_id=TurnId(ulid()), at=NOW, text=step.text, cards=cards(step.text) if step.which % 2 else ()
            )
            revision = answer.revision + 1
            script.add(AnswerRegenerated, AI, message_id=answer.id, answer=new, revision=revision, mentions=(BOB,))
        case 28 if answer and answer.alternatives:
            index = step.which % len(answer.alternatives)
            script.add(AnswerChosen, BOB, message_id=answer.id, index=index, revision=answer.revision + 1)
        case 29 if answer and answer.form:
            script.add(FormAnswered, BOB, message_id=answer.id, answers=(form_answer(step.text),))
        case 30:
            fact = Fact(id=ulid(), text=step.text, by=ALICE, at=NOW, message_id=said if step.which % 2 else None)
            script.add(FactPinned, fact=fact)
        case 31 if state.notes.facts:
            script.add(FactForgotten, fact_id=state.notes.facts[0].id)
        case 32:
            script.add(BudgetSet, budget=Budget(total=Caps(tokens_per_day=step.which)))
        case 33:
            counting = tuple(EveryRule(id=f"r{n}", messages=n + 1) for n in range(step.which))
            script.add(RoomSettingsSet, settings=RoomSettings(triggers=(*DEFAULT_TRIGGERS, *counting, SCHEDULE)))
        case 34:
            asked = {"turn_id": ulid(), "ai_id": AI, "rule_id": f"r{step.which}", "reason": TurnReason.EVERY}
            again = answer.id if answer and step.which % 2 else None
            script.add(TurnRequested, BOB, message_id=said, note=step.text, replaces=again, **asked)
        case 35 if turn:
            made = TurnSteered if step.which % 2 else TurnCollected
            script.add(made, turn_id=turn.turn_id, ai_id=AI, message_id=said, reason=TurnReason.FORM, note=step.text)
        case 36 if turn:
            if turn.steering and step.which % 2:
                script.add(SteeringTaken, AI, turn_id=turn.turn_id, messages=turn.steering[:1])
            else:
                script.add(ModelChanged, AI, turn_id=turn.turn_id, model=step.text, previous="m", reason="down")
        case 37:
            sources = tuple(one.id for one in script.messages()[: step.which] if not one.is_deleted)
            points = (point(step.text, sources), point(step.text, sources, by=BOB), point("unsourced", by=BOB))
            version = state.summary.version + 1 if state.summary else 1
            more = {"taint": (Taint.WEB,), "edited_by": BOB, "brief": "a1"} if step.which % 2 else {}
            script.add(SummaryUpdated, AI, version=version, points=points, up_to_seq=script.seq, method="model", **more)
        case _:
            pass


def read_back(line: bytes) -> Event:
    return event_adapter.validate_json(line)
