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
    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    looks_left: int = 16
    """How often it is still looked whether the call is whole already: each look reads all of its arguments."""


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

    Fragments belong together by index; without one by id; without both to the call that grew last. A fragment that
    begins again after a whole call is another call, whatever its index: some servers number all of them 0.

    A call without an id gets one from `make_id`. An id names one call of an answer: said again, with the same
    arguments or others, it is there once, as the first of them that is whole. An id of an earlier answer names the
    same call if name and arguments are the same; else it gets an id of its own, for some providers count from
    `call_0` in each answer.
    """

    def __init__(self, make_id: Callable[[], str], earlier: Iterable[ToolCall] = ()) -> None:
        self._make_id = make_id
        self._earlier = {call.id: call for call in earlier}
        self._calls: list[_OpenCall] = []
        self._last: _OpenCall | None = None
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
        calls = sorted(self._calls, key=lambda call: call.index)
        if not is_whole:
            return tuple(
                BrokenToolCall(mend_text(call.name), "the answer ended before the call was complete") for call in calls
            )
        broken: list[BrokenToolCall] = []
        chosen: list[_OpenCall] = []
        for same in _by_id(calls):
            reasons = [self._what_is_wrong_with(call) for call in same]
            if None in reasons:
                chosen.append(same[reasons.index(None)])
            else:
                broken.append(BrokenToolCall(mend_text(same[0].name), reasons[0] or ""))
        return tuple(broken) or tuple(self._named(call) for call in chosen)

    def _named(self, call: _OpenCall) -> ToolCall:
        whole = ToolCall(mend_text(call.id), mend_text(call.name), mend_text("".join(call.arguments)))
        earlier = self._earlier.get(whole.id)
        if not whole.id or (earlier is not None and earlier != whole):
            return ToolCall(self._make_id(), whole.name, whole.arguments)
        return whole

    def _call_of(self, fragment: ToolCallFragment) -> _OpenCall:
        call = self._known(fragment)
        if call is None or _begins_again(call, fragment):
            if len(self._calls) >= MAX_CALLS:
                raise TooManyToolCalls(f"more than {MAX_CALLS} tool calls in one answer")
            index = fragment.index
            if index is None:
                index = max((other.index for other in self._calls), default=-1) + 1
            call = _OpenCall(index)
            self._calls.append(call)
        self._last = call
        return call

    def _known(self, fragment: ToolCallFragment) -> _OpenCall | None:
        for call in reversed(self._calls):
            if fragment.index is not None:
                if call.index == fragment.index:
                    return call
            elif fragment.id and call.id == fragment.id:
                return call
        return None if fragment.index is not None or fragment.id else self._last

    def _what_is_wrong_with(self, call: _OpenCall) -> str | None:
        if not call.name:
            return "the call names no tool"
        if not is_json_object("".join(call.arguments)):
            return "its arguments are not a JSON object"
        return None


def _begins_again(call: _OpenCall, fragment: ToolCallFragment) -> bool:
    """Whether `fragment` starts a call anew: it names a tool, and what came before is whole."""
    if not fragment.name or call.looks_left == 0:
        return False
    starts = (fragment.arguments or "").lstrip().startswith("{")
    is_other = fragment.name != call.name or (fragment.id or call.id) != call.id
    if not (call.arguments and (starts or is_other)):
        return False
    call.looks_left -= 1
    return is_json_object("".join(call.arguments))


def _by_id(calls: list[_OpenCall]) -> list[list[_OpenCall]]:
    """Group calls of the same id, in the order of the first of each; calls without an id stand alone."""
    groups: list[list[_OpenCall]] = []
    known: dict[str, list[_OpenCall]] = {}
    for call in calls:
        if call.id and call.id in known:
            known[call.id].append(call)
            continue
        groups.append([call])
        if call.id:
            known[call.id] = groups[-1]
    return groups
