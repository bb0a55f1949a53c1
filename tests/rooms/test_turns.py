"""Turns: asked for, collected, claimed, taken over, stopped, and ended exactly once."""

import pytest

from multiplayer.protocol.commands import AskAi, PostMessage, RemoveMember, SetRole, StopTurn
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import MessagePosted, SummaryUpdated
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.inner_commands import (
    CallTool,
    EndTurn,
    FinishTool,
    StartTool,
    StartTurn,
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings, ToolCallState
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import (
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason
from multiplayer.rooms.limits import RoomLimits
from tests.support.playbook import Playbook, points, room_of, such

ALICE, BOB, BOT = AccountId("alice"), AccountId("bob"), AccountId("bot")
CALL = CallId("call")


def room() -> Playbook:
    return Playbook(room_of(alice="owner", bob="member", carol="member", bot="ai", robot="ai"))


def done(turn_id: TurnId, text: str = "", *, fence: int = 1) -> EndTurn:
    return EndTurn(turn_id=turn_id, fence=fence, outcome=TurnOutcome.DONE, text=text)


def start(turn_id: TurnId, fence: int = 1) -> StartTurn:
    return StartTurn(turn_id=turn_id, fence=fence, pod="pod")


def call(turn_id: TurnId, call_id: CallId = CALL) -> CallTool:
    return CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="list_files", arguments="{}")


def start_tool(turn_id: TurnId) -> StartTool:
    return StartTool(turn_id=turn_id, fence=1, call_id=CALL, tool_class=ToolClass.READ, sha256="a" * 64)


def finish(turn_id: TurnId) -> FinishTool:
    return FinishTool(turn_id=turn_id, fence=1, call_id=CALL, is_ok=True, text="a.txt", exit_status=0)


def test_what_is_asked_of_a_waiting_ai_is_collected_into_its_one_waiting_turn() -> None:
    book = room()
    turn_id = book.asks("alice", "bot")
    assert (
        book
        >> ("bob", PostMessage(text="@bot and this"))
        << such(MessagePosted)
        << such(TurnCollected, turn_id=turn_id, actor_id="bob", reason=TurnReason.MENTION)
        >> ("bob", AskAi(ai_id=BOT))
        << such(TurnCollected, turn_id=turn_id, message_id=None, reason=TurnReason.ASKED)
        >> ("bob", AskAi(ai_id=AccountId("robot")))
        << such(TurnRequested, ai_id="robot")
    )
    turn = book.room.state.turns[turn_id]
    assert turn.askers == ("alice", "bob")
    assert turn.messages == tuple(book.messages)


def test_what_is_asked_of_a_running_ai_waits_for_the_next_turn() -> None:
    book = room()
    running = book.runs("alice", "bot")
    waiting = book.asks("bob", "bot")
    assert waiting != running
    assert (book >> ("bot", start(waiting))).refuses(RefusalCode.CONFLICT, "at another turn")
    assert (
        book
        >> ("bot", done(running))
        << such(TurnEnded, turn_id=running, outcome=TurnOutcome.DONE, message_id=None)
        >> ("bot", start(waiting))
        << such(TurnStarted, turn_id=waiting, fence=1, pod="pod")
    )


def test_asking_needs_an_ai_and_a_message_that_stands() -> None:
    book = room()
    assert (book >> ("alice", AskAi(ai_id=BOB))).refuses(RefusalCode.NOT_FOUND)
    assert (book >> ("alice", AskAi(ai_id=AccountId("x")))).refuses(RefusalCode.NOT_FOUND)
    lonely = Playbook(room_of(alice="owner"))
    assert (lonely >> ("alice", AskAi())).refuses(RefusalCode.NOT_FOUND)
    message_id = book.posts("bob", "hello")
    assert book >> ("alice", AskAi(message_id=message_id)) << such(TurnRequested, ai_id="bot", message_id=message_id)


def test_the_first_claim_wins_and_a_takeover_has_the_next_number() -> None:
    book = room()
    turn_id = book.asks("alice", "bot")
    for fence in (0, 2):
        assert (book >> ("bot", start(turn_id, fence))).refuses(RefusalCode.CONFLICT)
    book.given("bot", start(turn_id))
    assert (book >> ("bot", start(turn_id))).refuses(RefusalCode.CONFLICT, "first")
    assert book >> ("bot", start(turn_id, 2)) << such(TurnStarted, fence=2)


def test_who_was_fenced_off_can_do_nothing_more() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")
    book.given("bot", call(turn_id))
    book.given("bot", start(turn_id, 2))
    summary = UpdateSummary(turn_id=turn_id, fence=1, version=1, points=points("s"), up_to_seq=1, method="extractive")
    late: list[TurnCommand] = [call(turn_id, CallId("other")), start_tool(turn_id), finish(turn_id), summary]
    for command in [*late, done(turn_id, "late")]:
        assert (book >> ("bot", command)).refuses(RefusalCode.CONFLICT, "another pod holds this turn")
    assert book.room.state.turns[turn_id].calls == (ToolCallState(call_id=CALL, name="list_files", arguments="{}"),)
    assert book >> ("bot", done(turn_id, fence=2)) << such(TurnEnded)


def test_a_turn_that_waits_cannot_act_before_it_is_claimed() -> None:
    book = room()
    turn_id = book.asks("alice", "bot")
    for fence in (0, 1):
        assert (book >> ("bot", done(turn_id, fence=fence))).refuses(RefusalCode.CONFLICT)


@pytest.mark.parametrize("actor", ["alice", "bob", "robot"])
def test_only_its_own_ai_acts_in_a_turn(actor: str) -> None:
    book = room()
    turn_id = book.asks("alice", "bot")
    assert (book >> (actor, start(turn_id))).refuses(RefusalCode.FORBIDDEN)
    book.given("bot", start(turn_id))
    for command in (call(turn_id), done(turn_id, "as someone else")):
        assert (book >> (actor, command)).refuses(RefusalCode.FORBIDDEN)


def test_a_tool_is_called_started_and_finished_once() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")
    assert (book >> ("bot", start_tool(turn_id))).refuses(RefusalCode.CONFLICT, "no such call")
    assert book >> ("bot", call(turn_id)) << such(ToolCalled, call_id=CALL, name="list_files", arguments="{}")
    assert (book >> ("bot", call(turn_id))).refuses(RefusalCode.CONFLICT, "made already")
    assert book >> ("bot", start_tool(turn_id)) << such(ToolStarted, call_id=CALL)
    assert (book >> ("bot", start_tool(turn_id))).refuses(RefusalCode.CONFLICT, "started already")
    assert book >> ("bot", finish(turn_id)) << such(ToolFinished, is_ok=True, text="a.txt", exit_status=0)
    assert (book >> ("bot", finish(turn_id))).refuses(RefusalCode.CONFLICT, "no such call")
    assert book.room.state.turns[turn_id].steps == 1


def test_a_tool_of_someone_removed_meanwhile_does_not_start() -> None:
    book = room()
    turn_id = book.runs("bob", "bot")
    book.given("bot", call(turn_id))
    book.given("alice", RemoveMember(account_id=BOB))
    assert (book >> ("bot", start_tool(turn_id))).refuses(RefusalCode.FORBIDDEN)
    refused = FinishTool(turn_id=turn_id, fence=1, call_id=CALL, is_ok=False, text="refused", code="forbidden")
    assert book >> ("bot", refused) << such(ToolFinished, is_ok=False, code="forbidden")


def test_a_turn_has_the_lowest_role_of_those_who_asked_as_it_is_now() -> None:
    book = room()
    turn_id = book.asks("alice", "bot")
    state = book.room.state
    assert state.authority_of(state.turns[turn_id]) is Role.OWNER
    book.asks_again("bob", turn_id)
    assert state.authority_of(state.turns[turn_id]) is Role.MEMBER
    book.given("alice", SetRole(account_id=BOB, role=Role.GUEST))
    assert state.authority_of(state.turns[turn_id]) is Role.GUEST
    book.given("alice", RemoveMember(account_id=BOB))
    assert state.authority_of(state.turns[turn_id]) is None


def test_a_waiting_turn_that_is_stopped_ends_at_once() -> None:
    book = room()
    turn_id = book.asks("bob", "bot")
    assert (
        book
        >> ("bob", StopTurn(turn_id=turn_id))
        << such(TurnStopRequested, turn_id=turn_id)
        << such(TurnEnded, turn_id=turn_id, outcome=TurnOutcome.STOPPED, actor_id="bob", reason="stopped by a member")
    )
    assert (book >> ("bot", start(turn_id))).refuses(RefusalCode.CONFLICT, "ended")


def test_a_running_turn_that_is_stopped_starts_no_tool_and_is_ended_by_its_holder() -> None:
    book = room()
    turn_id = book.runs("bob", "bot")
    book.given("bot", call(turn_id))
    assert book >> ("alice", StopTurn(turn_id=turn_id)) << such(TurnStopRequested)
    assert (book >> ("alice", StopTurn(turn_id=turn_id))).refuses(RefusalCode.NO_CHANGE)
    assert (book >> ("bot", start_tool(turn_id))).refuses(RefusalCode.CONFLICT, "being stopped")
    stopped = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.STOPPED, text="so far")
    assert book >> ("bot", stopped) << such(MessagePosted, text="so far") << such(TurnEnded)


