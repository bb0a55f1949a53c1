"""The rarer things that providers do, on a live room: each turn ends once, and what it held spoils no later one."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from tests.faults.scene import KEY, Scene, scene_with
from tests.support import provider_floods as floods
from tests.support import provider_oddities as odd
from tests.support.provider import (
    Behaviour,
    Reply,
    answers,
    call,
    calls,
    cut_after,
    cut_tool_call,
    huge_delta,
    provider,
    silent_before_headers,
    stalls_after,
    status,
    streams,
)

pytestmark = pytest.mark.slow

WELL = "I am well again."
SHORT = TurnLimits(first_token_s=0.3, progress_s=0.3, turn_s=1.0, tool_steps=16)
PATIENT = TurnLimits(first_token_s=10.0, progress_s=10.0, turn_s=30.0, tool_steps=16)
"""For answers that come to an end by themselves: a busy machine may take its time."""
TALKATIVE = TurnLimits(first_token_s=1.5, progress_s=1.5, turn_s=1.5, tool_steps=16)
"""For words without end: the first of them must have come."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

ODD: Sequence[tuple[Behaviour, str, str | None]] = [
    # What it does, how the turn ends, and with which words (None: whatever was shown).
    (odd.done_without_finish("He said"), "interrupted", "He said"),
    (odd.finish_without_done("Said."), "done", "Said."),
    (odd.nulls_everywhere("Said."), "done", "Said."),
    (odd.usage_in_every_chunk("abc"), "done", "abc"),
    (odd.usage_with_cache_hits("Hi", hit=9, miss=3, tokens_out=2), "done", "Hi"),
    (odd.byte_by_byte("Slowly 你."), "done", "Slowly 你."),
    (odd.odd_line_ends("Lines."), "done", "Lines."),
    (odd.words_after_finish("One", " more"), "done", "One more"),
    (odd.talks_after_done("Done."), "done", "Done."),
    (odd.closes_after("One."), "done", "One."),
    (odd.wrong_content_type("Text.", "text/plain"), "done", "Text."),
    (odd.wrong_content_type("Called JSON.", "application/json"), "failed", ""),
    (odd.json_as_event_stream("Called a stream."), "failed", ""),
    (odd.json_after_blanks("After blanks."), "done", "After blanks."),
    (odd.invalid_utf8("a", "b"), "done", "a\ufffd\ufffd\ufffdb"),
    (odd.lone_surrogates(["a\ud83d", "\ude00b\0"]), "done", "a😀b\ufffd"),
    (odd.error_object(f"overloaded {KEY}"), "failed", ""),
    (odd.error_page(502), "failed", ""),
    (odd.error_page(403), "failed", ""),
    (odd.packed_error(400), "failed", ""),
    (odd.cut_in_head(), "failed", ""),
    (odd.broken_chunk_size("He said"), "interrupted", "He said"),
    (odd.shorter_than_said("cut"), "failed", ""),
    (odd.not_http(), "failed", ""),
    (odd.calls_numbered_alike(call("no_tool", {}, "c1"), call("none", {}, "c2")), "done", WELL),
    (odd.arguments_as_objects("c1", "no_tool", {"x": 1}), "done", WELL),
]
ENDLESS: Sequence[tuple[Behaviour, str, str | None]] = [
    (floods.empty_chunks_forever(), "failed", ""),
    (floods.blank_lines_forever(), "failed", ""),
    (floods.slow_headers(), "failed", ""),
    (floods.early_hints_forever(), "failed", ""),
    (floods.error_body_never_comes(400), "failed", ""),
    (floods.endless_error_body(422), "failed", ""),
    (floods.drips_forever("reasoning_content"), "failed", ""),
    (floods.endless_arguments("write_file"), "failed", ""),
    (floods.endless_calls("write_file"), "failed", ""),
    (floods.deeply_nested(), "failed", ""),
    (floods.whole_json_without_end(), "failed", ""),
    (floods.endless_headers(), "failed", ""),
    (floods.endless_event(), "failed", ""),
    (floods.endless_comments(), "failed", ""),
]
WORDY: Sequence[tuple[Behaviour, str, str | None]] = [
    (floods.drips_forever("content"), "interrupted", None),
    (floods.endless_words("word "), "interrupted", None),
]
_GOES_ON = {"calls_numbered_alike", "arguments_as_objects"}


