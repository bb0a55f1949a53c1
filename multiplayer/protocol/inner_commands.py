"""What the server itself submits to a room: what the holder of a turn does, and what clocks, links and doors bring."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from multiplayer.protocol.attachments import Attachment, Transcript
from multiplayer.protocol.cards import MAX_CARDS, Card, Form, Taint
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, TurnId, Ulid
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import MAX_FACT_CHARACTERS, SummaryPoint
from multiplayer.protocol.tools import MAX_CHANGES, CallLimits, FileChange, Sha256, ToolClass
from multiplayer.protocol.turns import TokenUsage, TurnOutcome
from multiplayer.protocol.values import Frozen, UtcTime

MAX_FORGOTTEN = 100


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


class RequestApproval(Frozen):
    """A call waits for people. `sha256` is of the call as it would run, `limits` among it."""

    type: Literal["request_approval"] = "request_approval"
    turn_id: TurnId
    fence: int
    call_id: CallId
    tool_class: ToolClass
    sha256: Sha256
    limits: CallLimits | None = None
    taint: tuple[Taint, ...] = ()
    """What untrusted words the turn has seen in its prompt, besides those that its tools brought."""


class ExpireApproval(Frozen):
    """Nobody has decided in time."""

    type: Literal["expire_approval"] = "expire_approval"
    turn_id: TurnId
    fence: int
    call_id: CallId


class StartTool(Frozen):
    """The call runs now: whether it may is decided once more, against the room as it is."""

    type: Literal["start_tool"] = "start_tool"
    turn_id: TurnId
    fence: int
    call_id: CallId
    tool_class: ToolClass
    sha256: Sha256
    taint: tuple[Taint, ...] = ()
    """What untrusted words the turn has seen in its prompt, besides those that its tools brought."""
    before: str = ""
    """The hash of the workspace right before, where the call may change files."""


class FinishTool(Frozen):
    type: Literal["finish_tool"] = "finish_tool"
    turn_id: TurnId
    fence: int
    call_id: CallId
    is_ok: bool
    text: str
    code: str | None = None
    exit_status: int | None = None
    taint: Taint | None = None


class NoteChanges(Frozen):
    """What a call has changed in the workspace."""

    type: Literal["note_changes"] = "note_changes"
    turn_id: TurnId
    fence: int
    call_id: CallId
    changes: Annotated[tuple[FileChange, ...], Field(max_length=MAX_CHANGES)]
    more: int = 0
    before: str
    after: str
    taint: tuple[Taint, ...] = ()


class Propose(Frozen):
    """The AI would like the room to remember `text`, or to forget the fact `fact_id`."""

    type: Literal["propose"] = "propose"
    turn_id: TurnId
    fence: int
    text: Annotated[str, StringConstraints(max_length=MAX_FACT_CHARACTERS)] = ""
    fact_id: str | None = None
    taint: tuple[Taint, ...] = ()


class TakeSteering(Frozen):
    """The model is told these messages now."""

    type: Literal["take_steering"] = "take_steering"
    turn_id: TurnId
    fence: int
    messages: tuple[MessageId, ...]


class ChangeModel(Frozen):
    """Another model answers in place of one that cannot."""

    type: Literal["change_model"] = "change_model"
    turn_id: TurnId
    fence: int
    model: str
    previous: str
    reason: str


class UpdateSummary(Frozen):
    type: Literal["update_summary"] = "update_summary"
    turn_id: TurnId
    fence: int
    version: int
    points: tuple[SummaryPoint, ...]
    up_to_seq: int
    method: str
    taint: tuple[Taint, ...] = ()
    brief: str | None = None


class EndTurn(Frozen):
    """The one end of a turn. `text` becomes the AI's message if it is not empty."""

    type: Literal["end_turn"] = "end_turn"
    turn_id: TurnId
    fence: int
    outcome: TurnOutcome
    reason: str = ""
    text: str = ""
    usage: TokenUsage | None = None
    cards: Annotated[tuple[Card, ...], Field(max_length=MAX_CARDS)] = ()
    form: Form | None = None
    taint: tuple[Taint, ...] = ()
    attachments: tuple[AttachmentId, ...] = ()


