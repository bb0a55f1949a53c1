"""What happens in the turns of AIs: asked for, run, its tool calls, what they change, its end."""

from typing import Literal

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.memory import Proposal
from multiplayer.protocol.tools import CallLimits, Decider, FileChange, ToolClass
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.protocol.values import Sparse, UtcTime


class Request(EventFrame):
    """An AI is asked for something. The actor asks; or another AI, in the name of `on_behalf_of`."""

    turn_id: TurnId
    ai_id: AccountId
    message_id: MessageId | None = None
    reason: TurnReason
    rule_id: str | None = None
    on_behalf_of: Sparse[tuple[AccountId, ...]] = ()
    hops: Sparse[int] = 0
    is_unattended: Sparse[bool] = False
    """A schedule or webhook began it, whoever passed it on: nobody is there who means it."""
    note: Sparse[str] = ""
    note_taint: Sparse[tuple[Taint, ...]] = ()
    """From where the note came, when it is told again for another answer."""
    is_redacted: Sparse[bool] = False

    @property
    def is_by_webhook(self) -> bool:
        return self.reason is TurnReason.WEBHOOK or Taint.WEBHOOK in self.note_taint

    @property
    def askers(self) -> tuple[AccountId, ...]:
        return self.on_behalf_of or (self.actor_id,)


class TurnRequested(Request):
    type: Literal["turn_requested"] = "turn_requested"
    replaces: MessageId | None = None


class TurnCollected(Request):
    """A further request joined a turn that still waits; it will be answered there."""

    type: Literal["turn_collected"] = "turn_collected"


class TurnSteered(Request):
    """A further request joined a turn that runs; the model is told it at its next step."""

    type: Literal["turn_steered"] = "turn_steered"


class SteeringTaken(EventFrame):
    """The model of a running turn was told these messages."""

    type: Literal["steering_taken"] = "steering_taken"
    turn_id: TurnId
    messages: tuple[MessageId, ...]


class ModelChanged(EventFrame):
    """Another model answers in this turn, because the one before it could not."""

    type: Literal["model_changed"] = "model_changed"
    turn_id: TurnId
    model: str
    previous: str
    reason: str


class TurnStarted(EventFrame):
    type: Literal["turn_started"] = "turn_started"
    turn_id: TurnId
    fence: int
    pod: str


class TurnStopRequested(EventFrame):
    type: Literal["turn_stop_requested"] = "turn_stop_requested"
    turn_id: TurnId
    superseded_by: TurnId | None = None
    """The turn that takes its place."""


class TurnEnded(EventFrame):
    type: Literal["turn_ended"] = "turn_ended"
    turn_id: TurnId
    ai_id: AccountId
    outcome: TurnOutcome
    reason: str = ""
    message_id: MessageId | None = None
    usage: TokenUsage | None = None


class ToolCalled(EventFrame):
    type: Literal["tool_called"] = "tool_called"
    turn_id: TurnId
    call_id: CallId
    name: str
    arguments: str
    is_redacted: Sparse[bool] = False
    """A message that it came of, or that it quotes, was deleted later: what it was told is taken out of the log."""


class ApprovalRequested(EventFrame):
    """The call waits for people. What it is says the `tool_called` event with this `call_id`; `sha256` binds it."""

    type: Literal["approval_requested"] = "approval_requested"
    turn_id: TurnId
    call_id: CallId
    tool_class: ToolClass
    sha256: str
    decider: Decider
    needed: int
    reason: str
    expires_at: UtcTime
    limits: Sparse[CallLimits | None] = None


class ApprovalDecided(EventFrame):
    """The actor approved the call or rejected it."""

    type: Literal["approval_decided"] = "approval_decided"
    turn_id: TurnId
    call_id: CallId
    is_approved: bool


class ApprovalExpired(EventFrame):
    type: Literal["approval_expired"] = "approval_expired"
    turn_id: TurnId
    call_id: CallId


class FilesChanged(EventFrame):
    """Files of the workspace are not as they were: by a tool call (the actor is the AI), or by a person's hand.

    `before` and `after` are the hashes of the whole workspace. `more` changes are not named.
    """

    type: Literal["files_changed"] = "files_changed"
    turn_id: TurnId | None = None
    call_id: CallId | None = None
    changes: tuple[FileChange, ...]
    more: Sparse[int] = 0
    before: str
    after: str
    asked_by: Sparse[tuple[AccountId, ...]] = ()
    approved_by: Sparse[tuple[AccountId, ...]] = ()
    taint: Sparse[tuple[Taint, ...]] = ()
    """What untrusted words the turn had seen that wrote them."""


class UndoRequested(EventFrame):
    type: Literal["undo_requested"] = "undo_requested"
    turn_id: TurnId
    keeps_others: Sparse[bool] = False


class TurnUndone(EventFrame):
    """What the turn had changed is as it was, or why it is not. `conflicts`: files that others changed since."""

    type: Literal["turn_undone"] = "turn_undone"
    turn_id: TurnId
    is_ok: bool
    reason: Sparse[str] = ""
    changes: tuple[FileChange, ...] = ()
    more: Sparse[int] = 0
    conflicts: Sparse[tuple[str, ...]] = ()


class ChangeProposed(EventFrame):
    """An AI would like the room to remember something, or to forget a fact. A member decides."""

    type: Literal["change_proposed"] = "change_proposed"
    turn_id: TurnId
    proposal: Proposal
    is_redacted: Sparse[bool] = False


class ProposalDecided(EventFrame):
    type: Literal["proposal_decided"] = "proposal_decided"
    proposal_id: str
    is_accepted: bool


class ToolStarted(EventFrame):
    type: Literal["tool_started"] = "tool_started"
    turn_id: TurnId
    call_id: CallId
    tool_class: Sparse[ToolClass | None] = None
    before: Sparse[str] = ""
    """The hash of the workspace right before, where the call may change files."""


class ToolFinished(EventFrame):
    type: Literal["tool_finished"] = "tool_finished"
    turn_id: TurnId
    call_id: CallId
    is_ok: bool
    text: str
    code: str | None = None
    exit_status: int | None = None
    taint: Taint | None = None
    is_redacted: Sparse[bool] = False
    """Such a message was deleted later: what the call came to is taken out of the log."""
