"""What a terminal shows of a room."""

from collections.abc import Sequence

import pytest

from multiplayer.cli.chat_tools import LINE_CHARACTERS, LIVE_LINES, RESULT_LINES
from multiplayer.cli.chat_turns import STATUSES
from multiplayer.client import RoomWord
from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Card, Form, FormAnswer, Question, QuestionKind
from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    BudgetSet,
    FactForgotten,
    FactPinned,
    FormAnswered,
    MessagePosted,
    SummaryUpdated,
)
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.memory import Fact, Section, SummaryPoint
from multiplayer.protocol.messages import Answer, Message, MessageBody
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import AiCards, AiDelta, AiText, AiThinking, ToolOutput, TurnProgress
from multiplayer.protocol.timeline import fold_message, message_of
from multiplayer.protocol.turn_events import (
    ModelChanged,
    SteeringTaken,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnSteered,
)
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from tests.cli.shown import AI, ALICE, AT, CALL, HELPER, ROOM, TURN, Shown


def test_growing_words_are_one_line_and_are_not_said_again_by_the_message() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.delta(0, 0, "Let me ")
    shown.delta(1, 7, "see")
    shown.says("Let me see.", by=AI, turn_id=TURN)
    shown.ends(TurnOutcome.DONE)
    assert shown.lines == ["AI [AI]: Let me see.", ""]


def test_words_go_on_after_what_came_between() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.delta(0, 0, "One ")
    shown.says("I talk too")
    shown.screen.show(AiText(room_id=ROOM, turn_id=TURN, index=3, text="One two"))
    shown.says("One two three", by=AI, turn_id=TURN)
    first, between, last, _ = shown.lines
    assert first == "AI [AI]: One "
    assert between.endswith(" Alice [owner]: I talk too")
    assert last == "AI [AI]: … two three"


def test_a_turn_that_ends_ill_says_so() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.ends(TurnOutcome.FAILED, "the model is gone\x1b[2J")
    assert shown.lines[0] == "  · AI [AI] failed: the model is gone\\x1b[2J"


def test_nobody_becomes_an_ai_by_name_or_text() -> None:
    shown = Shown("AI [AI]\x1b[1m")
    shown.says("hi\nAI [AI]: do as alice says")
    first, second, _ = shown.lines
    assert first.endswith("AI [AI]\\x1b[1m @alice [owner]: hi")
    assert second == "    AI [AI]: do as alice says"


def test_markup_in_a_message_is_text() -> None:
    shown = Shown("Alice")
    shown.says("[red]not red[/red] :smile:")
    assert shown.lines[0].endswith("[red]not red[/red] :smile:")


FRAME = {"room_id": ROOM, "id": "E", "at": AT, "actor_id": AI, "turn_id": TURN, "call_id": CALL}


def calls_tool(shown: Shown, pieces: Sequence[str], result: str, *, exit_status: int, is_ok: bool = True) -> list[str]:
    """Let the AI use a tool that says `pieces` while it runs; return what was printed of it."""
    shown.asks()
    shown.screen.show(ToolCalled.model_validate({**FRAME, "seq": 4, "name": "run", "arguments": '{"a":\n1}'}))
    for index, piece in enumerate(pieces):
        shown.screen.show(ToolOutput(room_id=ROOM, turn_id=TURN, call_id=CALL, index=index, text=piece))
    shown.screen.show(
        ToolFinished.model_validate(
            {
                **FRAME,
                "seq": 5,
                "is_ok": is_ok,
                "text": result,
                "code": None if is_ok else "timeout",
                "exit_status": exit_status,
            }
        )
    )
    first, *rest, end = shown.lines
    assert first == '  ⚙ run {"a": 1}'
    assert end == ""
    return rest


def test_a_tool_shows_its_arguments_its_output_as_it_comes_and_how_it_ended() -> None:
    shown = calls_tool(Shown("Alice"), ["one\ntw", "o\n", "three\x07"], "all", exit_status=1, is_ok=False)
    assert shown == ["  │ one", "  │ two", "  │ three\\x07", "  ✗ run (exit 1) [timeout]"]


def test_what_a_call_was_told_and_brought_is_said_to_be_gone_when_it_was_deleted() -> None:
    shown = Shown("Alice")
    frame = {**FRAME, "turn_id": TURN, "call_id": CALL, "is_redacted": True}
    shown.screen.show(ToolCalled.model_validate({**frame, "seq": 4, "name": "search_room", "arguments": "{}"}))
    shown.screen.show(ToolFinished.model_validate({**frame, "seq": 5, "is_ok": True, "text": ""}))
    assert shown.lines[:3] == ["  ⚙ search_room (deleted since)", "  ✓ search_room", "  │ (deleted since)"]


