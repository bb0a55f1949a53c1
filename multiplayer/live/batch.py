"""A batch of commands on its way through a room: submitted, decided one after the other, answered once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from multiplayer.live.audit import Origin, audit_of
from multiplayer.live.clock import Clock
from multiplayer.live.key_window import KeyWindow
from multiplayer.protocol.commands import AnyCommand
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId
from multiplayer.rooms.deciding import Stamped
from multiplayer.rooms.facts import Facts
from multiplayer.rooms.room import Room
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import KeyUse


@dataclass(frozen=True, slots=True)
class Done:
    """Committed: the first event's seq and id; both None for what caused no event."""

    seq: int | None = None
    event_id: str | None = None


Outcome = Done | Refused


@dataclass(slots=True)
class Submission:
    actor_id: AccountId
    command: AnyCommand
    key: str | None
    origin: Origin
    done: Callable[[Outcome], None]
    digest: bytes | None = None
    is_answered: bool = False

    def answer(self, outcome: Outcome) -> None:
        if not self.is_answered:
            self.is_answered = True
            self.done(outcome)


@dataclass(slots=True)
class Decided:
    submission: Submission
    events: Sequence[Event]
    audit: Sequence[AuditEntry] = ()
    twins: list[Submission] = field(default_factory=list)
    """The same command under the same key, sent again in the same batch: answered with it."""

    @property
    def askers(self) -> list[Submission]:
        return [self.submission, *self.twins]


def decide(
    waiting: Iterable[Submission], tentative: Room, facts: Facts, keys: KeyWindow, clock: Clock
) -> tuple[list[Decided], list[tuple[Submission, Refused]]]:
    """Decide each against the state the one before left; `tentative` takes the events, and is seen by nobody yet.

    What a recent key answers is answered here.
    """
    decided: list[Decided] = []
    refused: list[tuple[Submission, Refused]] = []
    here: dict[tuple[AccountId, str], Decided] = {}
    for submission in waiting:
        if submission.key is not None:
            use = keys.find(submission.actor_id, submission.key)
            if use is not None:
                submission.answer(answer_known(submission, use))
                continue
            twin = here.get((submission.actor_id, submission.key))
            if twin is not None and twin.submission.digest == submission.digest:
                twin.twins.append(submission)
                continue
            if twin is not None:
                submission.answer(key_reused())
                continue
        stamp = Stamped(submission.command, clock.now(), clock.new_id)
        try:
            events = tentative.handle(submission.actor_id, stamp, facts)
        except Refused as refusal:
            refused.append((submission, refusal))
            continue
        # Against the state it was decided on, which the ones before it in the batch have changed.
        audit = audit_of(events, tentative.state, submission.origin)
        for event in events:
            tentative.apply(event)
            facts.apply(event)
        item = Decided(submission, events, audit)
        decided.append(item)
        if submission.key is not None:
            here[submission.actor_id, submission.key] = item
    return decided, refused


def answer_known(submission: Submission, use: KeyUse) -> Outcome:
    """Answer a command whose key stands for something already."""
    if use.digest != submission.digest:
        return key_reused()
    return Done(use.seq, use.event_id)


def key_reused() -> Refused:
    return Refused(RefusalCode.KEY_REUSED, "this key was used for something else")
