"""What a room is to those who look at it: kind, settings, turns, summary and the snapshot a joining client gets."""

from enum import StrEnum

from pydantic import StrictBool

from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.values import Frozen, UtcTime


class RoomKind(StrEnum):
    ROOM = "room"
    DIRECT = "direct"
    """The accounts are fixed; one room per set of accounts."""


class RoomSettings(Frozen):
    """What owners and admins may switch; the defaults are the table of rights' brackets."""

    guests_see_history: StrictBool = True
    """Off: a guest reads only what was said from joining on."""
    guests_post: StrictBool = False
    guests_ask_ai: StrictBool = False
    guests_see_workspace: StrictBool = False
    members_invite: StrictBool = False
    default_ai: AccountId | None = None
    """Whom `@ai` means. None: the first AI that joined."""
    persona: str = ""
    """How the room wants its AI to be; a part of the AI's prompt, at most 4,000 characters."""


class ToolCallState(Frozen):
    call_id: CallId
    name: str
    arguments: str
    is_started: bool = False


class TurnState(Frozen):
    """A turn that has not ended: waiting (`fence` 0) or running under the fencing number of its holder."""

    turn_id: TurnId
    ai_id: AccountId
    askers: tuple[AccountId, ...]
    messages: tuple[MessageId, ...]
    """What is to be answered, oldest first. Empty when asked by `ask_ai` without a message."""
    requested_at: UtcTime
    requested_seq: int
    fence: int = 0
    is_stop_requested: bool = False
    calls: tuple[ToolCallState, ...] = ()
    """Calls made in this turn that have not finished."""
    steps: int = 0
    """Tool calls made in this turn so far."""
    text: str = ""
    """In a snapshot: the words so far. Not kept by the room itself."""
    text_index: int = 0
    """In a snapshot: the `index` that the next `ai_delta` of this turn will have."""

    @property
    def is_running(self) -> bool:
        return self.fence > 0


class Summary(Frozen):
    version: int
    text: str
    up_to_seq: int
    """The last event that the summary covers."""
    method: str
    """`extractive` (made locally from the messages' own sentences) or the model's name."""


class RoomView(Frozen):
    """The room itself, without its members and messages."""

    id: RoomId
    kind: RoomKind
    name: str
    topic: str
    settings: RoomSettings
    created_at: UtcTime
    archived_at: UtcTime | None = None


class ReadMark(Frozen):
    seq: int = 0
    unread: int = 0
    mentions: int = 0


class Snapshot(Frozen):
    """Everything a joining client needs, true at `seq`. The events after `seq` bring it up to date."""

    room: RoomView
    seq: int
    members: tuple[Member, ...]
    banned: tuple[AccountId, ...] = ()
    pins: tuple[MessageId, ...]
    turns: tuple[TurnState, ...]
    summary: Summary | None = None
    messages: tuple[Message, ...]
    """The last 50, oldest first. Older ones by `GET …/messages`."""
    online: tuple[AccountId, ...] = ()
    read: ReadMark = ReadMark()


class RoomListing(Frozen):
    """A row of the room list."""

    room: RoomView
    seq: int
    role: str
    read: ReadMark
