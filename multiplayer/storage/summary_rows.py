"""Versions of summaries as rows. One from before points were kept has all its words in one text."""

from itertools import count

from pydantic import TypeAdapter

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import SummaryUpdated
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.memory import Summary, SummaryPoint, points_in
from multiplayer.protocol.values import Frozen

points_adapter: TypeAdapter[tuple[SummaryPoint, ...]] = TypeAdapter(tuple[SummaryPoint, ...])
_taint_adapter: TypeAdapter[tuple[Taint, ...]] = TypeAdapter(tuple[Taint, ...])


class _Row(Frozen):
    """The object that the queries make of a row."""

    version: int
    up_to_seq: int
    method: str
    points: tuple[SummaryPoint, ...] | None
    text: str
    taint: tuple[Taint, ...]
    edited_by: AccountId | None
    brief: str | None


def summary_from(body: str) -> Summary:
    row = _Row.model_validate_json(body)
    return Summary(
        version=row.version,
        up_to_seq=row.up_to_seq,
        method=row.method,
        points=_points_of_text(row.text) if row.points is None else row.points,
        taint=row.taint,
        edited_by=row.edited_by,
        brief=row.brief,
    )


def stored_points(points: str | None, text: str) -> tuple[SummaryPoint, ...]:
    return _points_of_text(text) if points is None else points_adapter.validate_json(points)


def summary_of(event: SummaryUpdated) -> Summary:
    return Summary(
        version=event.version,
        up_to_seq=event.up_to_seq,
        method=event.method,
        points=event.points,
        taint=event.taint,
        edited_by=event.edited_by,
        brief=event.brief,
    )


def summary_row(event: SummaryUpdated) -> tuple[object, ...]:
    """Return the row of a version, as `put_summaries` takes it."""
    return (
        event.room_id,
        event.seq,
        event.version,
        points_adapter.dump_json(event.points).decode(),
        event.up_to_seq,
        event.method,
        _taint_adapter.dump_json(event.taint).decode(),
        event.edited_by,
        event.brief,
        event.at,
    )


def _points_of_text(text: str) -> tuple[SummaryPoint, ...]:
    # Named as the log's own line of it is read.
    numbers = count(1)
    return points_in(text, lambda: f"p{next(numbers)}")
