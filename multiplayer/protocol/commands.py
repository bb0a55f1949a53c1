"""Everything a member may ask of a room, and what a running turn submits. Each is a closed, discriminated union.

A command is pure content. Who asks, which room, the answer's `id` and the idempotency `key` stand around it:
in `codec.Request` on the way in, in `rooms.room.Stamped` when it is decided.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints, TypeAdapter

from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId, Ulid
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.protocol.values import Frozen, UtcTime

AccountRef = Annotated[AccountId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]
MessageRef = Annotated[MessageId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]
TurnRef = Annotated[TurnId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]


class PostMessage(Frozen):
    type: Literal["post_message"] = "post_message"
    text: str
    reply_to: MessageRef | None = None


class EditMessage(Frozen):
    type: Literal["edit_message"] = "edit_message"
    message_id: MessageRef
    text: str


class DeleteMessage(Frozen):
    """Leaves a tombstone. The text is gone from history, search and the log."""

    type: Literal["delete_message"] = "delete_message"
    message_id: MessageRef


class AddReaction(Frozen):
    type: Literal["add_reaction"] = "add_reaction"
    message_id: MessageRef
    emoji: str


class RemoveReaction(Frozen):
    type: Literal["remove_reaction"] = "remove_reaction"
    message_id: MessageRef
    emoji: str


class PinMessage(Frozen):
    type: Literal["pin_message"] = "pin_message"
    message_id: MessageRef


class UnpinMessage(Frozen):
    type: Literal["unpin_message"] = "unpin_message"
    message_id: MessageRef


class MarkRead(Frozen):
    """Everything up to `seq` is read. Not an event: the answer carries no seq. The mark never goes back."""

    type: Literal["mark_read"] = "mark_read"
    seq: Annotated[StrictInt, Field(ge=0)]


class SetTyping(Frozen):
    """Passing: told to the others, not stored. Ends by itself after some seconds."""

    type: Literal["set_typing"] = "set_typing"
    is_typing: StrictBool = True


class InviteMember(Frozen):
    """Makes an account a member at once. An AI account becomes an AI member whatever role is named."""

    type: Literal["invite_member"] = "invite_member"
    handle: Annotated[str, StringConstraints(max_length=64)]
    role: Role = Role.MEMBER
    until: UtcTime | None = None


class RemoveMember(Frozen):
    """`ban`: no way back until the ban is lifted."""

    type: Literal["remove_member"] = "remove_member"
    account_id: AccountRef
    ban: StrictBool = False


class LiftBan(Frozen):
    type: Literal["lift_ban"] = "lift_ban"
    account_id: AccountRef


class SetRole(Frozen):
    """`owner` makes a further owner; to hand the room over, step down after it."""

    type: Literal["set_role"] = "set_role"
    account_id: AccountRef
    role: Role


class LeaveRoom(Frozen):
    type: Literal["leave_room"] = "leave_room"


class RenameRoom(Frozen):
    type: Literal["rename_room"] = "rename_room"
    name: str


class SetTopic(Frozen):
    type: Literal["set_topic"] = "set_topic"
    topic: str


class SetRoomSettings(Frozen):
    """Replaces the settings as a whole."""

    type: Literal["set_room_settings"] = "set_room_settings"
    settings: RoomSettings


class ArchiveRoom(Frozen):
    """An archived room can be read, not written; `is_archived` false opens it again."""

    type: Literal["archive_room"] = "archive_room"
    is_archived: StrictBool = True


class DeleteRoom(Frozen):
    """The room is gone for everyone, at once."""

    type: Literal["delete_room"] = "delete_room"


class AskAi(Frozen):
    """Asks an AI for a turn without writing a message. Without `ai_id`: the room's default AI."""

    type: Literal["ask_ai"] = "ask_ai"
    ai_id: AccountRef | None = None
    message_id: MessageRef | None = None


class StopTurn(Frozen):
    type: Literal["stop_turn"] = "stop_turn"
    turn_id: TurnRef


Command = (
    PostMessage
    | EditMessage
    | DeleteMessage
    | AddReaction
    | RemoveReaction
    | PinMessage
    | UnpinMessage
    | MarkRead
    | SetTyping
    | InviteMember
    | RemoveMember
    | LiftBan
    | SetRole
    | LeaveRoom
    | RenameRoom
    | SetTopic
    | SetRoomSettings
    | ArchiveRoom
    | DeleteRoom
    | AskAi
    | StopTurn
)


class StartTurn(Frozen):
    """Claims a waiting turn (`fence` 1) or takes over a running one (the next number)."""

    type: Literal["start_turn"] = "start_turn"
    turn_id: TurnId
    fence: int
    pod: str


class CallTool(Frozen):
    type: Literal["call_tool"] = "call_tool"
    turn_id: TurnId
    fence: int
    call_id: CallId
    name: str
    arguments: str
    """The JSON text as the model wrote it."""


class StartTool(Frozen):
    type: Literal["start_tool"] = "start_tool"
    turn_id: TurnId
    fence: int
    call_id: CallId


class FinishTool(Frozen):
    type: Literal["finish_tool"] = "finish_tool"
    turn_id: TurnId
    fence: int
    call_id: CallId
    is_ok: bool
    text: str
    code: str | None = None
    exit_status: int | None = None


class UpdateSummary(Frozen):
    type: Literal["update_summary"] = "update_summary"
    turn_id: TurnId
    fence: int
    version: int
    text: str
    up_to_seq: int
    method: str


class EndTurn(Frozen):
    """The one end of a turn. `text` becomes the AI's message if it is not empty."""

    type: Literal["end_turn"] = "end_turn"
    turn_id: TurnId
    fence: int
    outcome: TurnOutcome
    reason: str = ""
    text: str = ""
    usage: TokenUsage | None = None


TurnCommand = StartTurn | CallTool | StartTool | FinishTool | UpdateSummary | EndTurn
"""Submitted by the holder of a turn's lease only; no transport decodes these."""


class AcceptInvite(Frozen):
    """Comes from the lobby only, after it checked the link; rights are those of the invite's maker *now*."""

    type: Literal["accept_invite"] = "accept_invite"
    invite_id: Ulid
    invited_by: AccountId
    role: Role
    until: UtcTime | None = None


class ExpireMember(Frozen):
    """Comes from the room's own clock: a guest's membership is over."""

    type: Literal["expire_member"] = "expire_member"
    account_id: AccountId


InnerCommand = AcceptInvite | ExpireMember
"""What the server itself submits; no transport decodes these."""

AnyCommand = Command | TurnCommand | InnerCommand

command_adapter: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
