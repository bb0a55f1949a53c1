"""When an AI takes a turn, as data in a room's settings: one closed union of rules."""

from datetime import time
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.values import Frozen

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
AiRef = Annotated[AccountId, StringConstraints(max_length=26)]
Prompt = Annotated[str, StringConstraints(max_length=2_000)]


class RuleFrame(Frozen):
    """What every rule has. A rule that may not fire because of its cooldown or rate says so when it is asked."""

    id: RuleId
    is_on: StrictBool = True
    ai_id: AiRef | None = None
    """Which AI answers. None: whoever is addressed, or the room's default AI where nobody is."""
    cooldown_s: Annotated[StrictInt, Field(ge=0, le=86_400)] = 5
    """After it fired, it rests for so long."""
    per_min: Annotated[StrictInt, Field(ge=1, le=600)] = 10
    """How often it may fire within a minute."""


class MentionRule(RuleFrame):
    """`@handle`, or `@ai` for the default one. Without a cooldown: who is addressed by name answers."""

    type: Literal["mention"] = "mention"
    cooldown_s: Annotated[StrictInt, Field(ge=0, le=86_400)] = 0
    per_min: Annotated[StrictInt, Field(ge=1, le=600)] = 30


class ReplyRule(RuleFrame):
    """A reply to one of its messages."""

    type: Literal["reply"] = "reply"
    cooldown_s: Annotated[StrictInt, Field(ge=0, le=86_400)] = 0
    per_min: Annotated[StrictInt, Field(ge=1, le=600)] = 30


class ThreadRule(RuleFrame):
    """Any message in a thread that it has spoken in, until the thread was quiet for `idle_s`."""

    type: Literal["thread"] = "thread"
    idle_s: Annotated[StrictInt, Field(ge=1, le=604_800)] = 600


class KeywordRule(RuleFrame):
    """One of these words, as whole words in any case, outside code and quotes."""

    type: Literal["keyword"] = "keyword"
    words: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=2, max_length=64, strip_whitespace=True)], ...],
        Field(min_length=1, max_length=20),
    ]


class EveryRule(RuleFrame):
    """Every so many messages that people wrote; 1: each of them, as in a room of one person and an AI."""

    type: Literal["every"] = "every"
    messages: Annotated[StrictInt, Field(ge=1, le=1_000)]


class SetByRule(RuleFrame):
    """A rule that fires without anybody's message: in the name of who set it, with the rights they have then.

    `set_by` is stamped by the server, whatever a client sends.
    """

    set_by: AiRef | None = None
    prompt: Prompt = ""
    """What is asked."""


class ScheduleRule(SetByRule):
    """At a time of day in a time zone, like Europe/Berlin; `days` are 1 (Monday) to 7, none means every day."""

    type: Literal["schedule"] = "schedule"
    at: time
    # Its form only: which zones there are is another matter on each machine, and a stored rule is always read.
    zone: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")] = "UTC"
    days: Annotated[tuple[Annotated[StrictInt, Field(ge=1, le=7)], ...], Field(max_length=7)] = ()


class WebhookRule(SetByRule):
    """A POST to the address that was made for this rule. What it brings is material, never an instruction."""

    type: Literal["webhook"] = "webhook"
    key: Annotated[str, StringConstraints(max_length=26)] | None = None
    """Stamped by the server when the rule is made, and kept while it stays: secrets are for the rule as it was made."""


TriggerRule = Annotated[
    MentionRule | ReplyRule | ThreadRule | KeywordRule | EveryRule | ScheduleRule | WebhookRule,
    Field(discriminator="type"),
]

DEFAULT_TRIGGERS: Final[tuple[TriggerRule, ...]] = (MentionRule(id="mention"), ReplyRule(id="reply"))
DIRECT_TRIGGERS: Final[tuple[TriggerRule, ...]] = (
    *DEFAULT_TRIGGERS,
    EveryRule(id="direct", messages=1, cooldown_s=0, per_min=60),
)
"""For one person alone with AIs: every message is meant for them."""
MAX_RULES: Final = 20


class Why(StrEnum):
    """Why a rule fired, or did not. The values are a part of the protocol."""

    FIRES = "fires"
    IS_OFF = "is_off"
    NO_SUCH_AI = "no_such_ai"
    NOT_ADDRESSED = "not_addressed"
    NO_WORD = "no_word"
    NOT_YET = "not_yet"
    NO_THREAD = "no_thread"
    THREAD_IS_QUIET = "thread_is_quiet"
    FOR_SOMEONE_ELSE = "for_someone_else"
    NOT_BY_MESSAGE = "not_by_message"
    MAY_NOT_ASK = "may_not_ask"
    NOT_BY_AI = "not_by_ai"
    TOO_FAR = "too_far"
    PAIR_SPENT = "pair_spent"
    RESTS = "rests"
    TOO_OFTEN = "too_often"
    OTHER_RULE = "other_rule"
    STOPPED = "stopped"
    """The turn that wrote it was being stopped."""
    STEERED = "steered"
    """It was said into a turn, so no rule was asked."""
    NOT_KNOWN = "not_known"
    """The message was deleted, and with it what the rule would look at."""
