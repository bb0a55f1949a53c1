"""Deciding what a room remembers: its summary as people edit it, pinned facts, and the budget."""

from collections.abc import Sequence

from multiplayer.protocol.commands import EditSummary, ForgetFact, PinFact, SetBudget
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import BudgetSet, Event, FactForgotten, FactPinned, SummaryUpdated
from multiplayer.protocol.memory import Fact, PointEdit, Summary, SummaryPoint
from multiplayer.protocol.messages import Message
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.derived import without
from multiplayer.rooms.permissions import Right

EDITED = "edited"
ERASED = "erased"
"""Methods of a summary that a person wrote, and of one that lost points because a message was deleted."""


def edit_summary(deciding: Deciding, command: EditSummary) -> list[Event]:
    deciding.check(Right.EDIT_SUMMARY)
    current = deciding.state.summary or Summary(version=0, up_to_seq=0, method=EDITED)
    if command.version != current.version:
        raise Refused(RefusalCode.CONFLICT, "the summary was changed meanwhile: look at the newest version")
    known = {point.id: point for point in current.points}
    points: list[SummaryPoint] = []
    for edit in command.points:
        if edit.id is not None and (edit.id not in known or any(point.id == edit.id for point in points)):
            raise Refused(RefusalCode.MALFORMED, "each id names one point of the version that is edited")
        points.append(_point(deciding, edit, known.get(edit.id) if edit.id is not None else None))
    if tuple(points) == current.points:
        raise Refused(RefusalCode.NO_CHANGE, "the summary says this already")
    return [
        SummaryUpdated(
            **deciding.head(),
            version=current.version + 1,
            points=tuple(points),
            up_to_seq=current.up_to_seq,
            method=EDITED,
            taint=current.taint,
            edited_by=deciding.actor_id,
            brief=current.brief,
        )
    ]


def pin_fact(deciding: Deciding, command: PinFact) -> list[Event]:
    deciding.check(Right.EDIT_SUMMARY)
    text = " ".join(command.text.split())
    if not text:
        raise Refused(RefusalCode.MALFORMED, "a fact needs some text")
    facts = deciding.state.notes.facts
    if any(fact.text == text for fact in facts):
        raise Refused(RefusalCode.NO_CHANGE, "this is known already")
    if len(facts) >= deciding.limits.facts:
        raise Refused(RefusalCode.LIMIT_REACHED, f"a room may have at most {deciding.limits.facts} facts")
    if command.message_id is not None:
        deciding.live_message(command.message_id)
    fact = Fact(id=deciding.new_id(), text=text, by=deciding.actor_id, at=deciding.at, message_id=command.message_id)
    return [FactPinned(**deciding.head(), fact=fact)]


def forget_fact(deciding: Deciding, command: ForgetFact) -> list[Event]:
    deciding.check(Right.EDIT_SUMMARY)
    if all(fact.id != command.fact_id for fact in deciding.state.notes.facts):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such fact in this room")
    return [FactForgotten(**deciding.head(), fact_id=command.fact_id)]


def set_budget(deciding: Deciding, command: SetBudget) -> list[Event]:
    deciding.check(Right.SET_BUDGETS)
    if command.budget == deciding.state.notes.budget:
        raise Refused(RefusalCode.NO_CHANGE, "this is the room's budget already")
    return [BudgetSet(**deciding.head(), budget=command.budget)]


def erase_derived(deciding: Deciding, messages: Sequence[Message]) -> list[Event]:
    """Return what takes back all that was derived from messages that are being deleted."""
    events: list[Event] = []
    gone = {message.id for message in messages}
    summary = deciding.state.summary
    if summary is not None:
        kept = without(summary.points, {message.id for message in messages if message.seq <= summary.up_to_seq})
        if kept != summary.points:
            changed = summary.model_copy(update={"points": kept})
            events.append(
                SummaryUpdated(
                    **deciding.head(),
                    version=changed.version + 1,
                    points=changed.points,
                    up_to_seq=changed.up_to_seq,
                    method=ERASED,
                    taint=changed.taint,
                    brief=changed.brief,
                )
            )
    events += [
        FactForgotten(**deciding.head(), fact_id=fact.id)
        for fact in deciding.state.notes.facts
        if fact.message_id in gone
    ]
    return events


def _point(deciding: Deciding, edit: PointEdit, known: SummaryPoint | None) -> SummaryPoint:
    text = " ".join(edit.text.split())
    if not text:
        raise Refused(RefusalCode.MALFORMED, "a point needs some text")
    if known is None:
        return SummaryPoint(id=deciding.new_id(), section=edit.section, text=text, by=deciding.actor_id)
    if (known.section, known.text) == (edit.section, text):
        return known
    return known.model_copy(update={"section": edit.section, "text": text, "by": deciding.actor_id})
