"""What one sitting of a chat keeps of the AIs' work: calls that wait for people, proposals, turns that changed files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from multiplayer.cli.chat_numbers import Numbers
from multiplayer.cli.chat_refusals import not_there
from multiplayer.client import RoomWord
from multiplayer.client.view import View, WaitingCall
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.memory import Proposal
from multiplayer.protocol.rooms import ToolCallState, TurnState
from multiplayer.protocol.signals import Reset
from multiplayer.protocol.tools import ApprovalCard
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ChangeProposed,
    FilesChanged,
    ProposalDecided,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnSteered,
    TurnStopRequested,
)
from multiplayer.protocol.turn_fold import card_of
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.tool_policy import may_decide

MOST_TURNS: Final = 200
"""Remembered, of those that a sitting has seen."""
CallKey: TypeAlias = tuple[TurnId, CallId]


@dataclass(frozen=True)
class AskedCall:
    """A call as its card was shown: whose, for whom, and exactly what."""

    ai_id: AccountId
    askers: tuple[AccountId, ...]
    call: ToolCallState
    card: ApprovalCard


@dataclass(frozen=True)
class Turned:
    """A turn as far as this sitting has seen it."""

    ai_id: AccountId
    askers: tuple[AccountId, ...] = ()
    changes: tuple[FilesChanged, ...] = ()


@dataclass
class Work:
    """Knows what was shown, not what is on its way: `note` takes each line when it is shown."""

    view: Callable[[], View]
    my_id: AccountId
    turns: dict[TurnId, Turned] = field(default_factory=dict)
    """Oldest first."""
    asked: dict[CallKey, AskedCall] = field(default_factory=dict)
    calls: Numbers[CallKey] = field(default_factory=lambda: Numbers("call"))
    proposals: Numbers[str] = field(default_factory=lambda: Numbers("proposal"))
    proposed: dict[str, Proposal] = field(default_factory=dict)
    _called: dict[CallKey, ToolCallState] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget everything, and take the room as it is now as shown. To be called before anything else."""
        view = self.view()
        self.turns = {turn_id: Turned(turn.ai_id, turn.askers) for turn_id, turn in view.turns.items()}
        self._called = {(turn_id, call.call_id): call for turn_id, turn in view.turns.items() for call in turn.calls}
        self.asked.clear()
        self.calls.clear()
        for waiting in view.waiting_approvals:
            self._ask(waiting.turn, waiting.call, waiting.card)
        self.proposals.clear()
        self.proposed = {proposal.id: proposal for proposal in view.proposals}
        for proposal_id in self.proposed:
            self.proposals.add(proposal_id)

    def note(self, word: RoomWord) -> None:
        """Take a line that is shown now."""
        match word:
            case TurnRequested() | TurnCollected() | TurnSteered():
                turn = self.turns.get(word.turn_id) or Turned(word.ai_id)
                askers = tuple(dict.fromkeys((*turn.askers, *word.askers)))
                self._remember(word.turn_id, replace(turn, askers=askers))
            case ToolCalled():
                call = ToolCallState(call_id=word.call_id, name=word.name, arguments=word.arguments)
                self._called[word.turn_id, word.call_id] = call
            case ApprovalRequested():
                self._requested(word)
            case ApprovalDecided() | ApprovalExpired():
                self._decided(word)
            case ToolFinished():
                self._called.pop((word.turn_id, word.call_id), None)
                self._close((word.turn_id, word.call_id))
            case TurnStopRequested() | TurnEnded():
                for key in [key for key in (*self.asked, *self._called) if key[0] == word.turn_id]:
                    self._called.pop(key, None)
                    self._close(key)
            case FilesChanged() if word.turn_id is not None:
                known = self.turns.get(word.turn_id) or Turned(word.actor_id, word.asked_by)
                self._remember(word.turn_id, replace(known, changes=(*known.changes, word)))
            case ChangeProposed() if not word.is_redacted:
                self.proposed[word.proposal.id] = word.proposal
                self.proposals.add(word.proposal.id)
            case ProposalDecided():
                self.proposals.close(word.proposal_id, by_me=word.actor_id == self.my_id)
            case Reset():
                self.begin()
            case _:
                pass

    def askers(self, turn_id: TurnId) -> tuple[AccountId, ...]:
        return self.turns[turn_id].askers if turn_id in self.turns else ()

    def waiting(self) -> Mapping[CallKey, WaitingCall]:
        """Return the calls that wait and that were shown."""
        found = {(waiting.turn.turn_id, waiting.call.call_id): waiting for waiting in self.view().waiting_approvals}
        return {key: waiting for key, waiting in found.items() if self.calls.of(key) is not None}

    def call_meant(self, text: str, command: str) -> WaitingCall:
        """Return the call that somebody decides about, as it was shown. Raises `Refused`."""
        waiting = self.waiting()
        key = self.calls.meant(text, command, waiting)
        if waiting[key].card.sha256 != self.asked[key].card.sha256:
            raise not_there("this is not the call that was shown")
        return waiting[key]

    def proposal_meant(self, text: str, command: str) -> Proposal:
        """Return the proposal that somebody decides about. Raises `Refused`."""
        still = [proposal.id for proposal in self.view().proposals]
        return self.proposed[self.proposals.meant(text, command, still)]

    def may_decide(self, asked: AskedCall) -> bool:
        view = self.view()
        me = view.members.get(self.my_id)
        is_asker = self.my_id in asked.askers
        return me is not None and may_decide(me.role, asked.card.decider, view.room.settings, is_asker=is_asker)

    def may_undo(self, askers: tuple[AccountId, ...]) -> bool:
        view = self.view()
        me = view.members.get(self.my_id)
        is_own = askers == (self.my_id,)
        return me is not None and may(Right.STEER_TURN, me.role, view.room.settings, is_own_request=is_own)

    def may_remember(self) -> bool:
        view = self.view()
        me = view.members.get(self.my_id)
        return me is not None and may(Right.EDIT_SUMMARY, me.role, view.room.settings)

    def _requested(self, event: ApprovalRequested) -> None:
        key = (event.turn_id, event.call_id)
        call = self._called.get(key) or ToolCallState(call_id=event.call_id, name="a tool", arguments="")
        self.asked[key] = AskedCall(event.actor_id, self.askers(event.turn_id), call, card_of(event))
        self.calls.add(key)

    def _ask(self, turn: TurnState, call: ToolCallState, card: ApprovalCard) -> None:
        key = (turn.turn_id, call.call_id)
        self.asked[key] = AskedCall(turn.ai_id, turn.askers, call, card)
        self.calls.add(key)

    def _decided(self, event: ApprovalDecided | ApprovalExpired) -> None:
        key = (event.turn_id, event.call_id)
        asked = self.asked.get(key)
        if asked is None:
            return
        change: dict[str, object]
        if isinstance(event, ApprovalExpired):
            change = {"is_expired": True}
        elif event.is_approved:
            change = {"approved_by": (*asked.card.approved_by, event.actor_id)}
        else:
            change = {"rejected_by": event.actor_id}
        card = asked.card.model_copy(update=change)
        self.asked[key] = replace(asked, card=card)
        if not card.is_open:
            self.calls.close(key, by_me=isinstance(event, ApprovalDecided) and event.actor_id == self.my_id)

    def _close(self, key: CallKey) -> None:
        self.asked.pop(key, None)
        self.calls.close(key, by_me=False)

    def _remember(self, turn_id: TurnId, turn: Turned) -> None:
        self.turns[turn_id] = turn
        while len(self.turns) > MOST_TURNS:
            del self.turns[next(iter(self.turns))]
