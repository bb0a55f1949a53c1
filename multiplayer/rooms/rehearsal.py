"""Why a rule did or did not fire, and what other rules would have done: a room's log, judged message by message."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from multiplayer.protocol.events import Event, MessagePosted, RoomCreated, RoomSettingsSet
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.trigger_rules import TriggerRule, Why
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested, TurnSteered
from multiplayer.protocol.turn_fold import TurnStep, is_turn_event, turn_after, turn_of
from multiplayer.protocol.turns import TurnReason
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.rooms.mentions import Mentions
from multiplayer.rooms.state import created
from multiplayer.rooms.triggers import Moment, Verdict, answer_moment, judge


@dataclass(frozen=True)
class Judged:
    """What every rule said to one message, by the state of the room right before it."""

    message_id: MessageId
    seq: int
    verdicts: tuple[Verdict, ...]


class Rehearsal:
    """Takes a room's log event by event, from its first one on.

    Without `triggers` it judges by the room's own rules as they were at each moment. With `triggers` those stand in
    the place of the room's own at all times, what they would have fired counts for their cooldowns, rates and numbers
    of messages, and each turn is regarded as over at once. What the AIs said is what they said.

    It keeps no texts: of messages only which AI wrote them, and of threads only those in which an AI spoke.
    """

    def __init__(self, first: RoomCreated, triggers: tuple[TriggerRule, ...] | None = None) -> None:
        self._triggers = triggers
        if triggers is not None:
            first = first.model_copy(update={"settings": first.settings.model_copy(update={"triggers": triggers})})
        self._state = created(first)
        self._turns: dict[TurnId, TurnState] = {}
        """Those of the log itself, so that it is known who wrote what in whose name."""
        self._ais: dict[MessageId, AccountId] = {}
        self._threads: dict[MessageId, ThreadFacts] = {}
        self._pending: tuple[MessagePosted, Judged] | None = None

    def take(self, event: Event) -> Judged | None:
        """Take the next event. Return the word on the message before it: only now is it known whether it was steered."""
        judged = self._settled(event)
        if isinstance(event, MessagePosted):
            self._pending = self._judged(event)
            self._remember(event)
        self._fold(event)
        return judged

    def end(self) -> Judged | None:
        """Return the word on the log's last message, if that was its last event."""
        return self._settled(None)

    def _judged(self, event: MessagePosted) -> tuple[MessagePosted, Judged] | None:
        moment = self._moment(event)
        if moment is None:
            return None
        return event, Judged(event.message.id, event.seq, judge(self._state, moment))

    def _moment(self, event: MessagePosted) -> Moment | None:
        author = self._state.members.get(event.actor_id)
        if author is None:
            return None
        body = event.message
        replied_to = self._ais.get(body.reply_to) if body.reply_to else None
        if body.turn_id is not None:
            return answer_moment(self._state, self._turns.get(body.turn_id), event, replied_to)
        return Moment(
            author=author,
            text=None if event.is_redacted else body.text,
            at=event.at,
            mentions=Mentions(event.mentions, event.mention_groups),
            replied_to=replied_to,
            thread=self._threads.get(body.thread_root) if body.thread_root else None,
        )

    def _remember(self, event: MessagePosted) -> None:
        body = event.message
        author = self._state.members.get(event.actor_id)
        if author is not None and author.kind is AccountKind.AI:
            self._ais[body.id] = event.actor_id
        root = body.thread_root or body.id
        known = self._threads.get(root)
        if body.turn_id is not None:
            spoke = known.ai_ids if known is not None else frozenset()
            self._threads[root] = ThreadFacts(spoke | {event.actor_id}, event.at)
        elif known is not None:
            self._threads[root] = ThreadFacts(known.ai_ids, event.at)

    def _settled(self, following: Event | None) -> Judged | None:
        if self._pending is None:
            return None
        (posted, judged), self._pending = self._pending, None
        if (
            isinstance(following, TurnSteered | TurnCollected)
            and following.reason is TurnReason.STEERED
            and following.message_id == judged.message_id
        ):
            return replace(
                judged, verdicts=tuple(replace(verdict, why=Why.STEERED, bound=0) for verdict in judged.verdicts)
            )
        if self._triggers is not None:
            for verdict in judged.verdicts:
                if verdict.fires and verdict.ai_id is not None:
                    self._fire(posted, verdict, verdict.ai_id)
        return judged

    def _fire(self, posted: MessagePosted, verdict: Verdict, ai_id: AccountId) -> None:
        """Let the rules remember a request that they would have made."""
        wrote = self._turns.get(posted.message.turn_id) if posted.message.turn_id else None
        self._state.note(
            TurnRequested(
                room_id=posted.room_id,
                seq=posted.seq,
                id=posted.id,
                at=posted.at,
                actor_id=posted.actor_id,
                turn_id=TurnId(posted.id),
                ai_id=ai_id,
                message_id=posted.message.id,
                reason=verdict.reason,
                rule_id=verdict.rule_id,
                on_behalf_of=wrote.askers if wrote else (),
                hops=wrote.hops + 1 if wrote else 0,
            )
        )

    def _fold(self, event: Event) -> None:
        if isinstance(event, TurnRequested):
            self._turns[event.turn_id] = turn_of(event)
        elif isinstance(event, TurnEnded):
            self._turns.pop(event.turn_id, None)
        elif isinstance(event, TurnStep):
            self._turns[event.turn_id] = turn_after(self._turns[event.turn_id], event)
        if self._triggers is None:
            self._state.apply(event)
        elif is_turn_event(event):
            self._state.seq = event.seq
        elif isinstance(event, RoomSettingsSet):
            settings = event.settings.model_copy(update={"triggers": self._triggers})
            self._state.apply(event.model_copy(update={"settings": settings}))
        else:
            self._state.apply(event)


