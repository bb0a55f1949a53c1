"""What happened in a room: stored, and numbered 1, 2, 3 … without a gap."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member, Role
from multiplayer.protocol.messages import MentionGroup, MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.protocol.values import Frozen, UtcTime


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


class TurnRequested(EventFrame):
    type: Literal["turn_requested"] = "turn_requested"
    turn_id: TurnId
    ai_id: AccountId
    message_id: MessageId | None = None
    reason: TurnReason


class TurnCollected(EventFrame):
    """A further request joined a turn that still waits; it will be answered there."""

    type: Literal["turn_collected"] = "turn_collected"
    turn_id: TurnId
    ai_id: AccountId
    message_id: MessageId | None = None
    reason: TurnReason


class TurnStarted(EventFrame):
    type: Literal["turn_started"] = "turn_started"
    turn_id: TurnId
    fence: int
    pod: str


class TurnStopRequested(EventFrame):
    type: Literal["turn_stop_requested"] = "turn_stop_requested"
    turn_id: TurnId


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


class ToolStarted(EventFrame):
    type: Literal["tool_started"] = "tool_started"
    turn_id: TurnId
    call_id: CallId


class ToolFinished(EventFrame):
    type: Literal["tool_finished"] = "tool_finished"
    turn_id: TurnId
    call_id: CallId
    is_ok: bool
    text: str
    code: str | None = None
    exit_status: int | None = None


class SummaryUpdated(EventFrame):
    type: Literal["summary_updated"] = "summary_updated"
    version: int
    text: str
    up_to_seq: int
    method: str


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
    | TurnStarted
    | TurnStopRequested
    | TurnEnded
    | ToolCalled
    | ToolStarted
    | ToolFinished
    | SummaryUpdated
)

event_adapter: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
