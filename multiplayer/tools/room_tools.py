"""Tools that speak to the room: look up what was said, ask people, propose what to remember."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from multiplayer.protocol.cards import MAX_CHOICES, Form, Question, QuestionKind
from multiplayer.protocol.memory import MAX_FACT_CHARACTERS
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult

MAX_FOUND: Final = 20


class SearchRoom(Arguments):
    query: Annotated[
        str, Field(min_length=1, max_length=200, description="words that the messages contain, all of them")
    ]
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND, description="how many, newest first")] = 10


class AskedQuestion(Arguments):
    question: Annotated[str, Field(min_length=1, max_length=2_000)]
    choices: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=500)], ...],
        Field(max_length=MAX_CHOICES, strict=False, description="to choose from; none: a free answer"),
    ] = ()
    several: Annotated[bool, Field(description="more than one choice may be taken")] = False


class AskPeople(Arguments):
    text: Annotated[str, Field(max_length=4_000, description="what the questions are for, in a sentence")] = ""
    questions: Annotated[tuple[AskedQuestion, ...], Field(min_length=1, max_length=10, strict=False)]


class Remember(Arguments):
    text: Annotated[str, Field(min_length=1, max_length=MAX_FACT_CHARACTERS, description="one fact, in a sentence")]


class Forget(Arguments):
    fact: Annotated[str, Field(min_length=1, max_length=MAX_FACT_CHARACTERS, description="the fact's words, or a part")]


def room_tools() -> tuple[Tool[SearchRoom], Tool[AskPeople], Tool[Remember], Tool[Forget]]:
    return (
        Tool(
            name="search_room",
            description="Search the whole history of this room, beyond the messages shown. Newest first.",
            arguments=SearchRoom,
            tool_class=ToolClass.ROOM,
            run=_search,
        ),
        Tool(
            name="ask_people",
            description="Put questions to the people in the room as a form; the answers come as your next request.",
            arguments=AskPeople,
            tool_class=ToolClass.ROOM,
            run=_ask,
        ),
        Tool(
            name="remember",
            description="Propose a fact that the room should always know. A member accepts it or drops it.",
            arguments=Remember,
            tool_class=ToolClass.ROOM,
            run=_remember,
        ),
        Tool(
            name="forget",
            description="Propose that the room forgets one of its facts. A member accepts it or drops it.",
            arguments=Forget,
            tool_class=ToolClass.ROOM,
            run=_forget,
        ),
    )


async def _search(arguments: SearchRoom, context: ToolCallContext) -> ToolResult:
    return await context.at_desk().search(arguments.query, arguments.limit)


async def _ask(arguments: AskPeople, context: ToolCallContext) -> ToolResult:
    questions = tuple(
        Question(id=f"q{number}", text=asked.question, kind=_kind(asked), choices=asked.choices)
        for number, asked in enumerate(arguments.questions, start=1)
    )
    await context.at_desk().give_form(Form(text=arguments.text, questions=questions))
    return ToolResult(
        ok=True,
        text="The form will stand under your answer. End your turn now; what people answer comes as your next request.",
    )


def _kind(asked: AskedQuestion) -> QuestionKind:
    if not asked.choices:
        return QuestionKind.TEXT
    return QuestionKind.ANY_OF if asked.several else QuestionKind.ONE_OF


async def _remember(arguments: Remember, context: ToolCallContext) -> ToolResult:
    await context.at_desk().propose(text=arguments.text)
    return ToolResult(ok=True, text="Proposed. It is not remembered until a member of the room accepts it.")


async def _forget(arguments: Forget, context: ToolCallContext) -> ToolResult:
    desk = context.at_desk()
    wanted = " ".join(arguments.fact.split()).casefold()
    facts = await desk.facts()
    found = [fact_id for fact_id, text in facts.items() if wanted in text.casefold()]
    exact = [fact_id for fact_id in found if facts[fact_id].casefold() == wanted]
    chosen = exact or found
    if len(chosen) != 1:
        raise ToolRefused(
            ToolFault.NOT_FOUND if not chosen else ToolFault.NOT_UNIQUE,
            "the room has no such fact" if not chosen else f"{len(chosen)} facts have these words: say more of the one",
        )
    await desk.propose(fact_id=chosen[0])
    return ToolResult(ok=True, text="Proposed. It stays until a member of the room agrees.")