def test_a_tool_that_ran_and_failed_is_not_ticked_off() -> None:
    assert calls_tool(Shown("Alice"), ["no\n"], "no", exit_status=3) == ["  │ no", "  ✗ run (exit 3)"]
    assert calls_tool(Shown("Alice"), ["yes\n"], "yes", exit_status=0) == ["  │ yes", "  ✓ run (exit 0)"]


def test_a_flood_of_output_is_a_few_lines_and_then_the_results_both_ends() -> None:
    flood = "".join(f"{number}\n" for number in range(100_000))
    pieces = [flood[at : at + 60_000] for at in range(0, len(flood), 60_000)]
    shown = calls_tool(Shown("Alice"), pieces, "\n".join(str(number) for number in range(1_000)), exit_status=0)
    assert shown[:LIVE_LINES] == [f"  │ {number}" for number in range(LIVE_LINES)]
    assert shown[LIVE_LINES : LIVE_LINES + 3] == ["  │ … more output; the result follows", "  ✓ run (exit 0)", "  │ 0"]
    assert shown[-2:] == ["  │ 998", "  │ 999"]
    result = shown[LIVE_LINES + 2 :]
    assert len(result) == RESULT_LINES + 1
    assert result[RESULT_LINES // 2] == f"  │ … {1_000 - RESULT_LINES} more lines"


@pytest.mark.parametrize("count", [LIVE_LINES - 1, LIVE_LINES])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_output_that_just_fits_is_whole_however_it_is_cut_and_not_shown_twice(count: int, size: int) -> None:
    text = "\n".join(str(number) for number in range(count)) + "\n"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    shown = calls_tool(Shown("Alice"), pieces, text, exit_status=0)
    assert shown == [*(f"  │ {number}" for number in range(count)), "  ✓ run (exit 0)"]


def test_a_line_without_an_end_is_cut() -> None:
    shown = calls_tool(Shown("Alice"), ["x" * 60_000] * 50, "", exit_status=0)
    assert shown == ["  │ " + "x" * LINE_CHARACTERS + "…", "  ✓ run (exit 0)"]


OTHER = TurnId("U")


def frame(by: AccountId = ALICE, **more: object) -> dict[str, object]:
    return {"room_id": ROOM, "seq": 2, "id": "E", "at": AT, "actor_id": by, **more}


def shows(shown: Shown, *words: RoomWord) -> list[str]:
    """Return the lines that these add."""
    before = len(shown.file.getvalue())
    for word in words:
        shown.screen.show(word)
    return shown.file.getvalue()[before:].splitlines()


def requested(turn_id: TurnId, reason: TurnReason, **more: object) -> TurnRequested:
    return TurnRequested.model_validate(frame(turn_id=turn_id, ai_id=AI, reason=reason) | more)


def test_who_waits_for_a_busy_ai_is_told_and_why() -> None:
    shown = Shown("Alice")
    assert shows(shown, requested(TURN, TurnReason.MENTION)) == []
    assert shows(shown, requested(OTHER, TurnReason.KEYWORD, rule_id="deploys")) == [
        "  · alice waits for AI [AI], behind 1 turn: a keyword fell (rule deploys)"
    ]
    collected = TurnCollected.model_validate(frame(turn_id=OTHER, ai_id=AI, reason=TurnReason.MENTION))
    assert shows(shown, collected) == ["  · alice waits for AI [AI], too: one turn answers both"]
    shown.ends(TurnOutcome.DONE)
    third = requested(TurnId("V"), TurnReason.SCHEDULE, rule_id="standup")
    assert shows(shown, third) == ["  · alice waits for AI [AI], behind 1 turn: it is time (rule standup)"]


def test_a_turn_that_nobody_saw_being_asked_for_says_why_it_begins() -> None:
    assert shows(Shown("Alice"), requested(TURN, TurnReason.SCHEDULE, rule_id="standup\x1b[1m")) == [
        "  · AI [AI] takes a turn for alice: it is time (rule standup\\x1b[1m)"
    ]
    assert shows(Shown("Alice"), requested(TURN, TurnReason.MENTION, on_behalf_of=(ALICE,), hops=1)) == [
        "  · Alice [owner] asks AI [AI], in the name of alice"
    ]


def test_steering_is_told_when_it_is_said_and_when_the_model_hears_it() -> None:
    shown = Shown("Alice")
    shown.asks()
    steered = TurnSteered.model_validate(frame(turn_id=TURN, ai_id=AI, reason=TurnReason.STEERED, message_id="M"))
    taken = SteeringTaken.model_validate(frame(AI, turn_id=TURN, messages=("M", "N")))
    assert shows(shown, steered, taken) == [
        "  · alice steers AI [AI]: it is told at its next step",
        "  · AI [AI] was told 2 messages and goes on",
    ]


def test_another_model_that_answers_is_named_and_why() -> None:
    shown = Shown("Alice")
    shown.asks()
    changed = ModelChanged.model_validate(
        frame(AI, turn_id=TURN, model="gpt-x", previous="DeepSeek", reason="could not be reached\n\x1b]0;x\x07")
    )
    assert shows(shown, changed) == [
        "  · DeepSeek could not answer (could not be reached \\x1b]0;x\\x07); gpt-x answers now"
    ]


def test_what_a_provider_says_of_its_work_is_told_once_and_not_for_ever() -> None:
    shown = Shown("Alice")
    shown.asks()

    def told(said: str) -> TurnProgress:
        return TurnProgress(room_id=ROOM, turn_id=TURN, phase="waiting", said=said)

    assert shows(shown, told("searching"), told("searching"), told("")) == ["  · AI [AI]: searching"]
    many = shows(shown, *(told(f"step {number}") for number in range(100)))
    assert len(many) == STATUSES - 1


def test_cards_are_shown_as_they_come_and_not_again_by_the_message() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.delta(0, 0, "Two soups:")
    first = Card(title="Borscht\x1b[31m", url="https://soup.example/\u202e1", site="soup\x07", text="Red.\nHot.")
    second = Card(title="Miso", sources=tuple(f"https://s.example/{n}" for n in range(5)))
    come = [AiCards(room_id=ROOM, turn_id=TURN, offset=0, cards=(first,))]
    assert shows(shown, *come) == [
        "",
        "  ▪ 1. Borscht\\x1b[31m  soup\\x07",
        "      https://soup.example/\\u202e1",
        "      Red. Hot.",
    ]
    body = MessageBody(id=MessageId("M"), text="Two soups:", turn_id=TURN, cards=(first, second))
    posted = MessagePosted.model_validate(frame(AI, message=body))
    assert shows(shown, *come, posted) == [
        "  ▪ 2. Miso",
        "      from https://s.example/0",
        "      from https://s.example/1",
        "      from https://s.example/2",
        "      … and 2 more sources",
    ]


FORM = Form(
    text="Before I search:",
    questions=(
        Question(id="q1", text="For how many?"),
        Question(id="q2", text="Which diet?", kind=QuestionKind.ONE_OF, choices=("vegan", "any\u202e")),
    ),
)


def answer_with_form(shown: Shown) -> MessagePosted:
    body = MessageBody(id=MessageId("M"), text="", turn_id=TURN, form=FORM)
    posted = MessagePosted.model_validate(frame(AI, message=body))
    shown.view.messages[body.id] = message_of(posted)
    return posted


def test_a_form_is_shown_with_numbered_questions_and_its_answers_beside_them() -> None:
    shown = Shown("Alice")
    assert shows(shown, answer_with_form(shown))[1:] == [
        "  ? Before I search:",
        "  ? 1. For how many?",
        "  ? 2. Which diet? (one of these)",
        "       1) vegan",
        "       2) any\\u202e",
        "  · /form fills it in",
    ]
    answers = (FormAnswer(question_id="q1", values=("four",)), FormAnswer(question_id="q2", values=("vegan",)))
    answered = FormAnswered.model_validate(frame(message_id="M", answers=answers))
    assert shows(shown, answered) == [
        "  · Alice [owner] filled in the form:",
        "      For how many? → four",
        "      Which diet? → vegan",
    ]


def test_another_answer_is_numbered_and_a_choice_says_which_one_stands_now() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.delta(0, 0, "Yes.")
    shown.says("Yes.", by=AI, turn_id=TURN)
    shown.ends(TurnOutcome.DONE)
    posted = MessagePosted.model_validate(frame(AI, message=MessageBody(id=MessageId("M"), text="Yes.", turn_id=TURN)))
    again = AnswerRegenerated.model_validate(
        frame(AI, message_id="M", revision=2, answer=Answer(turn_id=OTHER, at=AT, text="No, wait."))
    )
    chosen = AnswerChosen.model_validate(frame(message_id="M", revision=3, index=0))
    shown.view.messages[MessageId("M")] = fold_message(message_of(posted), again)
    lines = shows(
        shown,
        requested(OTHER, TurnReason.REGENERATE, replaces="M"),
        AiDelta(room_id=ROOM, turn_id=OTHER, index=0, offset=0, text="No, "),
        again,
    )
    assert lines == [
        "  · AI [AI] takes a turn for alice: it was asked to answer again",
        "AI [AI]: No, wait.",
        "  · this is answer 2; the ones before stay: /choose N",
    ]
    first, second = shows(shown, chosen)
    assert first == "  · Alice [owner] chose answer 1 of 2"
    assert second.endswith("AI [AI]: Yes.")


def test_memory_and_budgets_are_a_short_line_each() -> None:
    shown = Shown("Alice")
    shown.screen.know_currency("USD")
    fact = Fact(id="F", text="we deploy on\nFridays", by=ALICE, at=AT)
    point = SummaryPoint(id="p", section=Section.DECISIONS, text="x")
    budget = Budget(total=Caps(tokens_per_day=50_000), per_asker=Caps(micros_per_month=1_500_000))
    assert shows(
        shown,
        FactPinned.model_validate(frame(fact=fact)),
        FactForgotten.model_validate(frame(fact_id="F")),
        SummaryUpdated.model_validate(frame(AI, version=3, points=(point,), up_to_seq=57, method="extractive")),
        SummaryUpdated.model_validate(frame(version=4, points=(), up_to_seq=57, method="edited", edited_by=ALICE)),
        BudgetSet.model_validate(frame(budget=budget)),
    ) == [
        "  · Alice [owner] pinned a fact: we deploy on\\nFridays",
        "  · Alice [owner] let a fact be forgotten",
        "  · summary version 3: 1 point up to event 57, extractive",
        "  · summary version 4: 0 points up to event 57, edited by Alice [owner]",
        "  · Alice [owner] set the room's budget: 50,000 tokens a day, 1.50 USD a month for each asker",
    ]


@pytest.mark.parametrize("currency", ["", "USD"])
def test_what_a_turn_cost_is_told_to_those_who_know_the_currency(currency: str) -> None:
    shown = Shown("Alice")
    shown.screen.know_currency(currency)
    shown.asks()
    usage = TokenUsage(model="deepseek-chat", tokens_in=1_200, tokens_cached=960, tokens_out=96)
    ended = TurnEnded.model_validate(frame(AI, turn_id=TURN, ai_id=AI, outcome="done", usage=usage))
    assert shows(shown, ended) == []
    before = len(shown.file.getvalue())
    shown.screen.cost(usage)
    shown.screen.cost(usage.model_copy(update={"cost_micros": 423}))
    told = ["  · deepseek-chat: 1,200 tokens in (80 % from the cache), 96 out, 0.000423 USD"]
    assert shown.file.getvalue()[before:].splitlines() == (told if currency else [])
    assert shown.screen.tells_costs == bool(currency)


def test_a_room_that_is_opened_shows_the_queue_and_which_answer_stands() -> None:
    waiting = TurnState(
        turn_id=TURN, ai_id=AI, askers=(ALICE,), messages=(), requested_at=AT, requested_seq=1, reason=TurnReason.EVERY
    )
    message = Message(
        id=MessageId("M"),
        seq=1,
        author_id=AI,
        at=AT,
        text="No.",
        alternatives=(Answer(turn_id=TURN, at=AT, text="Yes."), Answer(turn_id=OTHER, at=AT, text="No.")),
        chosen=1,
    )
    shown = Shown("Alice", turns=(waiting,), messages=(message,))
    shown.screen.open()
    _, said, queue, _ = shown.lines
    assert said.endswith("AI [AI]: No. (answer 2 of 2)")
    assert queue == "  · AI [AI] will answer alice: so many messages were written"


def delta(turn_id: TurnId, offset: int, text: str) -> AiDelta:
    return AiDelta(room_id=ROOM, turn_id=turn_id, index=offset, offset=offset, text=text)


def answer(by: AccountId, turn_id: TurnId, text: str) -> tuple[MessagePosted, TurnEnded]:
    body = MessageBody(id=MessageId("M"), text=text, turn_id=turn_id)
    return (
        MessagePosted.model_validate(frame(by, message=body)),
        TurnEnded.model_validate(frame(by, turn_id=turn_id, ai_id=by, outcome="done")),
    )


def two_at_once(shown: Shown) -> None:
    asked = requested(TURN, TurnReason.MENTION), requested(OTHER, TurnReason.MENTION, ai_id=HELPER)
    assert shows(shown, *asked) == []


def test_of_two_ais_that_answer_at_once_the_words_of_one_wait_until_the_other_has_ended() -> None:
    shown = Shown("Alice")
    two_at_once(shown)
    pieces = delta(TURN, 0, "One "), delta(OTHER, 0, "Eins "), delta(TURN, 4, "two "), delta(OTHER, 5, "zwei ")
    assert shows(shown, *pieces) == ["AI [AI]: One two "]
    assert shows(shown, *answer(AI, TURN, "One two three.")) == ["three."]
    assert shows(shown, delta(OTHER, 10, "drei.")) == ["Helper [AI]: Eins zwei drei."]
    assert shows(shown, *answer(HELPER, OTHER, "Eins zwei drei.")) == [""]


def test_an_answer_that_is_done_while_another_goes_on_is_shown_whole_and_once() -> None:
    shown = Shown("Alice")
    two_at_once(shown)
    shows(shown, delta(TURN, 0, "One "), delta(OTHER, 0, "Eins "))
    _, whole = shows(shown, *answer(HELPER, OTHER, "Eins zwei."))
    assert whole.endswith(" Helper [AI]: Eins zwei.")
    assert shows(shown, delta(TURN, 4, "two")) == ["AI [AI]: … two"]


def test_while_one_ai_works_with_a_tool_another_may_speak() -> None:
    shown = Shown("Alice")
    two_at_once(shown)
    shows(shown, delta(TURN, 0, "Let me see."), delta(OTHER, 0, "Eins "))
    called = ToolCalled.model_validate({**FRAME, "seq": 4, "name": "run", "arguments": "{}"})
    assert shows(shown, called) == ["", "  ⚙ run {}"]
    assert shows(shown, delta(OTHER, 5, "zwei")) == ["Helper [AI]: Eins zwei"]
    assert shows(shown, delta(TURN, 11, " Done.")) == []
    assert shows(shown, *answer(HELPER, OTHER, "Eins zwei"), delta(TURN, 17, "!")) == ["", "AI [AI]: …  Done.!"]


def thought(text: str, turn_id: TurnId = TURN) -> AiThinking:
    return AiThinking(room_id=ROOM, turn_id=turn_id, text=text)


def test_thinking_is_one_row_that_grows_and_is_gone_when_the_answer_begins() -> None:
    shown = Shown("Alice", is_terminal=True)
    shown.asks()
    shown.screen.show(thought("Soup, "))
    wipe = "\r\x1b[2K"
    assert shown.file.getvalue() == "  · AI [AI] thinks: Soup,"
    shown.now_s += 3.6
    shown.screen.show(thought("or\nbread? \x1b[31m"))
    assert shown.file.getvalue().split(wipe)[1:] == ["  · AI [AI] thinks: Soup, or bread? \\x1b[31m"]
    shown.screen.show(thought("so " * 2_000))
    row = shown.file.getvalue().split(wipe)[-1]
    assert len(row) == 79
    assert row.startswith("  · AI [AI] thinks: ")
    before = len(shown.file.getvalue())
    shown.screen.show(delta(TURN, 0, "Soup."))
    assert shown.file.getvalue()[before:] == f"{wipe}  · AI [AI] thought for 4 s\nAI [AI]: Soup."
    shown.screen.show(thought("hm"))
    assert shown.file.getvalue().endswith("Soup."), "an unfinished line is left alone"


def test_into_a_pipe_only_how_long_it_thought_is_written() -> None:
    shown = Shown("Alice")
    shown.asks()
    assert shows(shown, thought("Soup, "), thought("or bread?")) == []
    assert shows(shown, delta(TURN, 0, "Soup.")) == ["  · AI [AI] thought for 1 s", "AI [AI]: Soup."]


def test_a_turn_that_only_thought_says_so_when_it_ends() -> None:
    shown = Shown("Alice")
    shown.asks()
    shown.screen.show(thought("Soup, "))
    shown.now_s += 61
    before = len(shown.file.getvalue())
    shown.ends(TurnOutcome.STOPPED)
    assert shown.file.getvalue()[before:].splitlines() == ["  · AI [AI] thought for 61 s", "  · AI [AI] stopped"]
