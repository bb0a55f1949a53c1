"""In memory: what tools were told and brought goes with messages and files, as `forgotten_tools` has it on Postgres."""

from collections.abc import Mapping

from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.turn_events import ToolCalled, ToolFinished
from multiplayer.storage.memory_timeline import Timeline
from multiplayer.storage.redaction import call_in, redacted


def forget_tools(timeline: Timeline, turns: Mapping[TurnId, int]) -> None:
    """Empty the lines of tools in these turns, each before its seq, and those that quote what went from the timeline."""
    if not turns and not timeline.quotable:
        return
    lines = [
        (place, said)
        for place, said in timeline.lines_with('"type":"tool_')
        if isinstance(said, ToolCalled | ToolFinished) and call_in(said) is not None
    ]
    places = {place for place, said in lines if said.seq < turns.get(said.turn_id, 0)}
    for _, said in lines:
        until = max((one.until for one in timeline.quotable if one.is_in(said)), default=0)
        # A result goes with the call that it answers.
        places |= {place for place, other in lines if call_in(other) == call_in(said) and said.seq <= other.seq < until}
    for place in places:
        timeline.put_bare(place, redacted(timeline.log[place].line), ())
