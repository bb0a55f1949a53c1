"""What passes: told to those who are there, not stored, may be lost. And what the server answers."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, TypeAdapter

from multiplayer.protocol.cards import Card
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, RoomId, SessionId, TurnId
from multiplayer.protocol.members import Account, Presence
from multiplayer.protocol.rooms import RoomView, Snapshot
from multiplayer.protocol.values import Frozen, UtcTime


class AiDelta(Frozen):
    """A piece of a turn's text. `offset` counts Unicode code points; `index` runs 0, 1, 2 …"""

    type: Literal["ai_delta"] = "ai_delta"
    room_id: RoomId
    turn_id: TurnId
    index: int
    offset: int
    text: str


class AiText(Frozen):
    """The whole text and all cards so far; replaces what a client holds. The next delta has `index`."""

    type: Literal["ai_text"] = "ai_text"
    room_id: RoomId
    turn_id: TurnId
    index: int
    text: str
    cards: tuple[Card, ...] = ()


class AiCards(Frozen):
    """Further cards of a running turn, after the first `offset`. The message at its end has them all."""

    type: Literal["ai_cards"] = "ai_cards"
    room_id: RoomId
    turn_id: TurnId
    offset: int
    cards: tuple[Card, ...]


class AiThinking(Frozen):
    """A piece of the model's reasoning, when the provider tells it. Never stored."""

    type: Literal["ai_thinking"] = "ai_thinking"
    room_id: RoomId
    turn_id: TurnId
    text: str


class ToolOutput(Frozen):
    """A numbered piece of what a running tool prints."""

    type: Literal["tool_output"] = "tool_output"
    room_id: RoomId
    turn_id: TurnId
    call_id: CallId
    index: int
    text: str


class JobOutput(Frozen):
    """A numbered piece of what a background job prints. `job_tail` and `GET …/jobs` have the whole."""

    type: Literal["job_output"] = "job_output"
    room_id: RoomId
    job_id: str
    index: int
    text: str


class Typing(Frozen):
    type: Literal["typing"] = "typing"
    room_id: RoomId
    account_id: AccountId
    is_typing: bool


class PresenceChanged(Frozen):
    type: Literal["presence"] = "presence"
    room_id: RoomId
    account_id: AccountId
    presence: Presence


class TurnProgress(Frozen):
    """What a running turn is doing, in a word; `said` is what a provider tells of it. `approval`: it waits for people."""

    type: Literal["turn_progress"] = "turn_progress"
    room_id: RoomId
    turn_id: TurnId
    phase: Literal["context", "model", "tool", "waiting", "approval"]
    said: str = ""


class TranscriptProgress(Frozen):
    """How much of a recording was listened to, between 0 and 1. What came of it is told by `attachment_changed`."""

    type: Literal["transcript_progress"] = "transcript_progress"
    room_id: RoomId
    message_id: MessageId
    attachment_id: AttachmentId
    done: float


class Reset(Frozen):
    """What this client holds of the room is void: join again without `after`."""

    type: Literal["reset"] = "reset"
    room_id: RoomId
    reason: str


class ServerDraining(Frozen):
    """The server will restart; `reconnect_ms` is when to come back."""

    type: Literal["server_draining"] = "server_draining"
    reconnect_ms: int


class ReadMarked(Frozen):
    type: Literal["read_marked"] = "read_marked"
    room_id: RoomId
    seq: int


class RoomAdded(Frozen):
    type: Literal["room_added"] = "room_added"
    room: RoomView


class RoomRemoved(Frozen):
    type: Literal["room_removed"] = "room_removed"
    room_id: RoomId


class RoomActivity(Frozen):
    """For the room list: how a room of this account, which is not joined on this session, stands at `seq`.

    Told when something was said in it, when a turn began, waits for people to decide or has ended, and when its name,
    its topic or its being archived was changed; at most once per room and second. What moved in between is in it. A room
    that is not in the list is one that this account has come into: the list has more of it.
    """

    type: Literal["room_activity"] = "room_activity"
    room_id: RoomId
    seq: int
    unread: int
    mentions: int
    is_ai_working: bool
    needs_approval: bool = False
    name: str | None = None
    """This and the next two: absent if the server is older than they are."""
    topic: str | None = None
    is_archived: bool | None = None


class SessionExpiring(Frozen):
    """The sign-in ends at `at`; `renew` keeps the session."""

    type: Literal["session_expiring"] = "session_expiring"
    at: UtcTime


class Closing(Frozen):
    """The last line: the close code and what to do."""

    type: Literal["closing"] = "closing"
    code: int
    hint: str
    reconnect_ms: int | None = None


RoomSignal = (
    AiDelta
    | AiText
    | AiCards
    | AiThinking
    | ToolOutput
    | JobOutput
    | Typing
    | PresenceChanged
    | TurnProgress
    | TranscriptProgress
    | Reset
)
AccountSignal = ServerDraining | ReadMarked | RoomAdded | RoomRemoved | RoomActivity | SessionExpiring | Closing
Signal = RoomSignal | AccountSignal


class Cursor(Frozen):
    """A place in a room's log: `seq` in the history `epoch`."""

    epoch: Annotated[str, Field(max_length=80)]
    seq: Annotated[StrictInt, Field(ge=0)]


class Welcome(Frozen):
    """`limits`: the numbers a client should know, by name; `file_bytes` is the largest file that a message may carry,
    `workspace_file_bytes` the largest that a person may put into a workspace at once.
    """

    type: Literal["welcome"] = "welcome"
    session_id: SessionId
    account: Account
    epoch: str
    server_time: UtcTime
    limits: dict[str, int]
    heartbeat_s: int
    sandbox: str = ""
    """How AIs' commands run on this server: `strict`, `landlock` or `off` (no terminal is offered)."""


class Joined(Frozen):
    """`snapshot` is null when the log goes on from the client's cursor; the missing events follow."""

    type: Literal["joined"] = "joined"
    re: str
    room_id: RoomId
    seq: int
    snapshot: Snapshot | None = None


class Accepted(Frozen):
    """Committed. `seq` and `event_id` are those of the first event; both absent for what is not an event."""

    type: Literal["accepted"] = "accepted"
    re: str
    seq: int | None = None
    event_id: str | None = None


class RefusedLine(Frozen):
    """Not carried out. `re` is absent when the line could not be read far enough to know."""

    type: Literal["refused"] = "refused"
    re: str | None = None
    code: RefusalCode
    message: str
    retry_after_s: float | None = None


class Pong(Frozen):
    type: Literal["pong"] = "pong"
    re: str


Answer = Welcome | Joined | Accepted | RefusedLine | Pong
ServerLine = Event | Signal | Answer

server_line_adapter: TypeAdapter[ServerLine] = TypeAdapter(Annotated[ServerLine, Field(discriminator="type")])