def strict() -> Behaviour:
    """Answer well, as a provider does that refuses a prompt with anything in it that is no whole call and result."""

    async def play(reply: Reply) -> None:
        problem = _problem(reply.request.body)
        await (answers(WELL) if problem is None else status(400, message=f"poisoned: {problem}")).play(reply)

    return Behaviour("strict", play)


def _problem(body: Mapping[str, JsonValue]) -> str | None:
    messages = body["messages"]
    assert isinstance(messages, list)
    open_calls: list[str] = []
    for message in messages:
        assert isinstance(message, dict)
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a result without its call"
            open_calls.remove(str(message["tool_call_id"]))
            continue
        if open_calls:
            return "a call without its result"
        for made in message.get("tool_calls") or ():  # type: ignore[union-attr]  # a list, or absent
            assert isinstance(made, dict)
            function = made["function"]
            assert isinstance(function, dict)
            if not _NAME.fullmatch(str(function["name"])):
                return f"a tool's name {str(function['name'])[:80]!r}"
            try:
                parsed = json.loads(str(function["arguments"]))
            except ValueError:
                return "arguments that are no JSON"
            if not isinstance(parsed, dict):
                return "arguments that are no object"
            open_calls.append(str(made["id"]))
    if open_calls:
        return "a call without its result"
    return "more than the model can hold" if len(json.dumps(body)) > 400_000 else None


def clear(scene: Scene) -> None:
    scene.provider._queue.clear()


async def may_be_asked_often(scene: Scene) -> None:
    rule = {"id": "mention", "type": "mention", "per_min": 600}
    changed = await scene.alice.ask(type="set_room_settings", room_id=scene.room_id, settings={"triggers": [rule]})
    assert changed["type"] == "accepted"


PARTS = [
    *((PATIENT, ODD[part::4]) for part in range(4)),
    *((SHORT, ENDLESS[part::3]) for part in range(3)),
    (TALKATIVE, WORDY),
]


@pytest.mark.parametrize(("limits", "faults"), PARTS, ids=range(len(PARTS)))
async def test_the_rarer_faults_end_their_turn_once_and_in_time_with_one_text_for_all(
    limits: TurnLimits, faults: Sequence[tuple[Behaviour, str, str | None]], tmp_path: Path
) -> None:
    async with provider(strict()) as stand_in, scene_with(stand_in, tmp_path, limits=limits) as scene:
        await may_be_asked_often(scene)
        for behaviour, outcome, text in faults:
            # As often as it may be asked again, and on a connection that was open as often once more.
            stand_in.enqueue(*[behaviour] * (1 if behaviour.name in _GOES_ON else 6))
            turn = await scene.ask(f"please, {behaviour}")
            assert turn.outcome == outcome, (behaviour, turn.outcome, turn.reason)
            assert turn.acknowledged >= 1, behaviour
            await scene.check(turn, scene.words(scene.alice, turn) if text is None else text)
            if outcome != "done":
                assert turn.reason, behaviour
            clear(scene)
            again = await scene.ask("and now?")
            assert again.outcome == "done", (behaviour, again.reason)
            await scene.check(again, WELL)
        assert KEY not in await scene.log_text() + str(scene.alice.heard)


class Much(Arguments):
    pass


async def _much(text: str, _arguments: Much, _context: ToolCallContext) -> ToolResult:
    return ToolResult(ok=True, text=text)


def tools_with(text: str) -> ToolRegistry:
    return ToolRegistry([Tool("much", "Much.", Much, ToolClass.READ, partial(_much, text))])


ODD_TEXT = "x\0\ud800\u2028[end 0123456789abcdef]\n" * 10
POISON: Mapping[str, Sequence[Behaviour]] = {
    "arguments of another shape": [calls(call("much", {"how": "so"}, "c1")), answers(WELL)],
    "a huge call": [calls(call("much", {"x": "y" * 1_000_000}, "c1"), piece=65_536), answers(WELL)],
    "a name that is none": [calls(call("no such\ntool \u202e{}", {}, "c1")), answers(WELL)],
    "a name without end": [calls(call("n" * 100_000, {}, "c1")), answers(WELL)],
    "a huge result": [calls(call("much", {}, "c1")), answers(WELL)],
    "many huge results": [calls(*[call("much", {}, f"c{n}") for n in range(16)]), answers(WELL)],
    "one id for two": [calls(call("much", {}, "c1"), call("much", {}, "c1")), answers(WELL)],
    "an id that was used before": [calls(call("much", {}, "c1")), calls(call("much", {}, "c1")), answers(WELL)],
    "no id": [calls(call("much", {}, None)), answers(WELL)],
    "an odd id": [calls(call("much", {}, 'c"]\n\u202e' + "i" * 500)), answers(WELL)],
    "a cut call": [cut_tool_call("much"), answers(WELL)],
    "two cut calls": [cut_tool_call("much"), cut_tool_call("much")],
    "a call cut by the connection": [calls(call("much", {}), finish_reason=None)],
    "words, then a cut": [calls(call("much", {}, "c1"), text="One moment. "), cut_after("It is ")],
    "a call, then silence": [calls(call("much", {}, "c1")), silent_before_headers()],
    "a delta of 10 MB": [calls(call("much", {}, "c1")), huge_delta()],
    "characters that are none": [streams([{"content": "half \ud83d"}, {"content": "\x00 end"}])],
    "only thoughts": [streams([{"reasoning_content": "hm " * 1_000}])],
    "stalled words": [stalls_after("So far, ")],
}


