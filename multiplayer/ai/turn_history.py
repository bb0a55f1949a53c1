"""The prompt of a running turn as it grows: what the model said, what its tools answered, within the model's context."""

from dataclasses import replace
from typing import Final

from multiplayer.ai.context import Prompt, message_tokens, tool_tokens
from multiplayer.ai.prompts import BROKEN_CALL, call_message, tool_message
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import ChatRequest, PromptMessage, ToolCall
from multiplayer.tools.registry import ToolResult

_ANSWER_ROOM: Final = 0.9
"""The share of the model's context that prompt and tool results may fill."""
_SHORTER: Final = 0.6
"""Of a prompt that the provider calls too long, the share that is asked next."""
_LEAST_ANSWER: Final = 256
_LEFT_OUT: Final = "[left out: this result is too long ago]"


class TurnHistory:
    """Begins with `prompt`. `offers_tools` false: the model is told of none."""

    def __init__(
        self,
        prompt: Prompt,
        secret: bytes,
        counter: TokenCounter,
        context_tokens: int,
        *,
        offers_tools: bool,
        max_output_tokens: int | None = None,
    ) -> None:
        self._turn_id = prompt.manifest.turn_id
        self._tools = prompt.tools if offers_tools else ()
        self._messages = list(prompt.messages)
        self._own_from = len(self._messages)
        self._secret = secret
        self._counter = counter
        self._context_tokens = context_tokens
        self._room = int(context_tokens * _ANSWER_ROOM)
        self._conversation = prompt.conversation
        self._max_tokens = max_output_tokens
        # Counted as it grows: a long prompt takes long, and this runs beside everyone else.
        self._prompt_tokens = prompt.tokens - (0 if offers_tools else tool_tokens(prompt.tools, counter))
        self._tokens = self._prompt_tokens

    def request(self) -> ChatRequest:
        """Return the next question; the turn's oldest results, then arguments, are left out when it would overflow.

        Its answer is limited to what the model can hold beside it: providers refuse what is more in all.
        """
        self._shorten()
        return ChatRequest(
            messages=tuple(self._messages),
            tools=self._tools,
            max_tokens=self._most_written(),
            conversation=self._conversation,
        )

    def tokens(self) -> int:
        return self._tokens

    def shorter_prompt(self) -> int:
        """Return how many tokens the prompt may have after a provider has called the whole too long."""
        return int(self._prompt_tokens * _SHORTER)

    def begin_again(self, prompt: Prompt) -> None:
        """Put a shorter prompt before what the turn has done, and let that fill less of the model from now on."""
        self._room = min(self._room, int(self._tokens * _SHORTER))
        tokens = prompt.tokens - (0 if self._tools else tool_tokens(prompt.tools, self._counter))
        self._tokens += tokens - self._prompt_tokens
        self._messages[: self._own_from] = prompt.messages
        self._prompt_tokens, self._own_from = tokens, len(prompt.messages)

    def add_said(self, message: PromptMessage) -> None:
        """Take what someone said to the turn while it ran."""
        self._add(message)

    def add_broken_call(self, said: str) -> None:
        """Take the words; the call stays out: providers answer 400 to every request that holds a cut one."""
        if said:
            self._add(PromptMessage(role="assistant", content=said))
        self._add(PromptMessage(role="user", content=BROKEN_CALL))

    def add_calls(self, done: list[tuple[ToolCall, ToolResult]], *, said: str, thinking: str) -> None:
        """Take calls, each with its result."""
        self._add(call_message(tuple(call for call, _ in done), said=said, thinking=thinking))
        for call, result in done:
            self._add(
                tool_message(
                    call.id,
                    turn_id=self._turn_id,
                    text=result.text,
                    is_ok=result.ok,
                    code=result.code,
                    exit_status=result.exit_status,
                    secret=self._secret,
                    counter=self._counter,
                    taint=result.taint.value if result.taint else None,
                )
            )

    def _add(self, message: PromptMessage) -> None:
        self._messages.append(message)
        self._tokens += message_tokens(message, self._counter)

    def _most_written(self) -> int | None:
        if self._max_tokens is None:
            return None
        return min(self._max_tokens, max(_LEAST_ANSWER, self._context_tokens - self._tokens))

    def _shorten(self) -> None:
        for place in range(self._own_from, len(self._messages) - 1):
            if self._tokens <= self._room:
                return
            if self._messages[place].role == "tool" and self._messages[place].content != _LEFT_OUT:
                self._replace(place, replace(self._messages[place], content=_LEFT_OUT))
        for place in range(self._own_from, len(self._messages)):
            if self._tokens <= self._room:
                return
            calls = tuple(replace(call, arguments="{}") for call in self._messages[place].tool_calls)
            self._replace(place, replace(self._messages[place], tool_calls=calls))

    def _replace(self, place: int, message: PromptMessage) -> None:
        before = message_tokens(self._messages[place], self._counter)
        self._tokens += message_tokens(message, self._counter) - before
        self._messages[place] = message
