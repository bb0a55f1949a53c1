"""What a room is to those who look at it: kind, settings, turns, summary and the snapshot a joining client gets."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import Card, Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.memory import Fact, Proposal, Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Retention, keeps_all
from multiplayer.protocol.tools import MAX_CONSENTS, ApprovalCard, ApprovalPolicy, Consent
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, MAX_RULES, TriggerRule
from multiplayer.protocol.turns import TurnReason, WhileBusy
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

MAX_HOPS = 2
"""How far AIs may pass a person's request on among themselves."""


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
    triggers: Annotated[tuple[TriggerRule, ...], Field(max_length=MAX_RULES)] = DEFAULT_TRIGGERS
    """When an AI takes a turn. `ask_ai` always works."""
    while_busy: WhileBusy = WhileBusy.COLLECT
    ai_to_ai: StrictBool = False
    """An AI that is named or replied to by another one answers, at most two hops from a person's request."""
    ai_pairs_per_hour: Annotated[StrictInt, Field(ge=1, le=100)] = 10
    """How often one AI may call the same other one."""
    tools: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=64)] | None = None
    """Names of the tools that AIs may use in this room. None: all that the server offers."""
    approvals: ApprovalPolicy = ApprovalPolicy()
    consents: Annotated[tuple[Consent, ...], Field(max_length=MAX_CONSENTS)] = ()
    """Tools of outside servers (MCP) that this room has agreed to."""
    fetches_urls: StrictBool = False
    """AIs of this room may read web pages; each reading is approved as the net is."""
    summarise_after: Annotated[StrictInt, Field(ge=5, le=1_000)] | None = None
    """Fold what was said into the summary after so many messages. None: when its share of the prompt is full."""
    shows_thinking: StrictBool = True
    """Tell the room what a model thinks before it answers, if its provider tells."""
    retention: Annotated[Retention, Field(exclude_if=keeps_all)] = Retention()
    """How long the room keeps what is said; owners only. Not written where it keeps all."""


class ToolCallState(Frozen):
    call_id: CallId
    name: str
    arguments: str
    approval: ApprovalCard | None = None
    is_started: bool = False
    before: Sparse[str] = ""
    """The hash of the workspace right before it started, where it may change files."""


class TurnState(Frozen):
    """A turn that has not ended: waiting (`fence` 0) or running under the fencing number of its holder."""

    turn_id: TurnId
    ai_id: AccountId
    askers: tuple[AccountId, ...]
    messages: tuple[MessageId, ...]
    """What is to be answered, oldest first. Empty when asked by `ask_ai` without a message."""
    requested_at: UtcTime
    requested_seq: int
    reason: TurnReason = TurnReason.ASKED
    rule_id: str | None = None
    """The trigger rule that made it."""
    hops: int = 0
    """0: a person asked. Else how many AIs have passed the request on."""
    replaces: MessageId | None = None
    """The answer that is to be given again."""
    note: str = ""
    """What a schedule or webhook asks, or the answers to a form: there is no message that says it."""
    is_unattended: bool = False
    """A schedule or webhook is among what asked: the turn has a guest's authority at most."""
    fence: int = 0
    model: str | None = None
    """The model that answers in place of the AI's own."""
    steering: tuple[MessageId, ...] = ()
    """Messages that came into the running turn and were not yet told to the model."""
    taint: tuple[Taint, ...] = ()
    """From where untrusted words came into this turn by its tools."""
    is_stop_requested: bool = False
    superseded_by: TurnId | None = None
    """It is being stopped because this newer turn takes its place."""
    calls: tuple[ToolCallState, ...] = ()
    """Calls made in this turn that have not finished."""
    steps: int = 0
    """Tool calls made in this turn so far."""
    text: str = ""
    """In a snapshot: the words so far. Not kept by the room itself."""
    text_index: int = 0
    """In a snapshot: the `index` that the next `ai_delta` of this turn will have."""
    cards: tuple[Card, ...] = ()
    """In a snapshot: the cards so far."""

    @property
    def is_running(self) -> bool:
        return self.fence > 0

    @property
    def needs_approval(self) -> bool:
        """Whether one of its calls waits for people to decide."""
        return any(call.approval is not None and call.approval.is_open for call in self.calls)


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
    facts: tuple[Fact, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    """What AIs propose to remember or to forget, and nobody has decided yet."""
    budget: Budget = Budget()
    messages: tuple[Message, ...]
    """The last 50, oldest first; fewer, if they are long."""
    has_older: bool = False
    """There may be older ones that this member may read: `GET …/messages` brings them."""
    online: tuple[AccountId, ...] = ()
    read: ReadMark = ReadMark()


class RoomListing(Frozen):
    """A row of the room list."""

    room: RoomView
    seq: int
    role: str
    read: ReadMark
    has_ai: bool = False
    """A direct room in which an AI is a member: one can tell it from a person's before opening it."""
    facing: AccountId | None = None
    """The other one in a direct room of two."""
    is_ai_working: bool = False
    """A turn runs."""
    needs_approval: bool = False
    """A tool call of a turn waits for people to decide."""