def test_a_member_stops_what_they_asked_for_whoever_asked_along_and_nothing_else() -> None:
    for who in ("bob", "carol", "alice"):
        book = room()
        turn_id = book.asks("bob", "bot")
        assert (book >> ("carol", StopTurn(turn_id=turn_id))).refuses(RefusalCode.FORBIDDEN)
        book.asks_again("carol", turn_id)
        assert book >> (who, StopTurn(turn_id=turn_id)) << such(TurnStopRequested) << such(TurnEnded)


def test_a_turn_ends_with_its_message_exactly_once() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")
    usage = TokenUsage(model="demo", tokens_in=10, tokens_cached=0, tokens_out=5)
    end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="hello @alice @all @robot", usage=usage)
    book >> ("bot", end)
    message_id = book.log[-2].id
    assert (
        book
        << such(MessagePosted, actor_id="bot", turn_id=turn_id, mentions=(ALICE, "robot"), mention_groups=())
        << such(TurnEnded, turn_id=turn_id, ai_id="bot", message_id=message_id, usage=usage)
    )
    assert book.room.state.turns == {}
    for command in (end, start(turn_id), call(turn_id)):
        assert (book >> ("bot", command)).refuses(RefusalCode.CONFLICT, "ended")
    assert (book >> ("alice", StopTurn(turn_id=turn_id))).refuses(RefusalCode.NOT_FOUND)


