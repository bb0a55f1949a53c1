"""A room with people and AIs, driven through the real rules, and the prompt that its AI would get."""

from collections.abc import Sequence

from multiplayer.ai.brief import RoomBrief, brief_before
from multiplayer.ai.context import ContextInput, Prompt, build_prompt
from multiplayer.ai.prompts import rules_for
from multiplayer.ai.tokens import EstimatedTokens
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.inner_commands import CallTool, EndTurn, FinishTool, StartTool, StartTurn
from multiplayer.protocol.memory import Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnOutcome
from tests.support.playbook import START, Playbook, room_of

SECRET = b"the room's secret"
COUNTER = EstimatedTokens()
NO_TURN = TurnState(
    turn_id=TurnId("none"),
    ai_id=AccountId("bot"),
    askers=(AccountId("alice"),),
    messages=(),
    requested_at=START,
    requested_seq=1,
)


def scene() -> Playbook:
    return Playbook(room_of(alice="owner", bob="member", bot="ai", other="ai"))


def asked(book: Playbook, text: str, *, by: str = "alice", ai: str = "bot") -> TurnId:
    """Post a message that mentions the AI, let it start; return the turn."""
    events = book.given(by, PostMessage(text=f"@{ai} {text}"))
    turn_id = next(event.turn_id for event in events if isinstance(event, TurnRequested))
    book.given(ai, StartTurn(turn_id=turn_id, fence=1, pod="pod"))
    return turn_id


def calls(
    book: Playbook, turn_id: TurnId, call_id: str, *, name: str = "list_files", arguments: str = "{}"
) -> list[Event]:
    return book.given(
        "bot", CallTool(turn_id=turn_id, fence=1, call_id=CallId(call_id), name=name, arguments=arguments)
    )


def starts(book: Playbook, turn_id: TurnId, call_id: str) -> list[Event]:
    return book.given(
        "bot", StartTool(turn_id=turn_id, fence=1, call_id=CallId(call_id), tool_class=ToolClass.READ, sha256="a" * 64)
    )


def finishes(
    book: Playbook,
    turn_id: TurnId,
    call_id: str,
    text: str = "notes.md",
    *,
    is_ok: bool = True,
    code: str | None = None,
) -> list[Event]:
    done = FinishTool(turn_id=turn_id, fence=1, call_id=CallId(call_id), is_ok=is_ok, text=text, code=code)
    return book.given("bot", done)


def ends(
    book: Playbook, turn_id: TurnId, text: str = "done", outcome: TurnOutcome = TurnOutcome.DONE, *, ai: str = "bot"
) -> list[Event]:
    reason = "" if outcome is TurnOutcome.DONE else "a reason"
    return book.given(ai, EndTurn(turn_id=turn_id, fence=1, outcome=outcome, text=text, reason=reason))


def prompt_of(
    book: Playbook,
    events: Sequence[Event] | None = None,
    *,
    budget: int = 100_000,
    tools: tuple[ToolDefinition, ...] = (),
    summary: Summary | None = None,
    brief: RoomBrief | None = None,
    older: Sequence[Message] = (),
) -> Prompt:
    """Build what bot would be asked now, for the turn it runs."""
    turns = book.room.state.turns_of(AccountId("bot"))
    ai = book.room.state.members[AccountId("bot")]
    log = book.log if events is None else events
    return build_prompt(
        ContextInput(
            room_id=book.room.state.room.id,
            ai=ai,
            turn=turns[0] if turns else NO_TURN,
            events=log,
            summary=summary,
            brief=brief or brief_before(book.room.state, log, book.accounts),
            secret=SECRET,
            tools=tools,
            budget_tokens=budget,
            counter=COUNTER,
            model_name="a-model",
            rules=rules_for(ai.handle, ""),
            as_of=log[-1].at if log else START,
            accounts=book.accounts,
            older=older,
            facts={fact.id: fact for fact in book.room.state.notes.facts},
        )
    )


def check_sequence(messages: Sequence[PromptMessage]) -> None:
    """Fail unless a provider takes these messages: each call answered right after it, no answer without its call."""
    assert messages[0].role == "system"
    assert all(message.role != "system" for message in messages[1:])
    assert messages[-1].role in {"user", "tool"}
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call_id in waiting, "an answer without its call"
            waiting.remove(message.tool_call_id)
            continue
        assert not waiting, "a call without its answer"
        waiting = [call.id for call in message.tool_calls]
        assert len(set(waiting)) == len(waiting)
    assert not waiting
