"""What of a summary can be taken back: what must go when the messages that it came from are deleted."""

from collections.abc import Collection, Iterable

from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.memory import SummaryPoint


def attributed(points: Iterable[SummaryPoint]) -> tuple[SummaryPoint, ...]:
    """Return the points that a deletion can find: all but those that a machine made and names no message for.

    What a machine drew from a message that is deleted while it writes would otherwise stay for good: nothing says
    that it came from there.
    """
    return tuple(point for point in points if point.sources or point.by is not None)


def without(points: Iterable[SummaryPoint], message_ids: Collection[MessageId]) -> tuple[SummaryPoint, ...]:
    """Return what may stay when these messages, which the summary covers, are gone.

    A point goes with any of its sources, whoever wrote it. A machine's point that names no source goes too: nobody
    can say that it does not come from them. What a person wrote without a source is the person's own, and stays.
    """
    if not message_ids:
        return tuple(points)
    return tuple(
        point
        for point in points
        if not any(source in message_ids for source in point.sources) and (point.sources or point.by is not None)
    )