TurnCommand = (
    StartTurn
    | CallTool
    | RequestApproval
    | ExpireApproval
    | StartTool
    | FinishTool
    | NoteChanges
    | Propose
    | TakeSteering
    | ChangeModel
    | UpdateSummary
    | EndTurn
)
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


class FireRule(Frozen):
    """Comes from the clock or from a webhook's door, in the name of who set the rule."""

    type: Literal["fire_rule"] = "fire_rule"
    rule_id: str
    note: str = ""
    """What the webhook brought."""


class RecordChanges(Frozen):
    """Comes from the workspace's door: the actor has changed files by hand."""

    type: Literal["record_changes"] = "record_changes"
    changes: Annotated[tuple[FileChange, ...], Field(max_length=MAX_CHANGES)]
    more: int = 0
    before: str
    after: str


class NoteJobChanges(Frozen):
    """Comes from the pod on which a background job has changed files since its call, as the AI that had started it."""

    type: Literal["note_job_changes"] = "note_job_changes"
    turn_id: TurnId
    call_id: CallId
    asked_by: tuple[AccountId, ...]
    approved_by: tuple[AccountId, ...] = ()
    changes: Annotated[tuple[FileChange, ...], Field(max_length=MAX_CHANGES)]
    more: int = 0
    before: str
    after: str
    taint: tuple[Taint, ...] = ()


class SettleAttachment(Frozen):
    """Comes from the pod that has seen a file arrive, fail or be swept; the actor is who uploaded it."""

    type: Literal["settle_attachment"] = "settle_attachment"
    message_id: MessageId
    attachment: Attachment


class SetTranscript(Frozen):
    """Comes from the pod that listens to a recording; the actor is the message's author.

    `claim` is the `until` under which that pod holds the recording; None: nobody holds it, or who did is overdue.
    """

    type: Literal["set_transcript"] = "set_transcript"
    message_id: MessageId
    attachment_id: AttachmentId
    transcript: Transcript
    claim: UtcTime | None = None


class FinishUndo(Frozen):
    """Comes from the pod that put the files back, or found that it cannot."""

    type: Literal["finish_undo"] = "finish_undo"
    turn_id: TurnId
    is_ok: bool
    reason: str = ""
    changes: Annotated[tuple[FileChange, ...], Field(max_length=MAX_CHANGES)] = ()
    more: int = 0
    conflicts: Annotated[tuple[str, ...], Field(max_length=MAX_CHANGES)] = ()


class ForgetMessages(Frozen):
    """Comes from the server's own loops, as the operator's account: these messages go, with all that came from them.

    Those that are gone already are passed over. For `retention` the room's rule decides once more, as it is by then.
    """

    type: Literal["forget_messages"] = "forget_messages"
    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MAX_FORGOTTEN)]
    because: Literal["retention", "erasure"]


class ForgetFiles(Frozen):
    """Comes from the server's own loop, as the operator's account: files of these messages go if the rule says so."""

    type: Literal["forget_files"] = "forget_files"
    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MAX_FORGOTTEN)]


class ErasePerson(Frozen):
    """Comes from the loop that erases a person, as the operator's account: their part in the room ends.

    What they have set and noted goes, and the turns that they alone have asked for end. A room without other people is
    deleted. At the end of all (`is_last`) they leave it; in a direct room they stay under these names.
    """

    type: Literal["erase_person"] = "erase_person"
    account_id: AccountId
    handle: str
    display_name: str
    proposals: tuple[str, ...] = ()
    """Proposals of turns that they alone have asked for."""
    not_to: tuple[AccountId, ...] = ()
    """Members who cannot become the owner in their place."""
    is_last: bool = False


class TakeBack(Frozen):
    """Comes from the loop that erases a person: their reactions to these messages, and answers to their forms, go."""

    type: Literal["take_back"] = "take_back"
    account_id: AccountId
    message_ids: Annotated[tuple[MessageId, ...], Field(min_length=1, max_length=MAX_FORGOTTEN)]


InnerCommand = (
    AcceptInvite
    | ExpireMember
    | FireRule
    | RecordChanges
    | NoteJobChanges
    | FinishUndo
    | ForgetMessages
    | ForgetFiles
    | ErasePerson
    | TakeBack
    | SettleAttachment
    | SetTranscript
)
"""What the server itself submits; no transport decodes these."""
