"""What a terminal shows of calls that wait for people: the whole call, made safe to read, and who may decide."""

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.cli.chat_approvals import CLASSES, argument_lines, limits_in_words
from multiplayer.client import Refused
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.signals import AiDelta
from multiplayer.protocol.tools import CallLimits, Decider, ToolClass
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TurnReason
from tests.cli.shown import AI, ALICE, AT, BOB, CAROL, HELPER, ROOM, TURN, Shown

RUN = '{"command": "python3 -m unittest"}'


def asked(shown: Shown, call_id: str = "C", arguments: str = RUN, **card: object) -> None:
    """Let bob's turn call a tool that waits for people."""
    if TURN not in shown.view.turns:
        shown.happens(TurnRequested, BOB, turn_id=TURN, ai_id=AI, reason=TurnReason.MENTION)
        shown.happens(TurnStarted, AI, turn_id=TURN, fence=1, pod="p")
    shown.happens(ToolCalled, AI, turn_id=TURN, call_id=call_id, name="execute_command", arguments=arguments)
    given_card: dict[str, object] = {
        "tool_class": ToolClass.TERMINAL,
        "sha256": call_id.lower() * 64,
        "decider": Decider.ADMIN,
        "needed": 1,
        "reason": "an admin of the room must approve this",
        "expires_at": AT + timedelta(minutes=10),
    }
    shown.happens(ApprovalRequested, AI, turn_id=TURN, call_id=call_id, **{**given_card, **card})


def decides(shown: Shown, by: AccountId, call_id: str = "C", *, is_approved: bool = True) -> None:
    shown.happens(ApprovalDecided, by, turn_id=TURN, call_id=call_id, is_approved=is_approved)


def test_a_card_says_who_asked_what_exactly_and_who_decides_until_when() -> None:
    shown = Shown("Alice")
    asked(shown)
    until = f"{(AT + timedelta(minutes=10)).astimezone():%H:%M}"
    assert shown.lines[1:] == [
        "  ⚠ 1. AI [AI] wants to use execute_command · asked by bob",
        "  │ command: python3 -m unittest",
        "  · it runs a command in the sandbox, without network; an admin of the room must approve this",
        f"  · an admin or the owner decides, until {until}",
        "  · a yes is for this very call, once; it says nothing about what is in the files that it runs",
        "  · /approve or /reject",
        "",
    ]
    assert set(CLASSES) == set(ToolClass)


def test_who_may_not_decide_is_told_for_whom_it_waits() -> None:
    shown = Shown("Alice", me=BOB)
    asked(shown)
    assert shown.lines[-2] == "  · it waits for an admin or the owner of the room"
    shown = Shown("Alice", me=BOB)
    asked(shown, decider=Decider.ASKER)
    assert shown.lines[-2] == "  · /approve or /reject"
    assert "whoever asked, an admin or the owner decides" in shown.lines[-4]


def test_it_can_take_several_people() -> None:
    shown = Shown("Alice")
    asked(shown, needed=2)
    assert "  · 2 of these must approve: an admin or the owner, until" in "\n".join(shown.lines)
    decides(shown, ALICE)
    assert shown.lines[-2] == "  · Alice [owner] approved the call of execute_command; it takes 1 more"
    decides(shown, CAROL)
    assert shown.lines[-2] == "  · Carol [admin] approved the call of execute_command"


def test_a_no_and_a_time_out_are_said() -> None:
    shown = Shown("Alice")
    asked(shown)
    decides(shown, CAROL, is_approved=False)
    assert shown.lines[-2] == "  · Carol [admin] rejected the call of execute_command: it does not run"
    asked(shown, "D")
    shown.happens(ApprovalExpired, AI, turn_id=TURN, call_id="D")
    assert shown.lines[-2] == "  · nobody decided about the call of execute_command in time: it does not run"


def joined(before: Shown) -> Shown:
    """Begin a chat in the room as it is now."""
    shown = Shown("Alice", turns=tuple(before.view.turns.values()))
    shown.screen.open()
    return shown


def test_what_waits_when_a_chat_begins_is_shown_and_can_be_decided() -> None:
    before = Shown("Alice")
    asked(before)
    shown = joined(before)
    assert "  │ command: python3 -m unittest" in shown.lines
    assert shown.work.call_meant("", "/approve").call.call_id == "C"


def test_a_call_that_waits_when_a_chat_begins_is_named_as_waiting_and_by_its_own_name_to_its_end() -> None:
    before = Shown("Alice")
    asked(before)
    shown = joined(before)
    assert shown.lines[1:4] == [
        '  ⚙ execute_command (waits for approval) {"command": "python3 -m unittest"}',
        "  ⚠ 1. AI [AI] wants to use execute_command · asked by bob",
        "  │ command: python3 -m unittest",
    ]
    assert not [line for line in shown.lines if "✓" in line]
    decides(shown, ALICE)
    shown.happens(ToolStarted, AI, turn_id=TURN, call_id="C")
    again = joined(shown)
    assert again.lines[1] == '  ⚙ execute_command (at work) {"command": "python3 -m unittest"}'
    for chat in (shown, again):
        chat.happens(ToolFinished, AI, turn_id=TURN, call_id="C", is_ok=True, text="OK", exit_status=0)
        assert "  ✓ execute_command (exit 0)" in chat.lines


def test_while_a_call_waits_when_a_chat_begins_other_turns_are_heard() -> None:
    before = Shown("Alice")
    asked(before)
    before.happens(TurnRequested, ALICE, turn_id="T2", ai_id=HELPER, reason=TurnReason.MENTION)
    before.happens(TurnStarted, HELPER, turn_id="T2", fence=1, pod="p")
    first, second = before.view.turns.values()
    shown = Shown("Alice", turns=(first.model_copy(update={"text": "I run the tests."}), second))
    shown.screen.open()
    shown.screen.show(AiDelta(room_id=ROOM, turn_id=TurnId("T2"), index=0, offset=0, text="Good morning"))
    assert "Good morning" in shown.lines[-1]


