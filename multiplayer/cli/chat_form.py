"""Filling in a form in a terminal: question by question, each with a line of what is typed."""

from collections.abc import Iterator

from rich.text import Text

from multiplayer.cli.chat_cards import TITLE, WORDS
from multiplayer.cli.visible import shortened
from multiplayer.protocol.cards import Form, Question, QuestionKind
from multiplayer.protocol.ids import MessageId

MAX_ANSWER = 2_000
_HINTS = {
    QuestionKind.TEXT: "type your answer",
    QuestionKind.ONE_OF: "type its number",
    QuestionKind.ANY_OF: "type numbers, with commas between",
}


class BadAnswer(Exception):  # noqa: N818 - says what is wrong with it
    """What was typed answers nothing; `str()` of it says how an answer looks."""


class FormFilling:
    """Goes through the questions in order. An empty line leaves one out."""

    def __init__(self, message_id: MessageId, form: Form) -> None:
        self.message_id = message_id
        self.answers: dict[str, tuple[str, ...]] = {}
        self._form = form
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._form.questions)

    def question(self) -> Iterator[Text]:
        """Show the question that is next."""
        question = self._form.questions[self._at]
        place = f"{self._at + 1} of {len(self._form.questions)}"
        yield Text(f"  ? {place}: {shortened(question.text, WORDS)}", "yellow")
        for number, choice in enumerate(question.choices, 1):
            yield Text(f"       {number}) {shortened(choice, TITLE)}")
        yield Text(f"  · {_HINTS[question.kind]}; an empty line leaves it out, /cancel fills in nothing", "dim")

    def go_back(self) -> None:
        """Ask the last question again."""
        self._at -= 1
        self.answers.pop(self._form.questions[self._at].id, None)

    def take(self, line: str) -> None:
        """Take the answer to the question that is next. Raises `BadAnswer`, and then it is next still."""
        question = self._form.questions[self._at]
        said = line.strip()
        if said:
            self.answers[question.id] = _values(question, said)
        self._at += 1


def _values(question: Question, said: str) -> tuple[str, ...]:
    match question.kind:
        case QuestionKind.TEXT:
            if len(said) > MAX_ANSWER:
                raise BadAnswer(f"an answer has at most {MAX_ANSWER:,} characters")
            return (said,)
        case QuestionKind.ONE_OF:
            return (_choice(question, said),)
        case QuestionKind.ANY_OF:
            if said in question.choices:
                return (said,)
            parts = [part.strip() for part in said.replace("，", ",").split(",")]
            chosen = tuple(dict.fromkeys(_choice(question, part) for part in parts if part))
            if not chosen:
                raise BadAnswer(f"choose numbers from 1 to {len(question.choices)}")
            return chosen


def _choice(question: Question, said: str) -> str:
    """Return the choice of this number, or of these very words."""
    if said in question.choices:
        return said
    if said.isascii() and said.isdigit() and len(said) <= 3 and 1 <= int(said) <= len(question.choices):
        return question.choices[int(said) - 1]
    folded = [choice for choice in question.choices if choice.casefold() == said.casefold()]
    if len(folded) == 1:
        return folded[0]
    raise BadAnswer(f"choose a number from 1 to {len(question.choices)}")
