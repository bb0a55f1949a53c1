"""What a terminal shows of changed files, undo, proposals and background jobs."""

from multiplayer.cli.chat_files import DIFF_LINES, SHOWN, diff_lines
from multiplayer.cli.chat_tools import LIVE_LINES
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.memory import Proposal
from multiplayer.protocol.signals import JobOutput
from multiplayer.protocol.tools import ChangeKind, FileChange
from multiplayer.protocol.turn_events import (
    ChangeProposed,
    FilesChanged,
    ProposalDecided,
    TurnEnded,
    TurnRequested,
    TurnUndone,
    UndoRequested,
)
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from tests.cli.shown import AI, ALICE, AT, BOB, CAROL, ROOM, TURN, Shown

MINUS = "\N{MINUS SIGN}"
CHANGES = (
    FileChange(path="a.txt", kind=ChangeKind.CHANGED, is_text=True, added_lines=3, removed_lines=1),
    FileChange(path="new\x1b.py", kind=ChangeKind.ADDED, is_text=True, added_lines=2),
    FileChange(path="x.bin", kind=ChangeKind.REMOVED, before="a" * 64),
)


def changes(shown: Shown, **more: object) -> None:
    shown.happens(TurnRequested, BOB, turn_id=TURN, ai_id=AI, reason=TurnReason.MENTION)
    fields: dict[str, object] = {"turn_id": TURN, "call_id": "C", "changes": CHANGES, "before": "b", "after": "a"}
    shown.happens(FilesChanged, AI, **{**fields, "asked_by": (BOB,), **more})


def test_changed_files_are_told_with_asker_ai_and_approver() -> None:
    shown = Shown("Alice")
    changes(shown, approved_by=(CAROL,), more=2, taint=(Taint.WEB,))
    assert shown.lines == [
        "  ± 5 files changed by AI [AI], asked by bob, approved by carol",
        f"    a.txt +3 {MINUS}1",
        "    new\\x1b.py added +2",
        "    x.bin removed (not text)",
        "    … and 2 more",
        "  · words from outside the room were in this turn: web",
        "  · /diff shows it line by line, /undo puts it back",
        "",
    ]


def test_who_may_not_undo_is_not_told_to() -> None:
    shown = Shown("Alice", me=BOB)
    changes(shown, asked_by=(ALICE,))
    assert shown.lines[-2] == "  · /diff shows it line by line"


def test_what_a_person_changed_by_hand_is_no_turn() -> None:
    shown = Shown("Alice")
    many = tuple(FileChange(path=f"{number}", kind=ChangeKind.ADDED) for number in range(SHOWN + 5))
    shown.happens(FilesChanged, BOB, changes=many, before="b", after="a")
    assert shown.lines[0] == f"  ± {SHOWN + 5} files changed by Bob [member]"
    assert shown.lines[-2] == "    … and 5 more"


def test_an_undo_says_what_was_put_back_or_why_not() -> None:
    shown = Shown("Alice")
    changes(shown)
    shown.happens(TurnEnded, AI, turn_id=TURN, ai_id=AI, outcome=TurnOutcome.DONE)
    start = len(shown.lines) - 1
    shown.happens(UndoRequested, ALICE, turn_id=TURN)
    shown.happens(TurnUndone, ALICE, turn_id=TURN, is_ok=False, reason="others were here", conflicts=("a.txt",))
    shown.happens(UndoRequested, ALICE, turn_id=TURN, keeps_others=True)
    back = (FileChange(path="new.py", kind=ChangeKind.REMOVED, is_text=True, removed_lines=2),)
    shown.happens(TurnUndone, ALICE, turn_id=TURN, is_ok=True, changes=back, conflicts=("a.txt",))
    assert shown.lines[start:] == [
        "  · Alice [owner] undoes what AI [AI] changed",
        "  ✗ nothing was put back: others were here",
        "  · changed by others since: a.txt",
        "  · /undo keep leaves that alone and puts back the rest",
        "  · Alice [owner] undoes what AI [AI] changed; what others changed since stays",
        "  ↶ 1 file put back",
        f"    new.py removed {MINUS}2",
        "  · left as others changed it since: a.txt",
        "",
    ]


def test_a_diff_cannot_command_the_terminal_and_ends() -> None:
    lines = [line.plain for line in diff_lines("--- a\n+++ b\n@@ -1 +1 @@\n-\told\x1b[2J\r\n+new\n")]
    assert lines == ["  --- a", "  +++ b", "  @@ -1 +1 @@", r"  -       old\x1b[2J\r", "  +new"]
    many = [line.plain for line in diff_lines("+x\n" * (DIFF_LINES + 7))]
    assert (len(many), many[-1]) == (DIFF_LINES + 1, "  … 7 more lines")


def test_what_an_ai_would_remember_is_shown_with_what_to_type() -> None:
    shown = Shown("Alice")
    proposal = Proposal(id="P", by=AI, at=AT, text="we are\x1b vegan", taint=(Taint.WEB,))
    shown.happens(ChangeProposed, AI, turn_id=TURN, proposal=proposal)
    shown.happens(ProposalDecided, ALICE, proposal_id="P", is_accepted=True)
    assert shown.lines == [
        "  ⚑ 1. AI [AI] would like to remember: we are\\x1b vegan",
        "  · words from outside the room were in its turn: web",
        "  · /accept or /drop",
        "  · Alice [owner] accepted what was proposed",
        "",
    ]


def test_the_output_of_a_background_job_is_live_and_bounded() -> None:
    shown = Shown("Alice")
    text = "".join(f"{number}\n" for number in range(LIVE_LINES + 100))
    for index in range(3):
        shown.screen.show(JobOutput(room_id=ROOM, job_id="0a1b", index=index, text=text))
    assert shown.lines[0] == "  │ job 0a1b: 0"
    assert len(shown.lines) == LIVE_LINES + 2
    assert shown.lines[-2] == "  │ job 0a1b: … more output; /jobs tells how it goes"
