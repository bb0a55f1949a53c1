"""What answers and summaries of the contract's rooms hold."""

from collections.abc import Sequence

from ulid import ULID

from multiplayer.protocol.cards import Card, Form, FormAnswer, Question
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Section, SummaryPoint


def cards(text: str) -> tuple[Card, ...]:
    return (Card(title=text, url="https://example.org/a", site="s", text=f"about {text}", score=0.5), Card(title="b"))


def form(text: str) -> Form:
    return Form(text=text, questions=(Question(id="q", text=text),))


def form_answer(text: str) -> FormAnswer:
    return FormAnswer(question_id="q", values=(text,))


def point(text: str, sources: Sequence[MessageId] = (), by: AccountId | None = None) -> SummaryPoint:
    return SummaryPoint(id=str(ULID()), section=Section.FACTS, text=text, sources=tuple(sources), by=by)