def explain(events: Iterable[Event], message_id: MessageId) -> Judged | None:
    """Say what each rule said to one message; `events` is the room's log from its first one on."""
    return next((judged for judged in _rehearsed(events, None) if judged.message_id == message_id), None)


def dry_run(events: Iterable[Event], triggers: tuple[TriggerRule, ...], *, since: int = 0) -> Iterator[Judged]:
    """Yield what `triggers` would have said to each message from seq `since` on.

    `events` is the room's log from its first one on: what was before counts, it is only not told.
    """
    return (judged for judged in _rehearsed(events, triggers) if judged.seq >= since)


def _rehearsed(events: Iterable[Event], triggers: tuple[TriggerRule, ...] | None) -> Iterator[Judged]:
    log = iter(events)
    first = next(log, None)
    if first is None:
        return
    assert isinstance(first, RoomCreated), "a log begins with its room"
    rehearsal = Rehearsal(first, triggers)
    for event in log:
        judged = rehearsal.take(event)
        if judged is not None:
            yield judged
    last = rehearsal.end()
    if last is not None:
        yield last


def why_text(verdict: Verdict, names: Mapping[AccountId, str]) -> str:
    """Return a verdict as a sentence; `names` are the members' handles."""
    rule, bound = f"the rule '{verdict.rule_id}'", verdict.bound
    ai = "an AI" if verdict.ai_id is None else f"@{names.get(verdict.ai_id, verdict.ai_id)}"
    if verdict.why is Why.FIRES:
        return f"{_capital(rule)} asked {ai}."
    because = {
        Why.IS_OFF: "it is switched off",
        Why.NO_SUCH_AI: "that is no AI of this room" if verdict.ai_id is not None else "there is no AI in this room",
        Why.NOT_ADDRESSED: {
            TurnReason.MENTION: f"nobody mentioned {ai}",
            TurnReason.REPLY: f"the message does not reply to {ai}",
        }.get(verdict.reason, f"the message is not addressed to {ai}"),
        Why.NO_WORD: "none of its words stands in the message",
        Why.NOT_YET: f"it waits until people have written {_many(bound, 'message')}",
        Why.NO_THREAD: "the message is in no thread in which one has spoken",
        Why.THREAD_IS_QUIET: f"the thread had been quiet for more than {bound} s",
        Why.FOR_SOMEONE_ELSE: "the message is addressed to someone else",
        Why.NOT_BY_MESSAGE: "it fires by a clock or a webhook, not by a message",
        Why.MAY_NOT_ASK: "who wrote the message, or in whose name it was written, may not ask the AI in this room",
        Why.NOT_BY_AI: "an AI wrote the message, and in this room that does not fire it",
        Why.TOO_FAR: f"AIs had passed the request on {_many(bound, 'time')}, which is the limit",
        Why.PAIR_SPENT: f"one AI may call the same other one {_many(bound, 'time')} an hour in this room",
        Why.RESTS: f"it rests for {bound} s after it fired",
        Why.TOO_OFTEN: f"it may ask for {_many(bound, 'turn')} a minute, and had",
        Why.OTHER_RULE: "another rule, which goes before it, had decided on this one",
        Why.STOPPED: "the answer was being stopped, and asks for nothing more",
        Why.STEERED: "the message was said into a turn, so that no rule was asked",
        Why.NOT_KNOWN: "the message was deleted, so nobody can tell any more",
    }[verdict.why]
    return f"{_capital(rule)} did not ask {ai}: {because}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