def test_a_turn_without_words_ends_without_a_message() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")
    assert book >> ("bot", done(turn_id, " \n")) << such(TurnEnded, message_id=None)


def test_what_was_asked_in_a_thread_is_answered_there_and_the_rest_in_the_open() -> None:
    book = room()
    root = book.posts("alice", "root")
    asked = book.posts("alice", "@bot?", reply_to=root)
    turn_id = next(iter(book.room.state.turns))
    book.given("bot", start(turn_id))
    book.asks("alice", "bot")
    assert (
        book
        >> ("bot", done(turn_id, "answer"))
        << such(MessagePosted, reply_to=asked, thread_root=root)
        << such(TurnEnded)
    )
    book.given("bot", start(next(iter(book.room.state.turns))))
    turn_id = next(iter(book.room.state.turns))
    assert (
        book
        >> ("bot", done(turn_id, "answer"))
        << such(MessagePosted, reply_to=None, thread_root=None)
        << such(TurnEnded)
    )


def test_an_answer_over_the_limit_is_cut_and_says_so() -> None:
    book = Playbook(room_of(alice="owner", bot="ai"), limits=RoomLimits(answer=10))
    turn_id = book.runs("alice", "bot")
    assert book >> ("bot", done(turn_id, "a" * 10)) << such(MessagePosted, text="a" * 10) << such(TurnEnded)
    turn_id = book.runs("alice", "bot")
    cut = "a" * 10 + "\n\n[cut: the answer was longer than a message may be]"
    assert book >> ("bot", done(turn_id, "a" * 11)) << such(MessagePosted, text=cut) << such(TurnEnded)


def test_a_summary_follows_on_the_one_before() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")

    def summary(version: int, up_to_seq: int = 2) -> UpdateSummary:
        return UpdateSummary(
            turn_id=turn_id, fence=1, version=version, points=points("s"), up_to_seq=up_to_seq, method="extractive"
        )

    assert (book >> ("bot", summary(1, up_to_seq=book.room.seq + 1))).refuses(RefusalCode.CONFLICT)
    for version in (0, 2):
        assert (book >> ("bot", summary(version))).refuses(RefusalCode.CONFLICT)
    assert book >> ("bot", summary(1)) << such(SummaryUpdated, version=1, up_to_seq=2)
    assert (book >> ("bot", summary(1))).refuses(RefusalCode.CONFLICT)
    assert (book >> ("bot", summary(2, up_to_seq=1))).refuses(RefusalCode.CONFLICT)
    assert book >> ("bot", summary(2)) << such(SummaryUpdated, version=2)


def test_the_default_ai_is_another_one_when_the_chosen_one_has_left() -> None:
    book = Playbook(room_of(alice="owner", bot="ai", robot="ai", settings=RoomSettings(default_ai=AccountId("robot"))))
    assert book.room.state.default_ai == "robot"
    book.given("alice", RemoveMember(account_id=AccountId("robot")))
    assert book.room.state.default_ai == "bot"
    book.given("alice", RemoveMember(account_id=BOT))
    assert book.room.state.default_ai is None
