"""What a server tells of a room's AIs: turns, prompts, rules and their reasons. A newer server may tell more."""

from pydantic import BaseModel, ConfigDict

from multiplayer.protocol.cards import Card
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.memory import Fact, SummaryPoint, SummaryVersion
from multiplayer.protocol.turns import TokenUsage
from multiplayer.protocol.values import UtcTime


class Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TurnReport(Report):
    """`state`: requested, running, or how it ended; `why`: what made it, in a sentence.

    `position`, of one that has not ended: how many turns of this AI come before it; 0: it is at it, or next.
    """

    turn_id: TurnId
    ai_id: AccountId
    state: str
    position: int | None = None
    reason: str | None = None
    rule_id: str | None = None
    askers: tuple[AccountId, ...] = ()
    messages: tuple[MessageId, ...] = ()
    """What is to be answered, oldest first."""
    replaces: MessageId | None = None
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


class ToolCallReport(Report):
    """`is_ok` None: it has not come back. `is_started` False: it was never run."""

    call_id: CallId
    name: str
    arguments: str
    called_at: UtcTime
    is_started: bool = False
    finished_at: UtcTime | None = None
    is_ok: bool | None = None
    text: str = ""
    code: str | None = None
    exit_status: int | None = None
    taint: str | None = None


class UsedMessage(Report):
    id: MessageId
    revision: int


class UsedResult(Report):
    call_id: CallId
    sha256: str


class Share(Report):
    """How many tokens one part of a prompt takes."""

    rules: int = 0
    tools: int = 0
    room: int = 0
    summary: int = 0
    messages: int = 0
    results: int = 0


class UsedConversation(Report):
    """What a provider that takes a plain question is given in place of a prompt.

    `question`: the messages that ask; none where a note does (`has_note`), or nothing was asked yet.
    """

    question: tuple[MessageId, ...] = ()
    has_note: bool = False
    previous: tuple[MessageId, ...] = ()
    previous_at_most: int = 0
    summary_points: int = 0
    """How many points of the summary go along; 0: no summary."""
    facts: int = 0
    """How many facts do."""


class Manifest(Report):
    """What a prompt was built from. `left_out` counts what did not fit. With a `conversation` there was no prompt."""

    model: str
    turn_id: TurnId
    ai_id: AccountId
    summary_version: int | None = None
    messages: tuple[UsedMessage, ...] = ()
    older: tuple[MessageId, ...] = ()
    tool_results: tuple[UsedResult, ...] = ()
    tools: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    pins: tuple[MessageId, ...] = ()
    taint: tuple[str, ...] = ()
    budget_tokens: int
    tokens: int
    share: Share = Share()
    left_out: int = 0
    conversation: UsedConversation | None = None
    prompt_sha256: str


class ModelSwitch(Report):
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


class TurnPage(Report):
    """`open`: the queue, oldest first (on the first page only). `ended`: the latest first."""

    open: tuple[TurnReport, ...] = ()
    ended: tuple[TurnReport, ...] = ()
    before: int | None = None
    """Where the next page goes on; absent when there is none."""


class ContextPreview(Report):
    """What a prompt would hold now. `tokens` of `budget_tokens`, by part in `share`; the rest of the budget is free.

    The oldest messages are folded into the summary when `recent_tokens` pass `summarise_at`.
    """

    ai_id: AccountId
    model: str
    persona: str = ""
    """The room's wish for how its AI is to be."""
    budget_tokens: int
    model_tokens: int
    """The whole window of the model."""
    tokens: int
    share: Share = Share()
    recent_tokens: int = 0
    summarise_at: int = 0
    summary_version: int | None = None
    from_seq: int
    up_to_seq: int
    messages: tuple[UsedMessage, ...] = ()
    left_out: int = 0
    """Lines that did not fit."""
    facts: tuple[str, ...] = ()
    """Their ids."""
    pins: tuple[MessageId, ...] = ()
    tools: tuple[str, ...] = ()
    taint: tuple[str, ...] = ()
    conversation: UsedConversation | None = None
    """Its provider takes a plain question: this goes out with it, in place of a prompt, and nothing counts tokens."""


class ReplayedCall(Report):
    id: str
    name: str
    arguments: str


class ReplayedMessage(Report):
    """One message as the model was given it, with a dot in the place of each secret marker."""

    role: str
    content: str
    tool_call_id: str | None = None
    tool_calls: tuple[ReplayedCall, ...] = ()


class ReplayedTool(Report):
    name: str
    description: str


class Replay(Report):
    """`differs`: in plain sentences, why it is not equal. `prompt` is empty where it cannot be built again at all."""

    turn_id: TurnId
    message_id: MessageId | None = None
    model: str
    is_equal: bool
    differs: tuple[str, ...] = ()
    prompt_sha256: str
    """Of what was sent."""
    rebuilt_sha256: str = ""
    prompt: tuple[ReplayedMessage, ...] = ()
    tools: tuple[ReplayedTool, ...] = ()
    tokens: int = 0


class CausedTurn(Report):
    """A turn that a message asked for, joined or steered (`how`), and what became of it."""

    turn_id: TurnId
    ai_id: AccountId
    how: str
    reason: str
    rule_id: str | None = None
    state: str
    ended_because: str = ""
    message_id: MessageId | None = None


class RuleVerdict(Report):
    """One rule's word on one AI; `text` says it for people."""

    rule_id: str
    ai_id: AccountId | None = None
    fires: bool
    why: str
    reason: str
    text: str
    turn_id: TurnId | None = None


class Explanation(Report):
    """`is_exact` False: the room is so long that what was said far before was not looked at."""

    message_id: MessageId
    verdicts: tuple[RuleVerdict, ...] = ()
    turns: tuple[CausedTurn, ...] = ()
    is_exact: bool = True


class RuleCount(Report):
    """What one rule came to: how often it would have asked, and how often not, by `why`."""

    rule_id: str
    fired: int = 0
    held_back: dict[str, int] = {}


class Firing(Report):
    message_id: MessageId
    seq: int
    rule_id: str
    ai_id: AccountId
    reason: str


class DryRun(Report):
    """`messages`: how many were judged, from `from_seq` to `up_to_seq`. `firings`: the latest, oldest first.

    `was_cut`: there were more firings than are told. `is_exact` False: it began in the middle of the log.
    """

    from_seq: int
    up_to_seq: int
    messages: int
    rules: tuple[RuleCount, ...] = ()
    firings: tuple[Firing, ...] = ()
    was_cut: bool = False
    is_exact: bool = True


class SummaryHistory(Report):
    """Newest first; without the points that were taken back."""

    versions: tuple[SummaryVersion, ...] = ()


class FactList(Report):
    facts: tuple[Fact, ...] = ()


class Mention(Report):
    message_id: MessageId
    seq: int
    author_id: AccountId
    at: UtcTime
    text: str
    """Its beginning."""


class CatchUp(Report):
    """What was said after `after_seq` and up to `up_to_seq`. `was_cut`: what was before `from_seq` is left out.

    `messages` counts those of people, `answers` those of AIs; `mentions` are the latest that name the reader, newest
    first. `points` are made from the messages' own sentences, each with where it was said.
    """

    after_seq: int
    from_seq: int
    up_to_seq: int
    was_cut: bool = False
    messages: int = 0
    answers: int = 0
    people: tuple[AccountId, ...] = ()
    """Who wrote."""
    mentions: tuple[Mention, ...] = ()
    points: tuple[SummaryPoint, ...] = ()
    method: str
    taint: tuple[str, ...] = ()
