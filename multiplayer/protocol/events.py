"""What happened in a room: stored, and numbered 1, 2, 3 … without a gap."""

from itertools import count
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import FormAnswer, Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.memory import Fact, Proposal, SummaryPoint, points_in
from multiplayer.protocol.messages import Answer, MentionGroup, MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.tools import Decider, FileChange, ToolClass
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.protocol.values import Frozen, Sparse, UtcTime


class EventFrame(Frozen):
    """What every event carries. `actor_id` is who did it; `id` is a ULID, unique on the server."""

    room_id: RoomId
    seq: int
    id: str
    at: UtcTime
    actor_id: AccountId


class RoomCreated(EventFrame):
    type: Literal["room_created"] = "room_created"
    kind: RoomKind
    name: str
    topic: str = ""
    settings: RoomSettings = RoomSettings()
    members: tuple[Member, ...]


class RoomRenamed(EventFrame):
    type: Literal["room_renamed"] = "room_renamed"
    name: str


class TopicSet(EventFrame):
    type: Literal["topic_set"] = "topic_set"
    topic: str


class RoomSettingsSet(EventFrame):
    type: Literal["room_settings_set"] = "room_settings_set"
    settings: RoomSettings


class RoomArchived(EventFrame):
    type: Literal["room_archived"] = "room_archived"
    is_archived: bool


class RoomDeleted(EventFrame):
    type: Literal["room_deleted"] = "room_deleted"


class MemberJoined(EventFrame):
    type: Literal["member_joined"] = "member_joined"
    member: Member
    invite_id: str | None = None


class MemberLeft(EventFrame):
    type: Literal["member_left"] = "member_left"
    account_id: AccountId


class MemberRemoved(EventFrame):
    type: Literal["member_removed"] = "member_removed"
    account_id: AccountId
    is_banned: bool = False
    is_expired: bool = False


class BanLifted(EventFrame):
    type: Literal["ban_lifted"] = "ban_lifted"
    account_id: AccountId


class RoleChanged(EventFrame):
    type: Literal["role_changed"] = "role_changed"
    account_id: AccountId
    role: Role
    previous: Role


class MessagePosted(EventFrame):
    type: Literal["message_posted"] = "message_posted"
    message: MessageBody
    mentions: tuple[AccountId, ...] = ()
    mention_groups: tuple[MentionGroup, ...] = ()
    is_redacted: bool = False
    """The message was deleted later and its text taken out of the log."""


class MessageEdited(EventFrame):
    type: Literal["message_edited"] = "message_edited"
    message_id: MessageId
    text: str
    revision: int
    mentions: tuple[AccountId, ...] = ()
    mention_groups: tuple[MentionGroup, ...] = ()
    is_redacted: bool = False


class MessageDeleted(EventFrame):
    type: Literal["message_deleted"] = "message_deleted"
    message_id: MessageId


class ReactionAdded(EventFrame):
    type: Literal["reaction_added"] = "reaction_added"
    message_id: MessageId
    emoji: str


class ReactionRemoved(EventFrame):
    type: Literal["reaction_removed"] = "reaction_removed"
    message_id: MessageId
    emoji: str


class MessagePinned(EventFrame):
    type: Literal["message_pinned"] = "message_pinned"
    message_id: MessageId


class MessageUnpinned(EventFrame):
    type: Literal["message_unpinned"] = "message_unpinned"
    message_id: MessageId


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


class AnswerRegenerated(EventFrame):
    """The AI gave another answer in the place of this message's; it is the one that stands now."""

    type: Literal["answer_regenerated"] = "answer_regenerated"
    message_id: MessageId
    answer: Answer
    revision: int
    mentions: tuple[AccountId, ...] = ()
    is_redacted: bool = False


class AnswerChosen(EventFrame):
    """Another of a message's alternatives stands now."""

    type: Literal["answer_chosen"] = "answer_chosen"
    message_id: MessageId
    index: int
    revision: int


class FormAnswered(EventFrame):
    type: Literal["form_answered"] = "form_answered"
    message_id: MessageId
    answers: tuple[FormAnswer, ...]
    is_redacted: bool = False


class SummaryUpdated(EventFrame):
    """A new version of the summary; replaces the one before. `edited_by`: a person wrote it."""

    type: Literal["summary_updated"] = "summary_updated"
    version: int
    points: tuple[SummaryPoint, ...] = ()
    up_to_seq: int
    method: str
    taint: tuple[Taint, ...] = ()
    edited_by: AccountId | None = None
    brief: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _points_of_a_text(cls, value: object) -> object:
        # Logs of version 0.1 hold the summary as one text.
        if isinstance(value, dict) and "text" in value:
            text = value.get("text")
            rest = {name: held for name, held in value.items() if name != "text"}
            numbers = count(1)
            points = points_in(text, lambda: f"p{next(numbers)}") if isinstance(text, str) else ()
            return {**rest, "points": points}
        return value


class FactPinned(EventFrame):
    type: Literal["fact_pinned"] = "fact_pinned"
    fact: Fact
    is_redacted: bool = False


class FactForgotten(EventFrame):
    """Its text is gone from the log, too."""

    type: Literal["fact_forgotten"] = "fact_forgotten"
    fact_id: str


class BudgetSet(EventFrame):
    type: Literal["budget_set"] = "budget_set"
    budget: Budget


Event = (
    RoomCreated
    | RoomRenamed
    | TopicSet
    | RoomSettingsSet
    | RoomArchived
    | RoomDeleted
    | MemberJoined
    | MemberLeft
    | MemberRemoved
    | BanLifted
    | RoleChanged
    | MessagePosted
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | MessagePinned
    | MessageUnpinned
    | TurnRequested
    | TurnCollected
    | TurnSteered
    | SteeringTaken
    | ModelChanged
    | TurnStarted
    | TurnStopRequested
    | TurnEnded
    | ToolCalled
    | ApprovalRequested
    | ApprovalDecided
    | ApprovalExpired
    | ToolStarted
    | ToolFinished
    | FilesChanged
    | UndoRequested
    | TurnUndone
    | ChangeProposed
    | ProposalDecided
    | AnswerRegenerated
    | AnswerChosen
    | FormAnswered
    | SummaryUpdated
    | FactPinned
    | FactForgotten
    | BudgetSet
)

event_adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
