"""What a turn was asked, built from, did and used, as it is told to whoever may see it."""

from multiplayer.protocol.cards import Card, Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.reports_prompts import Manifest
from multiplayer.protocol.turns import TokenUsage, TurnReason
from multiplayer.protocol.values import Frozen, UtcTime


class TurnReport(Frozen):
    """`state`: requested, running, or how it ended; `why`: what made it, in a sentence; `reason` and `rule_id` likewise.

    `position`, of one that has not ended: how many turns of this AI come before it; 0: it is at it, or next.
    """

    turn_id: TurnId
    ai_id: AccountId
    state: str
    position: int | None = None
    reason: TurnReason | None = None
    rule_id: str | None = None
    askers: tuple[AccountId, ...] = ()
    messages: tuple[MessageId, ...] = ()
    """What is to be answered, oldest first."""
    replaces: MessageId | None = None
    """The answer that is to be given again."""
    hops: int = 0
    why: str = ""
    requested_at: UtcTime
    requested_seq: int
    ended_at: UtcTime | None = None
    ended_seq: int | None = None
    ended_because: str = ""
    message_id: MessageId | None = None
    """What came of it."""
    usage: TokenUsage | None = None
    """What it used and cost; only for those who may see that."""


class ToolCallReport(Frozen):
    """One call. `is_ok` None: it has not come back. `is_started` False: it was never run."""

    call_id: CallId
    name: str
    arguments: str
    """JSON as the model wrote it."""
    called_at: UtcTime
    is_started: bool = False
    finished_at: UtcTime | None = None
    is_ok: bool | None = None
    text: str = ""
    code: str | None = None
    exit_status: int | None = None
    taint: Taint | None = None
    is_redacted: bool = False
    """What it was told, or what it came to, went with a message or file that was deleted since."""


class ModelSwitch(Frozen):
    """Another model answered in place of one that could not."""

    at: UtcTime
    model: str
    previous: str
    reason: str


class TurnDetail(TurnReport):
    """`manifest`: what its prompt was built from. `text`, `cards`: the words so far of one that has not ended."""

    note: str = ""
    """What a schedule, a webhook or a form asked: there is no message that says it."""
    text: str = ""
    cards: tuple[Card, ...] = ()
    manifest: Manifest | None = None
    calls: tuple[ToolCallReport, ...] = ()
    switches: tuple[ModelSwitch, ...] = ()
    """Each change of the model, in order; the prompt's manifest names the first."""


class TurnPage(Frozen):
    """`open`: the queue, oldest first (on the first page only). `ended`: the latest first."""

    open: tuple[TurnReport, ...] = ()
    ended: tuple[TurnReport, ...] = ()
    before: int | None = None
    """Where the next page goes on; absent when there is none."""
