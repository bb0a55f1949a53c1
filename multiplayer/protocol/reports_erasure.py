"""What the erasure of a person's content would take, takes, and has taken."""

from enum import StrEnum

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.values import Frozen, UtcTime


class RoomFate(StrEnum):
    """What becomes of a room whose member is erased."""

    LEFT = "left"
    """The person leaves it."""
    HANDED_OVER = "handed_over"
    """They are its only owner: `heir` becomes owner, then they leave."""
    DELETED = "deleted"
    """There is nobody else in it but AIs."""
    STAYS = "stays"
    """A direct room stays for the other, with their side erased."""


class ErasedRoom(Frozen):
    """A room of which the person is a member."""

    room_id: RoomId
    name: str
    """Empty where it is for nobody but those in the room."""
    kind: RoomKind
    fate: RoomFate
    heir: str = ""
    """A handle."""


class ErasureCounts(Frozen):
    """What there is of a person, in all rooms: archived ones, direct ones, those they have left, and deleted ones."""

    messages: int = 0
    answers: int = 0
    """That AIs gave to this person alone."""
    files: int = 0
    bytes: int = 0
    uploads: int = 0
    """Files that no message has."""
    transcripts: int = 0
    """Texts of voice notes."""
    facts: int = 0
    """That they wrote, or that come from their messages."""
    points: int = 0
    """Of the rooms' newest summaries: that they wrote, or that come from their messages."""
    proposals: int = 0
    """Made to the room in turns that they alone have asked for."""
    forms: int = 0
    """That they filled in."""
    reactions: int = 0
    rules: int = 0
    """Schedules, webhooks and standing approvals that they set."""
    hooks: int = 0
    """Addresses of webhooks that they made."""
    memberships: int = 0
    rooms: int = 0
    """In which they ever took part."""
    tokens: int = 0
    sign_ins: int = 0
    invites: int = 0


class ErasurePreview(Frozen):
    """Nothing of this is done yet. While a room is in `held_by`, it is refused unless ownership is handed over."""

    account_id: AccountId
    handle: str
    display_name: str
    counts: ErasureCounts
    rooms: tuple[ErasedRoom, ...] = ()
    held_by: tuple[ErasedRoom, ...] = ()
    """Rooms with others in it whose only owner they are."""


class ErasureStage(StrEnum):
    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"


class Erasure(Frozen):
    """An erasure and how far it is. The account is disabled from the request on, for good."""

    id: str
    account_id: AccountId
    stage: ErasureStage
    handle: str
    """As which the account goes on, so that what it did can still be told apart."""
    requested_at: UtcTime
    requested_by: AccountId | None = None
    """None: by the command line."""
    started_at: UtcTime | None = None
    done_at: UtcTime | None = None
    rooms: int = 0
    rooms_done: int = 0
    messages: int = 0
    """To be deleted, answers of AIs included, as counted at the request."""
    messages_done: int = 0
    files_waiting: int = 0
    """Contents that are still in the store, and that nobody else has."""
    problem: str = ""
    """Why it does not go on just now."""


class ErasureReport(Frozen):
    """`preview` where it was asked for; `erasure` where there is one."""

    preview: ErasurePreview | None = None
    erasure: Erasure | None = None
