"""Reads a summary back that a person has changed: as JSON, or as the text under headings that people are shown."""

from itertools import count

from pydantic import BaseModel, ConfigDict, ValidationError

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.protocol.codec import explain
from multiplayer.protocol.memory import MAX_POINTS, PointEdit, Section, Summary, SummaryPoint, points_in


class _Point(BaseModel):
    # What is printed says more of a point than a person may change.
    model_config = ConfigDict(extra="ignore")
    id: str | None = None
    section: Section
    text: str


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    version: int | None = None
    points: tuple[_Point, ...]


def read_summary(text: str, before: Summary | None) -> tuple[int, tuple[PointEdit, ...]]:
    """Return the version that was edited and the points that it is to have. Raises `Failure`.

    A text names no version: it is about the newest one.
    """
    version = before.version if before is not None else 0
    try:
        if text.lstrip().startswith("{"):
            given = _File.model_validate_json(text)
            points = tuple(PointEdit(id=one.id, section=one.section, text=one.text) for one in given.points)
            return version if given.version is None else given.version, points
    except ValidationError as error:
        raise Failure(
            f"this is no summary: {explain(error)}", hint="multiplayer room summary ROOM --json prints one"
        ) from None
    numbers = count(1)
    found = points_in(text, lambda: str(next(numbers)))
    if text.strip() and not found:
        raise Failure("no point of a summary stands in this", hint="multiplayer room summary ROOM prints some")
    if len(found) == MAX_POINTS and len([line for line in text.splitlines() if line.strip()]) > 2 * MAX_POINTS:
        raise Failure(f"a summary has at most {MAX_POINTS} points")
    return version, _with_ids(found, before.points if before is not None else ())


def check_not_emptied(before: Summary | None, points: tuple[PointEdit, ...], *, is_sure: bool) -> None:
    """Raises `Failure` where an edit would leave nothing of what was there, and nobody said that this is meant."""
    if not points and before is not None and before.points and not is_sure:
        raise Failure("this would remove every point; give --yes", exit_code=USAGE)


def _with_ids(found: tuple[SummaryPoint, ...], known: tuple[SummaryPoint, ...]) -> tuple[PointEdit, ...]:
    """Find again which points these are: by their words, else by the messages that they came from."""
    left = {point.id: point for point in known}
    ids: dict[int, str] = {}

    def take(at: int, point: SummaryPoint | None) -> None:
        if point is not None:
            ids[at] = point.id
            del left[point.id]

    for at, point in enumerate(found):
        said = (point.section, point.text)
        take(at, next((one for one in left.values() if (one.section, one.text) == said), None))
    for at, point in enumerate(found):
        if at not in ids and point.sources:
            take(at, next((one for one in left.values() if one.sources == point.sources), None))
    return tuple(PointEdit(id=ids.get(at), section=point.section, text=point.text) for at, point in enumerate(found))
