"""What a provider's prefix cache would find again of each model call, message by message, and what broke the prefix."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from multiplayer.ai.context import message_tokens, tool_tokens
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import ChatRequest, PromptMessage


@dataclass(frozen=True)
class CountedCall:
    """One model call. `lost` are tokens of the call before that stood in its way: they differ, or come after what does.

    `cause` says what differed first; empty when the call before is a prefix of this one.
    """

    is_summary: bool
    tokens: int
    cached: int
    lost: int = 0
    cause: str = ""


@dataclass(frozen=True)
class CountedTalk:
    calls: Sequence[CountedCall]

    @property
    def tokens(self) -> int:
        return sum(call.tokens for call in self.calls)

    @property
    def cached(self) -> int:
        return sum(call.cached for call in self.calls)

    @property
    def share(self) -> float:
        """Cached tokens of all input tokens: first calls, roll-overs and the calls that make summaries included."""
        return self.cached / self.tokens

    @property
    def share_of_turns(self) -> float:
        """As `share`, without the calls that make summaries."""
        turns = [call for call in self.calls if not call.is_summary]
        return sum(call.cached for call in turns) / sum(call.tokens for call in turns)

    @property
    def summaries(self) -> int:
        return sum(call.is_summary for call in self.calls)

    def breaks(self) -> list[tuple[str, int, int]]:
        """Return for each cause how often it broke the prefix and how many tokens that cost, the dearest first."""
        often: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for call in self.calls:
            if call.cause:
                often[call.cause] += 1
                lost[call.cause] += call.lost
        return [(cause, often[cause], tokens) for cause, tokens in lost.most_common()]


def is_summary(request: ChatRequest) -> bool:
    return request.messages[0].content.startswith("You keep the rolling summary")


def count_calls(requests: Sequence[ChatRequest], counter: TokenCounter) -> CountedTalk:
    """Count each call against the one before it of its own kind; older ones, which a provider still holds, are not."""
    tokens_of = cache(lambda message: message_tokens(message, counter))
    before: dict[bool, ChatRequest] = {}
    calls = []
    for request in requests:
        kind = is_summary(request)
        sizes = [tokens_of(message) for message in request.messages]
        tools = tool_tokens(request.tools, counter)
        previous = before.get(kind)
        before[kind] = request
        if previous is None:
            calls.append(CountedCall(kind, tools + sum(sizes), 0))
            continue
        has_same_tools = previous.tools == request.tools
        same = _same_messages(previous.messages, request.messages) if has_same_tools else 0
        lost = sum(tokens_of(message) for message in previous.messages[same:])
        calls.append(
            CountedCall(
                kind,
                tools + sum(sizes),
                (tools if has_same_tools else 0) + sum(sizes[:same]),
                lost,
                _cause(previous.messages, request.messages, same) if lost and has_same_tools else "tools" * bool(lost),
            )
        )
    return CountedTalk(calls)


def _same_messages(before: Sequence[PromptMessage], now: Sequence[PromptMessage]) -> int:
    for place, (old, new) in enumerate(zip(before, now, strict=False)):
        if old != new:
            return place
    return min(len(before), len(now))


def _cause(before: Sequence[PromptMessage], now: Sequence[PromptMessage], place: int) -> str:
    old = before[place]
    new = now[place] if place < len(now) else None
    if is_summary(ChatRequest(tuple(before))):
        return "another summary's material"
    match place:
        case 0:
            return "rules and persona"
        case 1:
            return "summary rolled over" if "summary" in (new or old).content else "room brief"
        case _:
            pass
    if old.tool_calls:
        if new is None or new.tool_calls != old.tool_calls:
            return "tool calls"
        return "words before a tool call" if old.content != new.content else "thoughts before a tool call"
    return f"{_kind(old)}, then {'nothing' if new is None else _kind(new)}"


def _kind(message: PromptMessage) -> str:
    if message.role != "user":
        return message.role
    try:
        line = json.loads(message.content)
    except ValueError:
        return "user"
    return str(line.get("event") or line.get("kind"))
