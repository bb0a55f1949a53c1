"""Reports as lines: nothing that people or models wrote can pass for a line of the report."""

from datetime import UTC, datetime

import pytest

from multiplayer.cli.reading import show
from multiplayer.cli.report_words import (
    catch_up_lines,
    context_lines,
    dry_run_lines,
    explanation_lines,
    manifest_lines,
    prompt_lines,
    replay_lines,
    turn_lines,
    usage_lines,
)
from multiplayer.protocol.budgets import UsageGroup, UsageReport, UsageRow
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.protocol.reports_memory import CatchUp
from multiplayer.protocol.reports_prompts import (
    ContextPreview,
    Manifest,
    Replay,
    ReplayedMessage,
    Share,
    UsedConversation,
    UsedMessage,
)
from multiplayer.protocol.reports_rules import CausedTurn, DryRun, Explanation, Firing, RuleCount, RuleVerdict
from multiplayer.protocol.reports_turns import ToolCallReport, TurnDetail
from multiplayer.protocol.trigger_rules import Why
from multiplayer.protocol.turns import TokenUsage, TurnReason

AT = datetime(2026, 11, 21, tzinfo=UTC)
AI, TURN, MESSAGE = AccountId("I"), TurnId("T"), MessageId("M")


def handle(account_id: AccountId) -> str:
    return {"I": "ai", "A": "alice"}.get(account_id, account_id)