def test_a_card_says_how_long_the_call_may_run_and_with_how_much() -> None:
    shown = Shown("Alice")
    asked(shown, limits={"wall_s": 3600.0, "memory_bytes": 1536 * 2**20, "output_bytes": 10 * 2**20})
    said = "  · it may run for up to 1 h, with up to 1.5 GiB of memory and 10 MiB of output"
    assert said in shown.lines
    assert said in joined(shown).lines


@pytest.mark.parametrize(
    ("wall_s", "words"),
    [(120.0, "2 min"), (5_430.0, "1 h 30 min 30 s"), (30.2, "31 s"), (0.01, "1 s"), (86_400.0, "24 h")],
)
def test_how_long_a_call_may_run_is_never_told_as_less_than_it_is(wall_s: float, words: str) -> None:
    assert limits_in_words(CallLimits(wall_s=wall_s)) == f"it may run for up to {words}"


def test_a_card_from_before_limits_were_told_says_nothing_of_them() -> None:
    shown = Shown("Alice")
    asked(shown)
    assert not [line for line in shown.lines if "may run" in line]
    card = shown.view.waiting_approvals[0].card
    assert card.limits is None
    assert "limits" not in card.model_dump_json()


def test_an_answer_without_a_number_is_never_for_a_call_that_came_meanwhile() -> None:
    shown = Shown("Alice")
    asked(shown)
    decides(shown, CAROL, is_approved=False)
    shown.happens(ToolFinished, AI, turn_id=TURN, call_id="C", is_ok=False, text="", code="not_approved")
    asked(shown, "D")
    assert shown.lines[-2] == "  · /approve 2 or /reject 2"
    with pytest.raises(Refused, match="another call is gone meanwhile; look at this one, and then: /approve 2"):
        shown.work.call_meant("", "/approve")
    assert shown.work.call_meant("", "/approve").call.call_id == "D"


def test_a_call_of_a_turn_that_is_being_stopped_waits_no_longer() -> None:
    shown = Shown("Alice")
    asked(shown)
    shown.happens(TurnStopRequested, BOB, turn_id=TURN)
    assert shown.view.waiting_approvals == ()
    with pytest.raises(Refused, match="no call waits"):
        shown.work.call_meant("1", "/approve")


def test_of_several_that_wait_one_is_named_by_its_number_which_stays_its_own() -> None:
    shown = Shown("Alice")
    asked(shown)
    asked(shown, "D")
    assert shown.lines[-2] == "  · /approve 2 or /reject 2"
    with pytest.raises(Refused, match="2 wait; say which: /approve 1, /approve 2"):
        shown.work.call_meant("", "/approve")
    decides(shown, ALICE)
    assert shown.work.call_meant("2", "/approve").call.call_id == "D"
    with pytest.raises(Refused, match="no call 1 waits"):
        shown.work.call_meant("1", "/approve")


def test_a_call_that_has_come_and_is_not_shown_yet_cannot_be_decided() -> None:
    shown = Shown("Alice")
    before = len(shown.lines)
    quiet = Shown("Alice")
    asked(quiet)
    shown.view = quiet.view
    assert len(shown.lines) == before
    with pytest.raises(Refused, match="no call waits"):
        shown.work.call_meant("", "/approve")


def test_nothing_in_a_call_hides_or_passes_for_something_else() -> None:
    command = "ls\u202e gpj.exe\u200b\u00a0\u3164\x1b[2J\r\ncwd: /safe\n  · /approve"
    shown = Shown("Alice")
    asked(shown, arguments=json.dumps({"command": command, "limits": {"wall_s": 5}}))
    at = shown.lines.index("  ⚠ 1. AI [AI] wants to use execute_command · asked by bob")
    assert shown.lines[at + 1 : at + 6] == [
        "  │ command: ",
        r"  │     ls\u202e gpj.exe\u200b\xa0\u3164\x1b[2J\r",
        "  │     cwd: /safe",
        "  │       · /approve",
        '  │ limits: {"wall_s": 5}',
    ]


def test_arguments_that_say_a_thing_twice_are_shown_as_they_are() -> None:
    twice = '{"command": "ls", "command": "rm -rf ."}'
    assert [line.plain for line in argument_lines(twice)] == [twice]
    assert [line.plain for line in argument_lines("no json\x07")] == [r"no json\x07"]
    assert [line.plain for line in argument_lines("")] == ["(what it is told is not shown to you)"]


def test_a_long_line_is_whole_and_no_part_of_it_begins_where_a_line_of_the_chat_does() -> None:
    shown = Shown("Alice", is_terminal=True)
    command = "echo " + "字" * 100 + " " * 60 + "alice [owner]: this is fine, /approve it"
    asked(shown, arguments=json.dumps({"command": command}))
    rows = [line for line in shown.lines if line.startswith(("  │ ", "  ┆ "))]
    assert "".join(row[4:] for row in rows) == f"command: {command}"
    assert len(rows) > 3


_WRITTEN = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[rtn]")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\\"), max_size=60))
def test_whatever_a_command_holds_its_card_prints_and_can_be_read_back_to_the_letter(command: str) -> None:
    first, *others = [line.plain for line in argument_lines(json.dumps({"command": command}))]
    assert all(line.isprintable() for line in (first, *others))
    shown = "\n".join(line.removeprefix("    ") for line in others) if others else first.removeprefix("command: ")
    assert _WRITTEN.sub(lambda found: found[0].encode().decode("unicode_escape"), shown) == command
