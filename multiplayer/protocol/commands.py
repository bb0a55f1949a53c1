"""Everything a member may ask of a room, and what a running turn submits. Each is a closed, discriminated union.

A command is pure content. Who asks, which room, the answer's `id` and the idempotency `key` stand around it:
in `codec.Request` on the way in, in `rooms.room.Stamped` when it is decided.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints, TypeAdapter

from multiplayer.protocol.attachments import MAX_ATTACHMENTS
from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import FormAnswer
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, TurnId
from multiplayer.protocol.inner_commands import InnerCommand, TurnCommand
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import MAX_FACT_CHARACTERS, MAX_POINTS, PointEdit
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

AccountRef = Annotated[AccountId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]
MessageRef = Annotated[MessageId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]
AttachmentRef = Annotated[AttachmentId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]
TurnRef = Annotated[TurnId, Field(json_schema_extra={"format": "ulid"}), StringConstraints(max_length=26)]


class PostMessage(Frozen):
    """With attachments, `text` may be empty. Each is the sender's own, uploaded to this room, and used once."""

    type: Literal["post_message"] = "post_message"
    text: str
    reply_to: MessageRef | None = None
    attachments: Sparse[Annotated[tuple[AttachmentRef, ...], Field(max_length=MAX_ATTACHMENTS)]] = ()


class RemoveAttachment(Frozen):
    """Take a file off a message: its author, or who may delete anybody's message."""

    type: Literal["remove_attachment"] = "remove_attachment"
    message_id: MessageRef
    attachment_id: AttachmentRef


class EditTranscript(Frozen):
    """Write what is said in a recording: the message's author. Not while somebody listens to it."""

    type: Literal["edit_transcript"] = "edit_transcript"
    message_id: MessageRef
    attachment_id: AttachmentRef
    text: str


class StopTranscript(Frozen):
    """Have nobody listen to a recording: the message's author, or who may delete anybody's message."""

    type: Literal["stop_transcript"] = "stop_transcript"
    message_id: MessageRef
    attachment_id: AttachmentRef


class AskTranscript(Frozen):
    """Have a recording written down (again), where that failed, was stopped, or never began.

    The message's author, or who may delete anybody's message.
    """

    type: Literal["ask_transcript"] = "ask_transcript"
    message_id: MessageRef
    attachment_id: AttachmentRef


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
    """Replaces the settings as a whole (`PATCH …/rooms/{room_id}` changes what it is given)."""

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


class SteerTurn(Frozen):
    """Says something to a running turn: a message that everyone reads, told to the model at its next step."""

    type: Literal["steer_turn"] = "steer_turn"
    turn_id: TurnRef
    text: str


class RegenerateAnswer(Frozen):
    """Asks the AI to answer again. The answers before it stay, as alternatives."""

    type: Literal["regenerate_answer"] = "regenerate_answer"
    message_id: MessageRef


class ChooseAnswer(Frozen):
    """Makes one of several answers the one that stands; `index` counts `alternatives` from 0."""

    type: Literal["choose_answer"] = "choose_answer"
    message_id: MessageRef
    index: Annotated[StrictInt, Field(ge=0, le=100)]


class AnswerForm(Frozen):
    """Fills in a form that an AI gave to the room; the AI goes on with the answers."""

    type: Literal["answer_form"] = "answer_form"
    message_id: MessageRef
    answers: Annotated[tuple[FormAnswer, ...], Field(min_length=1, max_length=20)]


class EditSummary(Frozen):
    """Replaces the points of summary `version`, which must be the newest. What a person changed stays as it is said."""

    type: Literal["edit_summary"] = "edit_summary"
    version: Annotated[StrictInt, Field(ge=0)]
    points: Annotated[tuple[PointEdit, ...], Field(max_length=MAX_POINTS)]


class PinFact(Frozen):
    """Tells the room's AIs something that they always know."""

    type: Literal["pin_fact"] = "pin_fact"
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FACT_CHARACTERS)]
    message_id: MessageRef | None = None


class ForgetFact(Frozen):
    type: Literal["forget_fact"] = "forget_fact"
    fact_id: Annotated[str, StringConstraints(max_length=26)]


class SetBudget(Frozen):
    """Replaces the room's caps as a whole."""

    type: Literal["set_budget"] = "set_budget"
    budget: Budget


class DecideApproval(Frozen):
    """Approves a tool call or rejects it. `sha256` is that of the card: what was read is what is approved."""

    type: Literal["decide_approval"] = "decide_approval"
    turn_id: TurnRef
    call_id: Annotated[str, StringConstraints(max_length=200)]
    sha256: Sha256
    is_approved: StrictBool


class UndoTurn(Frozen):
    """Puts the workspace back to what it was before the turn changed it. What others changed since is left alone.

    Without `keeps_others` nothing is undone if others changed the same files since.
    """

    type: Literal["undo_turn"] = "undo_turn"
    turn_id: TurnRef
    keeps_others: StrictBool = False


class DecideProposal(Frozen):
    """Takes what an AI proposes to remember or to forget, or drops it."""

    type: Literal["decide_proposal"] = "decide_proposal"
    proposal_id: Annotated[str, StringConstraints(max_length=26)]
    is_accepted: StrictBool


Command = (
    PostMessage
    | EditMessage
    | DeleteMessage
    | RemoveAttachment
    | EditTranscript
    | StopTranscript
    | AskTranscript
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
    | SteerTurn
    | RegenerateAnswer
    | ChooseAnswer
    | AnswerForm
    | EditSummary
    | PinFact
    | ForgetFact
    | SetBudget
    | DecideApproval
    | UndoTurn
    | DecideProposal
)


AnyCommand = Command | TurnCommand | InnerCommand

command_adapter: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
