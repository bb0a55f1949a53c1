"""What a chat says when the server itself removes things: one line for all of a batch, not one for each."""

from datetime import datetime
from typing import Final

from multiplayer.cli.chat_paper import Paper
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import AttachmentChanged, Event, MessageDeleted
from multiplayer.protocol.messages import Message

_WHY: Final = {
    "": "(deleted)",
    "retention": "(removed by the room's rule)",
    "erasure": "(erased)",
}
_TOLD: Final = {
    "retention": "old messages were removed by the room's rule",
    "erasure": "messages were erased",
}


def text_of(message: Message) -> str:
    """Return what is shown of a message: its words, or why it has none."""
    return _WHY[message.deleted_because] if message.is_deleted else message.text


class ForgettingLines:
    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._told: tuple[str, datetime] | None = None

    def show(self, event: Event) -> bool:
        """Tell of it if it is the server's own doing; return whether it was."""
        match event:
            case MessageDeleted() if event.because:
                what = _TOLD[event.because]
            case AttachmentChanged() if event.attachment.state is AttachmentState.REMOVED and event.attachment.reason:
                what = f"old files were removed: {event.attachment.reason}"
            case _:
                return False
        # All of a batch have one time.
        if self._told != (what, event.at):
            self._told = (what, event.at)
            self._paper.note(what)
        return True
