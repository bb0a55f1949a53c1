"""What an AI was given, or would be given: the manifest of an answer, the preview of a prompt, and its replay."""

from pydantic import Field

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.values import Frozen, UtcTime


class UsedMessage(Frozen):
    id: MessageId
    revision: int


class UsedResult(Frozen):
    call_id: CallId
    sha256: str


class Share(Frozen):
    """How many tokens one part of the prompt takes."""

    rules: int = 0
    tools: int = 0
    room: int = 0
    summary: int = 0
    messages: int = 0
    results: int = 0


class UsedConversation(Frozen):
    """What a provider that takes a plain question was given in place of a prompt.

    `question`: the messages that asked; none where a note did (`has_note`). Summary and facts are given to every such
    provider; an old dialect has no place for them and sends the rest alone.
    """

    question: tuple[MessageId, ...] = ()
    has_note: bool = False
    previous: tuple[MessageId, ...] = ()
    previous_at_most: int = 0
    summary_points: int = 0
    """How many points of the summary went along; 0: no summary."""
    facts: int = 0
    """How many facts did."""


class Manifest(Frozen):
    """What an answer was built from: enough to build the same prompt again. `left_out` counts units that did not fit.

    `rules`, `brief` and `tools_text` name kept pieces of the prompt by their SHA-256. `former` are the handles and
    names of those who spoke and were members no more. With a `conversation`, that was sent and no prompt:
    `prompt_sha256` is its digest, `messages` are those it holds, and there are no tokens to count.
    """

    form: int = 2
    model: str
    turn_id: TurnId
    ai_id: AccountId
    handle: str = ""
    from_seq: int
    up_to_seq: int
    hidden_before: int = 0
    sees_workspace: bool = True
    as_of: UtcTime | None = None
    summary_version: int | None = None
    rules: str = ""
    brief: str = ""
    tools_text: str = ""
    messages: tuple[UsedMessage, ...]
    older: tuple[MessageId, ...] = ()
    tool_results: tuple[UsedResult, ...]
    tools: tuple[str, ...]
    facts: tuple[str, ...] = ()
    pins: tuple[MessageId, ...] = ()
    former: dict[AccountId, tuple[str, str]] = Field(default_factory=dict)
    taint: tuple[Taint, ...] = ()
    budget_tokens: int
    counter: str = ""
    tokens: int
    share: Share = Share()
    left_out: int
    conversation: UsedConversation | None = None
    prompt_sha256: str


class ContextPreview(Frozen):
    """What the prompt would hold. `tokens` of `budget_tokens`, by part in `share`; the rest of the budget is free.

    The oldest messages are folded into the summary when `recent_tokens` pass `summarise_at`.
    """

    ai_id: AccountId
    model: str
    persona: str
    """The room's wish for how its AI is to be."""
    budget_tokens: int
    model_tokens: int
    """The whole window of the model."""
    tokens: int
    share: Share
    recent_tokens: int
    summarise_at: int
    summary_version: int | None = None
    from_seq: int
    up_to_seq: int
    messages: tuple[UsedMessage, ...] = ()
    left_out: int = 0
    """Lines that did not fit."""
    facts: tuple[str, ...] = ()
    """Their ids."""
    pins: tuple[MessageId, ...] = ()
    """Pinned messages from before the messages."""
    tools: tuple[str, ...] = ()
    taint: tuple[Taint, ...] = ()
    conversation: UsedConversation | None = None
    """Its provider takes a plain question: this goes out with it, in place of a prompt, and nothing counts tokens."""


class ReplayedCall(Frozen):
    id: str
    name: str
    arguments: str


class ReplayedMessage(Frozen):
    """One message as the model was given it, with a dot in the place of each secret marker."""

    role: str
    content: str
    tool_call_id: str | None = None
    tool_calls: tuple[ReplayedCall, ...] = ()


class ReplayedTool(Frozen):
    name: str
    description: str


class Replay(Frozen):
    """The first prompt of a turn. What its tools said and what it was told on the way are in its calls and messages.

    `differs`: in plain sentences, why it is not equal. `prompt` is empty where it cannot be built again at all. Of a
    provider that takes a plain question it is one message: the question, and what was said before.
    """

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
