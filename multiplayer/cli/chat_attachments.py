"""Files of messages, as a terminal shows them: a line for each, and what became of one later."""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.filesize import decimal
from rich.text import Text

from multiplayer.cli.chat_paper import INDENT, Paper
from multiplayer.cli.visible import shortened
from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.events import AttachmentChanged
from multiplayer.protocol.ids import AttachmentId

NAME: Final = 120
REASON: Final = 200
_REMEMBERED: Final = 1_000
"""Names of the newest files: once one is taken off, the room itself knows its name no more."""


class AttachmentLines:
    """Remembers the names that it has shown."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._names: dict[AttachmentId, str] = {}

    def of(self, attachments: Iterable[Attachment]) -> None:
        """Show the files of a message below its words."""
        for attachment in attachments:
            self._remember(attachment)
            self._paper.line(attachment_line(attachment))

    def changed(self, event: AttachmentChanged) -> None:
        attachment, who = event.attachment, self._paper.name(event.actor_id)
        if event.is_redacted:
            self._paper.note("a file of a message changed (deleted since)")
            return
        if attachment.state is AttachmentState.REMOVED:
            name = self._names.pop(attachment.id, "")
            self._paper.note(f"{who} took {f'the file {name}' if name else 'a file'} off a message")
            return
        self._remember(attachment)
        name = self._names[attachment.id]
        match attachment.state:
            case AttachmentState.READY:
                self._paper.note(f"the file {name} has arrived{''.join(f' · {part}' for part in _about(attachment))}")
            case AttachmentState.FAILED:
                self._paper.note(f"the file {name} did not arrive{_why(attachment)}")
            case AttachmentState.PENDING:
                self._paper.note(f"the file {name} is still on its way")

    def _remember(self, attachment: Attachment) -> None:
        if attachment.state is AttachmentState.REMOVED:
            return
        self._names[attachment.id] = shortened(attachment.name, NAME)
        if len(self._names) > _REMEMBERED:
            del self._names[next(iter(self._names))]


def attachment_line(attachment: Attachment) -> Text:
    """Return `📎 name · type · size · state`, with nothing in it that a terminal would obey."""
    line = Text(f"{INDENT}📎 ", "cyan")
    if attachment.state is AttachmentState.REMOVED:
        return line.append("taken off", "dim")
    state = {
        AttachmentState.READY: "ready",
        AttachmentState.PENDING: "still on its way",
        AttachmentState.FAILED: f"did not arrive{_why(attachment)}",
    }[attachment.state]
    about = "".join(f" · {part}" for part in (*_about(attachment), state))
    is_failed = attachment.state is AttachmentState.FAILED
    return line.append(shortened(attachment.name, NAME), "bold").append(about, "red" if is_failed else "dim")


def _about(attachment: Attachment) -> Iterator[str]:
    if attachment.content_type:
        yield shortened(attachment.content_type, NAME)
    yield decimal(attachment.size)


def _why(attachment: Attachment) -> str:
    return f": {shortened(attachment.reason, REASON)}" if attachment.reason else ""