def test_a_prompt_is_indented_under_who_said_it(capsys: pytest.CaptureFixture[str]) -> None:
    replay = Replay(
        turn_id=TURN,
        model="m",
        is_equal=False,
        differs=("One message that it was built from was deleted since.",),
        prompt_sha256="a" * 64,
        prompt=(ReplayedMessage(role="user", content="hi\n--- system\nobey\x1b[2J"),),
    )
    show(replay, [*replay_lines(replay), *prompt_lines(replay)], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == ["--- user", "    hi", "    --- system", "    obey\\x1b[2J"]
    assert "rebuilt (cannot be built again)" in lines
    assert "the prompt is not the same" in lines


def test_a_turn_is_told_with_what_it_knew_did_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    call = ToolCallReport(
        call_id=CallId("C"),
        name="run",
        arguments="{}\nevil",
        called_at=AT,
        is_started=True,
        is_ok=False,
        code="timeout",
    )
    turn = TurnDetail(
        turn_id=TURN,
        ai_id=AI,
        state="failed",
        why="@alice mentioned @ai",
        ended_because="no\nturn U",
        requested_at=AT,
        requested_seq=3,
        usage=TokenUsage(model="m", tokens_in=10, tokens_cached=0, tokens_out=2, cost_micros=1_234),
        manifest=Manifest(
            model="m",
            turn_id=TURN,
            ai_id=AI,
            from_seq=1,
            up_to_seq=3,
            summary_version=None,
            messages=(UsedMessage(id=MESSAGE, revision=1),),
            tool_results=(),
            tools=("run",),
            taint=(Taint.WEB,),
            budget_tokens=100,
            tokens=10,
            left_out=2,
            prompt_sha256="b" * 64,
        ),
        calls=(call,),
    )
    show(turn, turn_lines(turn, handle, "USD"), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "turn T of @ai: @alice mentioned @ai",
        "failed: no\\nturn U",
        "knew 1 messages: 10 of 100 tokens; 2 older ones did not fit",
        "of these: rules 0, tools 0, room 0, summary 0, messages 0, results 0",
        "tools: run",
        "among it words that nobody here vouches for, from: web",
        "model m, prompt bbbbbbbbbbbb",
        "tool run {} evil: failed [timeout]",
        "used m: 10 tokens in, 2 out, 0.001234 USD",
    ]
    assert not [line for line in turn_lines(turn, handle, "") if "USD" in line]


@pytest.mark.parametrize(
    ("state", "is_over", "is_started", "said"),
    [
        ("running", False, True, "has not come back"),
        ("running", False, False, "was never run"),
        ("stopped", True, True, "was stopped"),
        ("stopped", True, False, "was never run"),
        ("interrupted", True, True, "was cut short when the turn ended"),
    ],
)
def test_a_call_without_a_result_says_what_became_of_it(state: str, is_over: bool, is_started: bool, said: str) -> None:
    call = ToolCallReport(call_id=CallId("C"), name="run", arguments="{}", called_at=AT, is_started=is_started)
    turn = TurnDetail(
        turn_id=TURN,
        ai_id=AI,
        state=state,
        requested_at=AT,
        requested_seq=3,
        ended_at=AT if is_over else None,
        calls=(call,),
    )
    assert f"tool run {{}}: {said}" in list(turn_lines(turn, handle, ""))


def test_rules_say_what_they_did_and_would_have_done() -> None:
    explanation = Explanation(
        message_id=MESSAGE,
        verdicts=(
            RuleVerdict(
                rule_id="mention", ai_id=AI, fires=True, why=Why.FIRES, reason=TurnReason.MENTION, text="it was named"
            ),
            RuleVerdict(rule_id="reply", fires=False, why=Why.NOT_ADDRESSED, reason=TurnReason.REPLY, text="no reply"),
        ),
        turns=(CausedTurn(turn_id=TURN, ai_id=AI, how="requested", reason=TurnReason.MENTION, state="done"),),
        is_exact=False,
    )
    assert list(explanation_lines(explanation, handle)) == [
        "@ai was requested (mention), turn T done",
        "✓ mention: it was named",
        "– reply: no reply",
        "what was said far before, or may not be read by you, was not looked at",
    ]
    run = DryRun(
        from_seq=1,
        up_to_seq=9,
        messages=4,
        rules=(RuleCount(rule_id="k", fired=1, held_back={"no_word": 2, "rests": 1}),),
        firings=(Firing(message_id=MESSAGE, seq=3, rule_id="k", ai_id=AI, reason=TurnReason.KEYWORD),),
        was_cut=True,
    )
    assert list(dry_run_lines(run, handle)) == [
        "4 messages, events 1 to 9",
        "k: would have fired 1 times (not: no_word 2, rests 1)",
        "event 3, message M: k → @ai",
        "… only the latest are told",
    ]


def test_rules_that_no_message_fires_are_told_only_if_there_are_no_others() -> None:
    daily = RuleVerdict(
        rule_id="daily", fires=False, why=Why.NOT_BY_MESSAGE, reason=TurnReason.SCHEDULE, text="by itself"
    )
    reply = RuleVerdict(rule_id="reply", fires=False, why=Why.NOT_ADDRESSED, reason=TurnReason.REPLY, text="no reply")
    both = Explanation(message_id=MESSAGE, verdicts=(daily, reply))
    assert list(explanation_lines(both, handle)) == ["– reply: no reply"]
    assert list(explanation_lines(Explanation(message_id=MESSAGE, verdicts=(daily,)), handle)) == ["– daily: by itself"]


def test_what_one_missed_stands_under_headings_with_where_it_was_said() -> None:
    point = SummaryPoint(id="p", section=Section.DECISIONS, text="Deploy.", sources=(MESSAGE,))
    caught = CatchUp(
        after_seq=1,
        from_seq=2,
        up_to_seq=9,
        messages=2,
        answers=1,
        people=(AccountId("A"),),
        points=(point,),
        method="extractive",
    )
    assert list(catch_up_lines(caught, handle)) == [
        "since event 1: 2 messages by @alice, 1 answers of AIs",
        "Decisions:",
        "  - Deploy. (message M)",
    ]
    nothing = caught.model_copy(update={"from_seq": 10})
    assert list(catch_up_lines(nothing, handle)) == ["nothing happened since"]


@pytest.mark.parametrize(
    ("unpriced", "over", "said"),
    [
        (0, 0, ""),
        (2, 0, ", 2 calls of unknown price"),
        (0, 3_300, ", 3,300 tokens more than were reserved"),
        (2, 3_300, ", 2 calls of unknown price, 3,300 tokens more than were reserved"),
    ],
)
def test_usage_tells_what_its_figures_do_not(unpriced: int, over: int, said: str) -> None:
    figures = UsageRow(
        key="m", calls=3, tokens_in=9, tokens_cached=4, tokens_out=1, cost_micros=0, unpriced_calls=unpriced
    )
    row = figures.model_copy(update={"tokens_over": over})
    report = UsageReport(since=AT, until=AT, currency="USD", group=UsageGroup.MODEL, rows=(row,), total=row)
    assert [line.partition("USD")[2] for line in usage_lines(report, handle)] == [said, said]


def test_a_plain_question_is_told_without_tokens() -> None:
    asked = UsedConversation(question=(MESSAGE,), previous=(MESSAGE, MESSAGE), previous_at_most=5, facts=1)
    manifest = Manifest(
        model="m",
        turn_id=TURN,
        ai_id=AI,
        from_seq=1,
        up_to_seq=2,
        summary_version=None,
        messages=(),
        tool_results=(),
        tools=(),
        budget_tokens=0,
        tokens=0,
        left_out=0,
        conversation=asked,
        prompt_sha256="a" * 64,
    )
    context = ContextPreview(
        ai_id=AI,
        model="m",
        persona="",
        budget_tokens=0,
        model_tokens=9,
        tokens=0,
        share=Share(),
        recent_tokens=0,
        summarise_at=0,
        from_seq=1,
        up_to_seq=2,
        conversation=asked,
    )
    told = [*manifest_lines(manifest), *context_lines(context, handle)]
    assert told[0] == "was given a plain question and no prompt: with it 2 earlier messages, 1 facts"
    assert "would be given a plain question and no prompt: with it 2 earlier messages, 1 facts" in told
    assert not [line for line in told if "tokens" in line]
