"""What a terminal shows of a room."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from rich.console import Console

from multiplayer.cli.chat_screen import LINE_CHARACTERS, LIVE_LINES, RESULT_LINES, Screen
from multiplayer.client.view import View
from multiplayer.protocol.events import MessagePosted, ToolCalled, ToolFinished, TurnEnded, TurnRequested
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings, RoomView, Snapshot
from multiplayer.protocol.signals import AiDelta, AiText, ToolOutput
from multiplayer.protocol.turns import TurnOutcome, TurnReason

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ROOM, ALICE, AI, TURN, CALL = RoomId("R"), AccountId("A"), AccountId("I"), TurnId("T"), CallId("C")


def member(account_id: AccountId, kind: AccountKind, handle: str, name: str, role: Role) -> Member:
    return Member(
        account_id=account_id, kind=kind, handle=handle, display_name=name, role=role, joined_at=AT, joined_seq=1
    )


class Shown:
    """A screen whose output is read back."""

    def __init__(self, name: str) -> None:
        self.file = io.StringIO()
        snapshot = Snapshot(
            room=RoomView(id=ROOM, kind=RoomKind.ROOM, name="demo", topic="", settings=RoomSettings(), created_at=AT),
            seq=1,
            members=(
                member(ALICE, AccountKind.HUMAN, "alice", name, Role.OWNER),
                member(AI, AccountKind.AI, "ai", "AI", Role.AI),
            ),
            pins=(),
            turns=(),
            messages=(),
        )
        view = View(snapshot)
        self.screen = Screen(Console(file=self.file, width=80, highlight=False), lambda: view)

    def says(self, text: str, *, by: AccountId = ALICE, turn_id: TurnId | None = None) -> None:
        body = MessageBody(id=MessageId("M"), text=text, turn_id=turn_id)
        self.screen.show(MessagePosted(room_id=ROOM, seq=2, id="M", at=AT, actor_id=by, message=body))

    def asks(self) -> None:
        self.screen.show(
            TurnRequested(
                room_id=ROOM, seq=3, id="E", at=AT, actor_id=ALICE, turn_id=TURN, ai_id=AI, reason=TurnReason.ASKED
            )
        )

    def delta(self, index: int, offset: int, text: str) -> None:
        self.screen.show(AiDelta(room_id=ROOM, turn_id=TURN, index=index, offset=offset, text=text))

    def ends(self, outcome: TurnOutcome, reason: str = "") -> None:
        self.screen.show(
            TurnEnded(
                room_id=ROOM, seq=9, id="E", at=AT, actor_id=AI, turn_id=TURN, ai_id=AI, outcome=outcome, reason=reason
            )
        )

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().split("\n")


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
