"""What an AI's answer may hold besides words: cards of what it found, and forms that it asks people to fill in."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.values import Frozen, UtcTime

MAX_CARDS = 100
MAX_QUESTIONS = 20
MAX_CHOICES = 50

Line = Annotated[str, StringConstraints(max_length=500)]


class Card(Frozen):
    """One thing that was found, with where it comes from. All of it is what a site says, never an instruction."""

    title: Line
    url: Annotated[str, StringConstraints(max_length=2_000)] = ""
    """Where the title leads: an http or https address, or empty."""
    site: Line = ""
    text: Annotated[str, StringConstraints(max_length=2_000)] = ""
    score: float | None = None
    sources: Annotated[tuple[Annotated[str, StringConstraints(max_length=2_000)], ...], Field(max_length=10)] = ()
    """Further addresses that the site names as what it was made from."""


class QuestionKind(StrEnum):
    TEXT = "text"
    ONE_OF = "one_of"
    ANY_OF = "any_of"


class Question(Frozen):
    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    text: Annotated[str, StringConstraints(max_length=2_000)]
    kind: QuestionKind = QuestionKind.TEXT
    choices: Annotated[tuple[Line, ...], Field(max_length=MAX_CHOICES)] = ()


class FormAnswer(Frozen):
    """What was answered to one question: one text, or the chosen of several."""

    question_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    values: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=2_000)], ...], Field(min_length=1, max_length=MAX_CHOICES)
    ]


class Form(Frozen):
    """Questions to the room. Whoever may ask the AI may answer, once; the answers become its next request."""

    text: Annotated[str, StringConstraints(max_length=4_000)] = ""
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=MAX_QUESTIONS)]
    answers: tuple[FormAnswer, ...] = ()
    answered_by: AccountId | None = None
    answered_at: UtcTime | None = None


class Taint(StrEnum):
    """Where words come from that nobody in the room vouches for."""

    NLWEB = "nlweb"
    WEB = "web"
    MCP = "mcp"
    FILE = "file"
    GUEST = "guest"
    WEBHOOK = "webhook"
