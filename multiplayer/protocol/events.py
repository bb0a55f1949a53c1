"""What happened in a room: stored, and numbered 1, 2, 3 … without a gap."""

from itertools import count
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import FormAnswer, Taint
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.memory import Fact, SummaryPoint, points_in
from multiplayer.protocol.messages import Answer, MentionGroup, MessageBody
from multiplayer.protocol.retention import Because
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ChangeProposed,
    FilesChanged,
    ModelChanged,
    ProposalDecided,
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
    TurnUndone,
    UndoRequested,
)
from multiplayer.protocol.values import Sparse


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
    is_erased: Sparse[bool] = False
    """Of a direct room: the person who stays in it by another name, because their content was erased."""


class MemberLeft(EventFrame):
    type: Literal["member_left"] = "member_left"
    account_id: AccountId


class MemberRemoved(EventFrame):
    type: Literal["member_removed"] = "member_removed"
    account_id: AccountId
    is_banned: bool = False
    is_expired: bool = False
    is_erased: Sparse[bool] = False
    """The person's content was erased, who need not have been a member any more: earlier lines are not as they were."""


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
    because: Sparse[Because] = ""


class AttachmentChanged(EventFrame):
    """A file of a message is not as it was: it has arrived, failed, or was taken off."""

    type: Literal["attachment_changed"] = "attachment_changed"
    message_id: MessageId
    attachment: Attachment
    is_redacted: Sparse[bool] = False


class ReactionAdded(EventFrame):
    type: Literal["reaction_added"] = "reaction_added"
    message_id: MessageId
    emoji: str


class ReactionRemoved(EventFrame):
    type: Literal["reaction_removed"] = "reaction_removed"
    message_id: MessageId
    emoji: str
    is_erased: Sparse[bool] = False
    """All that the actor had reacted with to this message is gone; `emoji` names none of it."""


class MessagePinned(EventFrame):
    type: Literal["message_pinned"] = "message_pinned"
    message_id: MessageId


class MessageUnpinned(EventFrame):
    type: Literal["message_unpinned"] = "message_unpinned"
    message_id: MessageId


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
    | AttachmentChanged
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
