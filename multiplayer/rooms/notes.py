"""What a room's rules remember besides members, pins, turns and summary: facts, the budget, what fired when."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.events import BudgetSet, Event, FactForgotten, FactPinned, RoomCreated, RoomSettingsSet
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.memory import Fact, Proposal
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ChangeKind
from multiplayer.protocol.trigger_rules import EveryRule
from multiplayer.protocol.turn_events import (
    ChangeProposed,
    FilesChanged,
    ProposalDecided,
    TurnCollected,
    TurnRequested,
    TurnSteered,
    TurnUndone,
    UndoRequested,
)
from multiplayer.protocol.values import Frozen, UtcTime

MINUTE: Final = timedelta(minutes=1)
"""Rates look back so far."""
HOUR: Final = timedelta(hours=1)
"""The bound on AIs that call each other looks back so far."""
DAY: Final = timedelta(days=1)
"""No rule rests longer than this."""
MOST_FIRINGS: Final = 1_000
MOST_CHANGED: Final = 50
"""So many of the last turns that changed files can be undone."""
MOST_TAINTED: Final = 500
MOST_TAINTED_CHARACTERS: Final = 32_000


class Firing(Frozen):
    """A rule made an AI take a turn. `by`: who wrote what it fired on, a person or another AI."""

    rule_id: str
    ai_id: AccountId
    by: AccountId
    at: UtcTime
    is_turn: bool = True
    """False: the request joined a turn that was there."""
    is_passed_on: bool = False
    """`by` is an AI, which called another one in the name of those who had asked it."""


class ChangedFiles(Frozen):
    """A turn that changed the workspace: for whom, and from which state of it to which, span by span."""

    turn_id: TurnId
    askers: tuple[AccountId, ...]
    spans: tuple[tuple[str, str], ...]
    undo: Literal["", "wanted", "done"] = ""
    undo_by: AccountId | None = None
    keeps_others: bool = False
    is_tainted: bool = False
    """Files that it changed were marked, or are: what comes back when it is undone may be untrusted."""


class RoomNotes(Frozen):
    """Changed by `after` only. Stored as one small document beside the room."""

    facts: tuple[Fact, ...] = ()
    budget: Budget = Budget()
    firings: tuple[Firing, ...] = ()
    """Oldest first."""
    changed: tuple[ChangedFiles, ...] = ()
    """The last turns that changed files, oldest first."""
    tainted_files: tuple[str, ...] = ()
    """Paths that were written by turns with untrusted words in them. More than can be told: `*` is among them."""
    proposals: tuple[Proposal, ...] = ()
    marks: dict[str, int] = Field(default_factory=dict)
    """For each rule that fires after so many messages: the seq from which it counts."""

    def after(self, event: Event) -> "RoomNotes":
        """Return the notes as they are after `event`."""
        match event:
            case FactPinned():
                return self.model_copy(update={"facts": (*self.facts, event.fact)})
            case FactForgotten():
                kept = tuple(fact for fact in self.facts if fact.id != event.fact_id)
                return self.model_copy(update={"facts": kept})
            case BudgetSet():
                return self.model_copy(update={"budget": event.budget})
            case FilesChanged():
                return self._files_changed(event)
            case UndoRequested():
                return self._undo(
                    event.turn_id, {"undo": "wanted", "undo_by": event.actor_id, "keeps_others": event.keeps_others}
                )
            case TurnUndone():
                after = self._undo(event.turn_id, {"undo": "done" if event.is_ok else ""})
                undone = next((one for one in self.changed if one.turn_id == event.turn_id), None)
                if undone is None or not undone.is_tainted:
                    return after
                back = {change.path for change in event.changes if change.kind is not ChangeKind.REMOVED}
                marked = _bounded({*self.tainted_files, *back, *(("*",) if event.more else ())})
                return after.model_copy(update={"tainted_files": marked})
            case ChangeProposed():
                return self.model_copy(update={"proposals": (*self.proposals, event.proposal)})
            case ProposalDecided():
                left = tuple(one for one in self.proposals if one.id != event.proposal_id)
                return self.model_copy(update={"proposals": left})
            case RoomCreated() | RoomSettingsSet():
                counting = _counting(event.settings)
                if counting.keys() != self.marks.keys():
                    marks = {rule_id: self.marks.get(rule_id, event.seq) for rule_id in counting}
                    return self.model_copy(update={"marks": marks})
                return self
            case TurnRequested() | TurnCollected() | TurnSteered() if event.rule_id is not None:
                return self._fired(event, event.rule_id)
            case _:
                return self

    def _files_changed(self, event: FilesChanged) -> "RoomNotes":
        changed: dict[str, object] = {"tainted_files": self._tainted_after(event)}
        if event.turn_id is not None:
            others = tuple(one for one in self.changed if one.turn_id != event.turn_id)
            known = next((one for one in self.changed if one.turn_id == event.turn_id), None)
            known = known or ChangedFiles(turn_id=event.turn_id, askers=event.asked_by, spans=())
            # What comes after it was undone, by its job, can be undone in its turn.
            again = known.undo == "done"
            change = {
                "spans": _joined(() if again else known.spans, (event.before, event.after)),
                "undo": "" if again else known.undo,
                "askers": tuple(dict.fromkeys((*known.askers, *event.asked_by))),
                "is_tainted": known.is_tainted or bool(event.taint) or self._touches_tainted(event),
            }
            changed["changed"] = (*others, known.model_copy(update=change))[-MOST_CHANGED:]
        return self.model_copy(update=changed)

    def _tainted_after(self, event: FilesChanged) -> tuple[str, ...]:
        touched = {change.path for change in event.changes}
        if event.taint:
            fresh = {change.path for change in event.changes if change.kind is not ChangeKind.REMOVED}
            return _bounded({*self.tainted_files, *fresh, *(("*",) if event.more else ())})
        # A turn does not clear a mark, not even by removing the file: undone, it would be there again.
        gone = touched if event.turn_id is None else set[str]()
        # What a person only moved says what it said before.
        moved = {c.before for c in event.changes if c.kind is ChangeKind.REMOVED and c.path in self.tainted_files}
        there = {c.path for c in event.changes if c.kind is not ChangeKind.REMOVED and c.after in moved and c.after}
        # Of a change that is not named whole, nobody can tell where marked files went.
        unknown = {"*"} if event.more and self.tainted_files else set[str]()
        return _bounded({path for path in self.tainted_files if path not in gone} | there | unknown)

    def _touches_tainted(self, event: FilesChanged) -> bool:
        return bool(self.tainted_files) and (
            bool(event.more)
            or "*" in self.tainted_files
            or any(one.path in self.tainted_files for one in event.changes)
        )

    def _undo(self, turn_id: TurnId, change: dict[str, object]) -> "RoomNotes":
        changed = tuple(one.model_copy(update=change) if one.turn_id == turn_id else one for one in self.changed)
        return self.model_copy(update={"changed": changed})

    def _fired(self, event: TurnRequested | TurnCollected | TurnSteered, rule_id: str) -> "RoomNotes":
        firing = Firing(
            rule_id=rule_id,
            ai_id=event.ai_id,
            by=event.actor_id,
            at=event.at,
            is_turn=isinstance(event, TurnRequested),
            is_passed_on=bool(event.on_behalf_of),
        )
        changed: dict[str, object] = {"firings": _needed((*self.firings, firing), event.at)[-MOST_FIRINGS:]}
        if rule_id in self.marks:
            changed["marks"] = {**self.marks, rule_id: event.seq}
        return self.model_copy(update=changed)


def notes_change(event: Event) -> bool:
    """Tell whether `event` may change the notes."""
    match event:
        case FactPinned() | FactForgotten() | BudgetSet() | RoomCreated() | RoomSettingsSet():
            return True
        case FilesChanged() | UndoRequested() | TurnUndone() | ChangeProposed() | ProposalDecided():
            return True
        case TurnRequested() | TurnCollected() | TurnSteered():
            return event.rule_id is not None
        case _:
            return False


def _bounded(paths: Collection[str]) -> tuple[str, ...]:
    """Return the marks in order; `*` alone when they are more than the notes should hold."""
    if len(paths) > MOST_TAINTED or sum(len(path) for path in paths) > MOST_TAINTED_CHARACTERS:
        return ("*",)
    return tuple(sorted(paths))


def _joined(spans: tuple[tuple[str, str], ...], span: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the spans with one more. One that begins where the last ends makes it longer."""
    if spans and spans[-1][1] == span[0]:
        return (*spans[:-1], (spans[-1][0], span[1]))
    return (*spans, span)


def _needed(firings: Sequence[Firing], now: UtcTime) -> tuple[Firing, ...]:
    """Return those that a rate, the bound on a pair of AIs, or a cooldown may still ask for."""
    newest = {(one.rule_id, one.ai_id): one for one in firings}
    return tuple(
        one
        for one in firings
        if one.at > now - MINUTE
        or (one.is_passed_on and one.at > now - HOUR)
        or (newest[one.rule_id, one.ai_id] is one and one.at > now - DAY)
    )


def _counting(settings: RoomSettings) -> dict[str, None]:
    """Return the rules that count messages, in their order. One that fires on each message counts none."""
    return {
        rule.id: None for rule in settings.triggers if isinstance(rule, EveryRule) and rule.is_on and rule.messages > 1
    }
