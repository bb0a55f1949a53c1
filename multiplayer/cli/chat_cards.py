"""Cards that an AI found and forms that it asks people to fill in, as lines of a terminal."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from multiplayer.cli.visible import shortened, visible
from multiplayer.protocol.cards import Card, Form, FormAnswer, QuestionKind

TITLE = 200
WORDS = 400
SOURCES = 3
"""Shown of a card; a site may name more than anybody reads in a terminal."""
_TAKES = {QuestionKind.TEXT: "", QuestionKind.ONE_OF: " (one of these)", QuestionKind.ANY_OF: " (any of these)"}


def card_lines(card: Card, number: int) -> Iterator[Text]:
    title = Text(f"  ▪ {number}. ", "cyan").append(shortened(card.title, TITLE), "bold cyan")
    yield title.append(f"  {shortened(card.site, TITLE)}" if card.site else "", "dim")
    # An address is shown as it is, so that what is seen is what would be opened; never as a terminal's own link.
    if card.url:
        yield Text(f"      {visible(card.url)}", "blue")
    if card.text:
        yield Text(f"      {shortened(card.text, WORDS)}")
    for source in card.sources[:SOURCES]:
        yield Text(f"      from {visible(source)}", "dim")
    if len(card.sources) > SOURCES:
        yield Text(f"      … and {len(card.sources) - SOURCES} more sources", "dim")


def form_lines(form: Form, filled_in_by: str = "") -> Iterator[Text]:
    """Show the questions, numbered, and what was answered if somebody did."""
    if form.text:
        yield Text(f"  ? {shortened(form.text, WORDS)}", "yellow")
    if form.answered_by is not None:
        yield Text(f"  · filled in by {visible(filled_in_by)}", "dim")
        yield from answer_lines(form, form.answers)
        return
    for number, question in enumerate(form.questions, 1):
        yield Text(f"  ? {number}. {shortened(question.text, WORDS)}{_TAKES[question.kind]}", "yellow")
        for at, choice in enumerate(question.choices, 1):
            yield Text(f"       {at}) {shortened(choice, TITLE)}")
    yield Text("  · /form fills it in", "dim")


def answer_lines(form: Form | None, answers: Iterable[FormAnswer]) -> Iterator[Text]:
    """Show answers beside their questions; without the form, the answers alone."""
    asked = {question.id: question.text for question in form.questions} if form is not None else {}
    for answer in answers:
        question = shortened(asked.get(answer.question_id, ""), TITLE)
        values = shortened(", ".join(answer.values), WORDS)
        yield Text(f"      {question} → {values}" if question else f"      → {values}", "dim")