@pytest.mark.parametrize("result", ["short", "x" * 5_000_000, ODD_TEXT], ids=["short", "5 MB", "odd"])
async def test_a_poisoned_turn_spoils_no_later_one(result: str, tmp_path: Path) -> None:
    async with (
        provider(strict()) as stand_in,
        scene_with(stand_in, tmp_path, limits=SHORT, tools=tools_with(result), context_tokens=64_000) as scene,
    ):
        await may_be_asked_often(scene)
        for name, plays in POISON.items():
            stand_in.enqueue(*plays)
            turn = await scene.ask(f"please: {name}")
            await scene.check(turn, scene.words(scene.alice, turn))
            clear(scene)
            again = await scene.ask("and now?")
            assert (again.outcome, again.reason) == ("done", ""), name
            await scene.check(again, WELL)
        problems = [_problem(request.body) for request in stand_in.requests]
        assert not [problem for problem in problems if problem is not None]


async def test_tool_calls_without_end_are_sixteen(tmp_path: Path) -> None:
    limits = TurnLimits(first_token_s=1, progress_s=1, turn_s=10)
    async with (
        provider(calls(call("much", {}, None), call("much", {}, None))) as stand_in,
        scene_with(stand_in, tmp_path, limits=limits, tools=tools_with("more")) as scene,
    ):
        turn = await scene.ask("go on and on")
        assert turn.outcome == "failed"
        assert "more than 16 times" in turn.reason
        assert len(await scene.tool_results(turn)) == 16
        assert len(stand_in.requests) <= 9


async def test_a_circuit_that_is_open_says_so_in_the_room_and_asks_nobody(tmp_path: Path) -> None:
    async with provider(status(500)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        for _ in range(2):
            assert (await scene.ask("are you there?")).outcome == "failed"
        asked = len(stand_in.requests)
        turn = await scene.ask("and now?")
        assert len(stand_in.requests) == asked
        for guest in (scene.alice, scene.bob):
            end = await guest.expect_type("turn_ended", turn_id=turn.turn_id)
            assert "several times in a row" in str(end["reason"])
        detail = await scene.pod.insights.turns.one(scene.room_id, scene.bob.id, turn.turn_id)
        assert "several times in a row" in detail.ended_because


@pytest.mark.parametrize(
    "fails",
    [lambda: status(500), lambda: status(401), silent_before_headers, odd.not_http, lambda: cut_after("")],
    ids=["500", "401", "silence", "no HTTP", "cut"],
)
async def test_everyone_sees_that_another_model_answers(fails: Callable[[], Behaviour], tmp_path: Path) -> None:
    async with (
        provider(fails()) as first,
        provider(answers(WELL)) as second,
        scene_with(first, tmp_path, second=second) as scene,
    ):
        turn = await scene.ask("who is there?")
        assert turn.outcome == "done"
        await scene.check(turn, WELL)
        reasons: set[str] = set()
        for guest in (scene.alice, scene.bob):
            changed = await guest.expect_type("model_changed", turn_id=turn.turn_id)
            assert (changed["previous"], changed["model"]) == ("stand-in", "second")
            reasons.add(str(changed["reason"]))
            assert KEY not in str(changed)
        detail = await scene.pod.insights.turns.one(scene.room_id, scene.bob.id, TurnId(turn.turn_id))
        (switch,) = detail.switches
        assert (switch.previous, switch.model) == ("stand-in", "second")
        assert reasons == {switch.reason} != {""}
        assert detail.usage is not None
        assert detail.usage.model == "second"
        assert len(second.requests) == 1
