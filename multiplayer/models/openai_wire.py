"""The OpenAI chat-completions format: what is sent, and the parts of what comes back that we believe."""

import json
import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from multiplayer.models.port import ChatRequest, FinishReason, ModelBroke, PromptMessage, ToolDefinition, Usage
from multiplayer.models.tool_calls import ToolCallFragment, mend_text

_KEY_LIKE = re.compile(r"\b(sk|pk|key|token)-[\w*.\-]{4,}|\bBearer\s+\S+", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[_ ](length|size|window)|maximum (context|prompt|input) length|(prompt|input|request) is too long"
    r"|too many (input )?tokens|input token count|reduce the length|tokens \+ `?max_new_tokens",
    re.IGNORECASE,
)
"""How DeepSeek, OpenAI, vLLM, llama.cpp, Mistral, xAI, Gemini and gateways say that a prompt is more than fits."""
_MAX_DETAIL_CHARACTERS = 300
_MOST_TOKENS = 10**8
"""Of one call: more than any model can read or write."""
_MOST_DIGITS = 18
_MOST_DIGITS_OF_JSON = 1_000


class _Lenient(BaseModel):
    """Providers add fields as they like; what we do not use may be anything."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _text_of_arguments(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _figure(value: object) -> object:
    """Return a number of tokens that can be one; None for anything else: a wrong figure spoils no answer."""
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _object_or_none(value: object) -> object:
    return value if isinstance(value, dict) else None


_Tokens = Annotated[int | None, BeforeValidator(_figure)]


class _Function(_Lenient):
    name: str | None = None
    # Some servers send the arguments of a whole call as an object.
    arguments: Annotated[str | None, BeforeValidator(_text_of_arguments)] = None


class _ToolCall(_Lenient):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(_Lenient):
    """A `delta` of a stream, or the `message` of an answer that came whole."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(_Lenient):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _TokenDetails(_Lenient):
    cached_tokens: _Tokens = None


class _Usage(_Lenient):
    prompt_tokens: _Tokens = None
    completion_tokens: _Tokens = None
    prompt_cache_hit_tokens: _Tokens = None
    prompt_tokens_details: Annotated[_TokenDetails | None, BeforeValidator(_object_or_none)] = None


class _Error(_Lenient):
    message: str | None = None
    code: JsonValue = None
    type: JsonValue = None


class Completion(_Lenient):
    """One chunk of a stream, or one whole answer."""

    choices: list[_Choice] | None = None
    usage: Annotated[_Usage | None, BeforeValidator(_object_or_none)] = None
    error: _Error | str | None = Field(default=None, union_mode="left_to_right")
    object: JsonValue = None
    message: JsonValue = None

    @property
    def words(self) -> str:
        message = self._message
        return "" if message is None else message.content or ""

    @property
    def thinking(self) -> str:
        message = self._message
        return "" if message is None else message.reasoning_content or message.reasoning or ""

    @property
    def fragments(self) -> list[ToolCallFragment]:
        message = self._message
        return [
            ToolCallFragment(
                call.index,
                call.id,
                call.function.name if call.function else None,
                call.function.arguments if call.function else None,
            )
            for call in (message.tool_calls if message else None) or []
        ]

    @property
    def finish_reason(self) -> FinishReason | None:
        """The reason in our words: one we do not know means that the answer stands as far as it came."""
        reason = self.choices[0].finish_reason if self.choices else None
        match reason:
            case None | "":
                return None
            case "stop" | "length" | "tool_calls":
                return reason
            case _:
                return "interrupted"

    @property
    def tokens(self) -> Usage | None:
        """What the provider says that it counted; None where a figure is missing or cannot be one."""
        usage = self.usage
        if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        cached = usage.prompt_cache_hit_tokens
        if cached is None and usage.prompt_tokens_details is not None:
            cached = usage.prompt_tokens_details.cached_tokens
        return Usage(usage.prompt_tokens, min(cached or 0, usage.prompt_tokens), usage.completion_tokens)

    @property
    def complaint(self) -> str | None:
        """The provider's own words about an error, if the chunk is one."""
        if self.error is None:
            # How older servers (vLLM) report theirs.
            return str(self.message) if self.object == "error" else None
        return self.error if isinstance(self.error, str) else self.error.message or "no reason given"

    @property
    def says_too_long(self) -> bool:
        """Whether the error says that the prompt is longer than the model can read."""
        said = [self.complaint or ""]
        if isinstance(self.error, _Error):
            said += [str(self.error.code), str(self.error.type)]
        return _TOO_LONG.search(" ".join(said)) is not None

    @property
    def _message(self) -> _Message | None:
        if not self.choices:
            return None
        return self.choices[0].delta or self.choices[0].message


def parse_completion(text: str) -> Completion:
    """Parse one JSON chunk; raises `ModelBroke`."""
    try:
        # Not pydantic's own JSON reader: it refuses the halves of a surrogate pair, which providers do split.
        return Completion.model_validate(json.loads(text, parse_int=_whole_number))
    except (ValueError, RecursionError, ValidationError):
        raise ModelBroke("The AI provider sent something that is not a chat answer.") from None


def _whole_number(digits: str) -> int | float:
    # Python refuses whole numbers of thousands of digits, and with them the words of the same chunk.
    return int(digits) if len(digits) <= _MOST_DIGITS_OF_JSON else float(digits)


class WordJoiner:
    """Passes words on; holds back half a character (a lone high surrogate) until its other half has come."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, words: str) -> str:
        text = self._held + words
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return mend_text(text)


def clean_detail(detail: str, key: str) -> str:
    """Return a provider's own words, short, on one line, and without anything that looks like a key."""
    text = detail.replace(key, "[key]") if key else detail
    text = _KEY_LIKE.sub("[key]", mend_text(text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _MAX_DETAIL_CHARACTERS else text[:_MAX_DETAIL_CHARACTERS] + "…"


def encode_request(
    request: ChatRequest,
    model_name: str,
    *,
    returns_thinking: bool,
    extra: dict[str, JsonValue],
    max_output_tokens: int | None = None,
) -> bytes:
    """Encode the body of a streamed chat completion.

    The key order is fixed, so the same request is the same bytes.
    """
    body: dict[str, JsonValue] = {
        "model": model_name,
        "messages": [_encode_message(message, returns_thinking) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools]
    if request.max_tokens is not None:
        body["max_tokens"] = min(request.max_tokens, max_output_tokens or request.max_tokens)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    body.update(extra)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _encode_message(message: PromptMessage, returns_thinking: bool) -> JsonValue:
    encoded: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        if returns_thinking:
            # DeepSeek answers 400 when the field is missing from a tool call's message, even if it thought nothing:
            # https://api-docs.deepseek.com/guides/thinking_mode
            encoded["reasoning_content"] = message.thinking
        encoded["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        encoded["tool_call_id"] = message.tool_call_id
    return encoded


def _encode_tool(tool: ToolDefinition) -> JsonValue:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }
