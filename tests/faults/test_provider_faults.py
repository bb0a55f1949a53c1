"""Whatever an AI provider does, its turn ends once and in time, with one text for everyone, and the room lives on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.scene import KEY, LIMITS, Scene, scene_with
from tests.support.pods import Guest
from tests.support.provider import (
    Behaviour,
    Reply,
    answers,
    answers_then_hangs_up,
    call,
    calls,
    comments_forever,
    cut_after,
    cut_tool_call,
    endless_line,
    ends_without_finish,
    error_in_stream,
    garbage_lines,
    gzip_bomb,
    hangs_up_before_answering,
    huge_delta,
    invalid_json,
    provider,
    redirects_to,
    silent_before_first_token,
    silent_before_headers,
    stalls_after,
    status,
    stays_open_after,
    streams,
    web_page,
    whole_json,
)

pytestmark = pytest.mark.slow

WELL = "I am well again."


def drips_forever() -> Behaviour:
    """A word every few milliseconds, without end: every single token is in time."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        while not reply.request.closed.is_set():
            await reply.delta({"content": "drip "})
            try:
                await asyncio.wait_for(reply.request.closed.wait(), 0.05)
            except TimeoutError:
                continue

    return Behaviour("drips_forever", play)


def thinks_forever() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        while not reply.request.closed.is_set():
            await reply.delta({"reasoning_content": "hmm "})
            try:
                await asyncio.wait_for(reply.request.closed.wait(), 0.05)
            except TimeoutError:
                continue

    return Behaviour("thinks_forever", play)


@dataclass(frozen=True)
class Case:
    """What the provider does at each request of one turn, and what must come of it."""

    plays: Sequence[Behaviour]
    outcome: str
    text: str = ""
    reason: str = ""
    requests: int | None = None

    @property
    def name(self) -> str:
        return " ".join(behaviour.name for behaviour in self.plays) + f" {self.outcome}"


