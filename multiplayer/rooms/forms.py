"""Deciding whether a form is filled in right, and the answers as words."""

from collections.abc import Sequence

from multiplayer.protocol.cards import Form, FormAnswer, QuestionKind
from multiplayer.protocol.errors import RefusalCode, Refused


def check_answers(form: Form, answers: Sequence[FormAnswer]) -> None:
    """Refuse answers that fit no question, or not the choices that it gives. Not all questions need one."""
    questions = {question.id: question for question in form.questions}
    seen: set[str] = set()
    for answer in answers:
        question = questions.get(answer.question_id)
        if question is None or question.id in seen:
            raise Refused(RefusalCode.MALFORMED, "each answer belongs to one question of the form")
        seen.add(question.id)
        if not all(value.strip() for value in answer.values):
            raise Refused(RefusalCode.MALFORMED, "an answer needs some text")
        if question.kind is not QuestionKind.ANY_OF and len(answer.values) > 1:
            raise Refused(RefusalCode.MALFORMED, "this question takes one answer")
        if question.kind is not QuestionKind.TEXT and not set(answer.values) <= set(question.choices):
            raise Refused(RefusalCode.MALFORMED, "this question takes its own choices only")


def answers_text(form: Form, answers: Sequence[FormAnswer]) -> str:
    """Return questions and answers, one pair a line; a single answer stands alone."""
    asked = {question.id: question.text for question in form.questions}
    if len(answers) == 1 and len(form.questions) == 1:
        return ", ".join(answers[0].values)
    return "\n".join(f"{asked[answer.question_id]} {', '.join(answer.values)}" for answer in answers)
