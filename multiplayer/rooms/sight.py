"""What a member may see of the room, where that is not all of it: from when on, and whether its files."""

from dataclasses import dataclass
from typing import Final

from multiplayer.protocol.events import Event
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import FilesChanged, ToolCalled, ToolFinished, TurnUndone

FILE_EVENTS: Final = ("tool_called", "tool_finished", "files_changed", "turn_undone")
"""Types of events that may quote the workspace."""


@dataclass(frozen=True, slots=True)
class Sight:
    """`from_seq`: the first event that may be read; 0: all of them."""

    from_seq: int = 0
    sees_workspace: bool = True

    @property
    def is_whole(self) -> bool:
        return self.sees_workspace and self.from_seq <= 0


def without_files(event: Event) -> Event:
    """Return the event as it is told to who may not see the workspace: that something was done, and not what."""
    match event:
        case ToolCalled():
            return event.model_copy(update={"arguments": ""})
        case ToolFinished():
            return event.model_copy(update={"text": ""})
        case FilesChanged():
            return event.model_copy(update={"changes": (), "more": event.more + len(event.changes)})
        case TurnUndone():
            more = event.more + len(event.changes)
            return event.model_copy(update={"changes": (), "more": more, "conflicts": ()})
        case _:
            return event


def turn_without_files(turn: TurnState) -> TurnState:
    calls = tuple(call.model_copy(update={"arguments": ""}) for call in turn.calls)
    return turn.model_copy(update={"calls": calls}) if calls else turn