HELLO = "你好, it works 👍🏽."
CASES = [
    Case([answers(HELLO, piece=3)], "done", HELLO, requests=1),
    Case([whole_json("All at once.")], "done", "All at once.", requests=1),
    Case([stays_open_after("Complete.")], "done", "Complete.", requests=1),
    Case([garbage_lines("Words between noise.")], "done", "Words between noise.", requests=1),
    # Silence: the deadline is on tokens, not on bytes.
    Case([silent_before_headers()], "failed", reason="did not begin to answer", requests=1),
    Case([silent_before_first_token()], "failed", reason="did not begin to answer", requests=1),
    Case([comments_forever()], "failed", reason="did not begin to answer", requests=1),
    Case([stalls_after("Half a ")], "interrupted", "Half a ", "stopped in the middle", requests=1),
    Case([comments_forever("Some words")], "interrupted", "Some words", "stopped in the middle", requests=1),
    Case([thinks_forever()], "failed", reason="took longer than", requests=1),
    # Cuts: words that were seen are never asked for again.
    Case([cut_after("Hel")], "interrupted", "Hel", "ended in the middle", requests=1),
    Case([ends_without_finish("It was a dark and")], "interrupted", "It was a dark and", "ended in the", requests=1),
    Case([cut_after(""), answers(WELL)], "done", WELL, requests=2),
    Case([hangs_up_before_answering(), answers(WELL)], "done", WELL, requests=2),
    Case([streams([{"role": "assistant", "content": ""}], None)] * 3, "failed", reason="before it had", requests=3),
    Case([answers("")], "failed", reason="empty answer", requests=1),
    # Refusals.
    Case([status(429)] * 3, "failed", reason="too many requests", requests=3),
    Case([status(429, retry_after="1"), answers(WELL)], "done", WELL, requests=2),
    Case([status(429, retry_after="when I feel like it")], "failed", reason="too many requests", requests=1),
    Case([status(429, retry_after="86400")], "failed", reason="too many requests", requests=1),
    Case([status(500), status(502), answers(WELL)], "done", WELL, requests=3),
    Case([status(503)] * 3, "failed", reason="status 503", requests=3),
    Case([status(401, message=f"wrong key {KEY}")], "failed", reason="did not accept this server's key", requests=1),
    Case([status(400, message=f"you sent {KEY}")], "failed", reason="status 400", requests=1),
    Case([error_in_stream("Then", f"out of order, {KEY}")], "interrupted", "Then", "reports an error", requests=1),
    # Garbage, and more than anybody could hold.
    Case([invalid_json()], "failed", reason="The AI provider", requests=1),
    Case([invalid_json("A word")], "interrupted", "A word", "The AI provider", requests=1),
    Case([web_page()], "failed", reason="web page", requests=1),
    Case([huge_delta()], "failed", reason="more than an answer can hold", requests=1),
    Case([endless_line()], "failed", reason="more than an answer can hold", requests=1),
    Case([gzip_bomb()], "failed", reason="compressed", requests=1),
    # Broken tool calls: asked for again once, never run.
    Case([cut_tool_call(), answers(WELL)], "done", WELL, requests=2),
    Case([cut_tool_call(), cut_tool_call()], "failed", reason="could not be read", requests=2),
    Case([calls(call("write_file", "[1, 2]")), answers(WELL)], "done", WELL, requests=2),
    Case([calls(call("write_file", {"path": "a", "content": "b"}), finish_reason=None)], "interrupted", requests=1),
    Case(
        [calls(call("write_file", {"path": "a", "content": "b"}), finish_reason="length"), answers(WELL)],
        "done",
        WELL,
        requests=2,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_turn_ends_once_in_time_whatever_the_provider_does_and_the_next_one_is_well(
    case: Case, tmp_path: Path
) -> None:
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(*case.plays)
        turn = await scene.ask("please")
        assert (turn.outcome, case.reason in turn.reason) == (case.outcome, True), turn.reason
        assert turn.acknowledged >= 1
        await scene.check(turn, case.text)
        if case.requests is not None:
            assert len(stand_in.requests) == case.requests
        # No call of these answers was whole, so none may have run, and none may stand in a later prompt.
        assert not await scene.tool_results(turn)
        assert not scene.workspace.exists() or not list(scene.workspace.iterdir())
        again = await scene.ask("and now?")
        assert again.outcome == "done"
        await scene.check(again, WELL)
        assert not any("tool_calls" in message for message in stand_in.requests[-1].messages)
        await check_key_stays_in_its_header(scene, turn.reason)


async def check_key_stays_in_its_header(scene: Scene, *texts: str) -> None:
    assert all(request.authorization == f"Bearer {KEY}" for request in scene.provider.requests)
    shown = [*texts, await scene.log_text(), str(scene.alice.heard), str([r.body for r in scene.provider.requests])]
    assert not any(KEY in text for text in shown)


async def test_words_that_never_end_are_cut_at_the_turns_own_deadline(tmp_path: Path) -> None:
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(drips_forever())
        turn = await scene.ask("tell me everything")
        assert turn.outcome == "interrupted"
        assert f"longer than {LIMITS.turn_s:g} seconds" in turn.reason
        text = scene.words(scene.alice, turn)
        assert text.startswith("drip drip ")
        await scene.check(turn, text)
        assert turn.acknowledged >= 5
        async with asyncio.timeout(10):
            await stand_in.requests[0].closed.wait()
        assert (await scene.ask("and now?")).outcome == "done"


async def test_the_key_is_not_carried_along_a_redirect(tmp_path: Path) -> None:
    async with (
        provider() as elsewhere,
        provider(answers(WELL)) as stand_in,
        scene_with(stand_in, tmp_path) as scene,
    ):
        stand_in.enqueue(redirects_to(f"{elsewhere.base_url}/chat/completions"))
        turn = await scene.ask("please")
        assert turn.outcome == "failed"
        assert "another address" in turn.reason
        await scene.check(turn, "")
        assert not elsewhere.requests
        assert (await scene.ask("and now?")).outcome == "done"


async def test_a_pause_that_the_provider_asks_for_is_kept(tmp_path: Path) -> None:
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(status(429, retry_after="7"))
        assert (await scene.ask("please")).outcome == "done"
        assert len(scene.pauses) == 1
        assert 7 <= scene.pauses[0] <= 30


async def test_a_connection_that_the_provider_closed_meanwhile_costs_no_turn(tmp_path: Path) -> None:
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(answers_then_hangs_up("First."))
        await scene.check(await scene.ask("one"), "First.")
        turn = await scene.ask("two")
        assert turn.outcome == "done"
        await scene.check(turn, WELL)
        assert stand_in.hung_up == 1


async def test_a_provider_that_keeps_failing_is_left_alone_for_a_while_and_says_so(tmp_path: Path) -> None:
    async with provider(status(500)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        assert (await scene.ask("one")).outcome == "failed"
        assert (await scene.ask("two")).outcome == "failed"
        assert len(stand_in.requests) == 5
        turn = await scene.ask("three")
        assert turn.outcome == "failed"
        assert "several times in a row" in turn.reason
        assert len(stand_in.requests) == 5


async def test_an_unknown_tool_is_answered_to_the_model_and_the_turn_goes_on(tmp_path: Path) -> None:
    async with provider() as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(calls(call("launch_missiles", {"at": "once"})), answers("No such tool, I see."))
        turn = await scene.ask("please")
        assert turn.outcome == "done"
        await scene.check(turn, "No such tool, I see.")
        (result,) = await scene.tool_results(turn)
        assert (result["is_ok"], result["code"]) == (False, "unknown_tool")


async def test_a_call_id_that_comes_again_runs_once(tmp_path: Path) -> None:
    write = call("write_file", {"path": "a.txt", "content": "first"}, "same")
    other = call("write_file", {"path": "a.txt", "content": "second"}, "same")
    async with provider() as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(calls(write), calls(other), answers("Done."))
        turn = await scene.ask("write")
        assert turn.outcome == "done"
        log = await scene.log()
        started = [event["call_id"] for event in log if event["type"] == "tool_started"]
        assert len(started) == len(set(started))
        assert not any(event["type"] == "turn_ended" and event["outcome"] != "done" for event in log)


async def test_tool_calls_without_end_stop_at_the_limit(tmp_path: Path) -> None:
    async with provider(calls(call("list_files", {}, None))) as stand_in, scene_with(stand_in, tmp_path) as scene:
        turn = await scene.ask("list, and list again")
        assert turn.outcome == "failed"
        assert f"more than {LIMITS.tool_steps} times" in turn.reason
        await scene.check(turn, "")
        assert len(await scene.tool_results(turn)) == LIMITS.tool_steps
        assert len(stand_in.requests) <= LIMITS.tool_steps + 1


@pytest.mark.parametrize(
    "hangs",
    [silent_before_headers, silent_before_first_token, lambda: stalls_after("I was "), lambda: comments_forever("So ")],
    ids=["before headers", "before the first token", "midway", "behind keep-alives"],
)
async def test_a_stop_ends_a_turn_whose_provider_hangs_and_closes_its_connection(
    hangs: Callable[[], Behaviour], tmp_path: Path
) -> None:
    limits = type(LIMITS)(first_token_s=60, progress_s=60, turn_s=300)
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path, limits=limits) as scene:
        stand_in.enqueue(hangs())
        await scene.alice.post(scene.room_id, "@ai go")
        started = await scene.alice.expect_type("turn_started")
        async with asyncio.timeout(10):
            request = await stand_in.until_requests(1)
        stopped = await scene.alice.ask(type="stop_turn", room_id=scene.room_id, turn_id=started["turn_id"])
        assert stopped["type"] == "accepted"
        await scene.alice.expect_type("turn_ended", outcome="stopped")
        async with asyncio.timeout(10):
            await request.closed.wait()
        assert (await scene.ask("and now?")).outcome == "done"


async def test_who_comes_in_while_the_provider_stalls_has_the_same_words_in_the_end(tmp_path: Path) -> None:
    async with provider() as stand_in, scene_with(stand_in, tmp_path) as scene:
        carol = await Guest.enter(scene.pod, "carol")
        await scene.alice.ask(type="invite_member", room_id=scene.room_id, handle="carol")
        stand_in.enqueue(stalls_after("So far, "))
        await scene.alice.post(scene.room_id, "@ai tell us")
        await scene.alice.expect_type("ai_delta")
        joined = await carol.join(scene.room_id)
        snapshot = joined["snapshot"]
        assert isinstance(snapshot, dict)
        (turn,) = snapshot["turns"] if isinstance(snapshot["turns"], list) else []
        assert isinstance(turn, dict)
        assert turn["text"] == "So far, "
        ended = await carol.expect_type("turn_ended", turn_id=turn["turn_id"])
        assert ended["outcome"] == "interrupted"
        posted = await carol.expect_type("message_posted")
        assert isinstance(posted["message"], dict)
        assert posted["message"]["text"] == "So far, "


@pytest.mark.parametrize(
    "hangs", [silent_before_headers, comments_forever, drips_forever], ids=["silence", "keep-alives", "endless words"]
)
async def test_a_summary_that_the_provider_never_gives_is_made_without_it_and_costs_the_turn_no_more_than_its_time(
    hangs: Callable[[], Behaviour], tmp_path: Path
) -> None:
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path, context_tokens=8_000) as scene:
        for number in range(40):
            await scene.bob.post(scene.room_id, f"point {number}: " + "the release needs a decision on Friday. " * 12)
        stand_in.enqueue(hangs())
        async with asyncio.timeout(LIMITS.turn_s + 3):
            turn = await scene.ask("what now?")
        assert turn.outcome == "done", turn.reason
        await scene.check(turn, WELL)
        (summary,) = [event for event in await scene.log() if event["type"] == "summary_updated"]
        assert summary["method"] == "extractive"


async def test_an_answer_longer_than_a_message_may_be_is_cut_at_its_limit_for_everyone_alike(tmp_path: Path) -> None:
    sentence = "一二三四五六七八九👍🏽" * 100
    async with provider(answers(WELL)) as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(streams([{"content": sentence}] * 250))
        turn = await scene.ask("tell me everything")
        assert turn.outcome == "interrupted"
        assert "longer than a message may be" in turn.reason
        whole = sentence * 250
        await scene.check(turn, whole[: LIMITS.answer_characters])
        assert (await scene.ask("and now?")).outcome == "done"


async def test_words_that_no_database_can_hold_are_mended_and_the_turn_is_done(tmp_path: Path) -> None:
    async with provider() as stand_in, scene_with(stand_in, tmp_path) as scene:
        stand_in.enqueue(streams([{"content": "half \ud83d"}, {"content": "\ude00 and \ud800 and \x00 end"}]))
        turn = await scene.ask("speak")
        assert turn.outcome == "done"
        await scene.check(turn, "half 😀 and \ufffd and \ufffd end")
