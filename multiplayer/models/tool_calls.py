"""Puts the fragments of streamed tool calls together, and tells whole calls from broken ones."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from multiplayer.models.port import BrokenToolCall, ToolCall

MAX_CALLS = 64
MAX_ARGUMENTS_CHARACTERS = 1024 * 1024


class TooManyToolCalls(Exception):  # noqa: N818 - says what the answer holds
    """The answer holds more calls, or longer arguments, than is sane."""


@dataclass(frozen=True, slots=True)
class ToolCallFragment:
    """A piece of one call as a provider streams it. Any part may be missing."""

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None


@dataclass(slots=True)
class _OpenCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


def mend_text(text: str) -> str:
    """Join split surrogate pairs; replace what no database or UTF-8 stream takes (lone surrogates, NUL)."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def is_json_object(text: str) -> bool:
    """Whether `text` is one strict JSON object (no NaN, no Infinity, no endless nesting)."""

    def refuse_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        return isinstance(json.loads(text, parse_constant=refuse_constant), dict)
    except (ValueError, RecursionError):
        return False


class ToolCallAssembler:
    """Collects the fragments of one answer. `earlier` are the calls already in the prompt.

    Fragments belong together by index; without one by id; without both to the call that grew last. A call without
    an id gets one from `make_id`. An id that comes again names the same call if name and arguments are the same,
    which then is there once; some providers count from `call_0` in each answer, so with other arguments it is
    another call and gets an id of its own.
    """

    def __init__(self, make_id: Callable[[], str], earlier: Iterable[ToolCall] = ()) -> None:
        self._make_id = make_id
        self._earlier = {call.id: call for call in earlier}
        self._calls: dict[int, _OpenCall] = {}
        self._last_index = -1
        self._size = 0

    def add(self, fragment: ToolCallFragment) -> int:
        """Take one fragment; returns how many characters of name and arguments it brought."""
        call = self._call_of(fragment)
        if fragment.id and not call.id:
            call.id = fragment.id
        if fragment.name and fragment.name != call.name:
            call.name += fragment.name
        if fragment.arguments:
            call.arguments.append(fragment.arguments)
        size = len(fragment.name or "") + len(fragment.arguments or "")
        self._size += size
        if self._size > MAX_ARGUMENTS_CHARACTERS:
            raise TooManyToolCalls(f"tool calls of more than {MAX_ARGUMENTS_CHARACTERS} characters")
        return size

    def finish(self, *, is_whole: bool) -> tuple[ToolCall, ...] | tuple[BrokenToolCall, ...]:
        """Return all calls in the order of their indexes if every one is whole, else those that are broken.

        `is_whole` says that the provider itself reported complete calls; without it none is.
        """
        calls = [self._calls[index] for index in sorted(self._calls)]
        if not is_whole:
            return tuple(BrokenToolCall(call.name, "the answer ended before the call was complete") for call in calls)
        broken = [
            BrokenToolCall(mend_text(call.name), reason)
            for call in calls
            if (reason := self._what_is_wrong_with(call)) is not None
        ]
        if broken:
            return tuple(broken)
        known = dict(self._earlier)
        ready: list[ToolCall] = []
        for call in calls:
            whole = ToolCall(mend_text(call.id), mend_text(call.name), mend_text("".join(call.arguments)))
            same = known.get(whole.id)
            if same == whole and whole in ready:
                continue
            if not whole.id or (same is not None and same != whole):
                whole = ToolCall(self._make_id(), whole.name, whole.arguments)
            known[whole.id] = whole
            ready.append(whole)
        return tuple(ready)

    def _call_of(self, fragment: ToolCallFragment) -> _OpenCall:
        index = fragment.index
        if index is None and fragment.id:
            same = [known for known, call in self._calls.items() if call.id == fragment.id]
            index = same[-1] if same else max(self._calls, default=-1) + 1
        if index is None:
            index = max(self._last_index, 0)
        self._last_index = index
        if index not in self._calls and len(self._calls) >= MAX_CALLS:
            raise TooManyToolCalls(f"more than {MAX_CALLS} tool calls in one answer")
        return self._calls.setdefault(index, _OpenCall())

    def _what_is_wrong_with(self, call: _OpenCall) -> str | None:
        if not call.name:
            return "the call names no tool"
        if not is_json_object("".join(call.arguments)):
            return "its arguments are not a JSON object"
        return None
