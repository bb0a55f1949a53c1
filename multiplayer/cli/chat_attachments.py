"""Files of messages, as a terminal shows them: a line for each, and what became of one later."""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.filesize import decimal
from rich.text import Text

from multiplayer.cli.chat_paper import INDENT, Paper
from multiplayer.cli.recordings import state_of
from multiplayer.cli.visible import indented, shortened
from multiplayer.protocol.attachments import Attachment, AttachmentState, Transcript, TranscriptState
from multiplayer.protocol.events import AttachmentChanged
from multiplayer.protocol.ids import AttachmentId
from multiplayer.protocol.signals import TranscriptProgress

NAME: Final = 120
REASON: Final = 200
_REMEMBERED: Final = 1_000
"""Names of the newest files: once one is taken off, the room itself knows its name no more."""


class AttachmentLines:
    """Remembers the names that it has shown, and how far recordings were heard."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._names: dict[AttachmentId, str] = {}
        self._quarters: dict[AttachmentId, int] = {}

    def of(self, attachments: Iterable[Attachment]) -> None:
        """Show the files of a message below its words."""
        for attachment in attachments:
            self._remember(attachment)
            self._paper.line(attachment_line(attachment))
            if attachment.transcript is not None:
                self._paper.line(transcript_text(attachment.transcript))

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
        if attachment.transcript is not None:
            # A file has one only once it is there: then it is that which has changed.
            self._transcribed(name, attachment.id, attachment.transcript, who)
            return
        match attachment.state:
            case AttachmentState.READY:
                self._paper.note(f"the file {name} has arrived{''.join(f' · {part}' for part in _about(attachment))}")
            case AttachmentState.FAILED:
                self._paper.note(f"the file {name} did not arrive{_why(attachment)}")
            case AttachmentState.PENDING:
                self._paper.note(f"the file {name} is still on its way")

    def progress(self, word: TranscriptProgress) -> None:
        """Say how far a recording is heard, at each quarter; on a terminal only."""
        quarter = int(word.done * 4)
        if self._paper.is_terminal and 0 < quarter < 4 and quarter > self._quarters.get(word.attachment_id, 0):
            name = self._names.get(word.attachment_id, "a recording")
            self._quarters[word.attachment_id] = quarter
            self._paper.note(f"{name} is being written down: {quarter * 25} %")

    def _transcribed(self, name: str, attachment_id: AttachmentId, transcript: Transcript, who: str) -> None:
        if transcript.state is TranscriptState.RUNNING:
            if transcript.reason:
                self._paper.note(f"{name} is tried again: {shortened(transcript.reason, REASON)}")
            return
        self._quarters.pop(attachment_id, None)
        if transcript.is_edited:
            self._paper.note(f"{who} edited the text of {name}")
        elif transcript.state is TranscriptState.STOPPED:
            self._paper.note(f"{who} stopped the writing down of {name}")
            return
        elif transcript.state is TranscriptState.DONE:
            self._paper.note(f"{name} is written down")
        elif transcript.state is TranscriptState.QUEUED:
            # How it waits is no news: what comes of it is.
            return
        else:
            self._paper.note(f"{name} {state_of(transcript)}")
            return
        self._paper.line(transcript_text(transcript))

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


def transcript_text(transcript: Transcript) -> Text:
    """Return what is said in a recording, or how far that is known, with nothing in it that a terminal would obey."""
    if transcript.state is not TranscriptState.DONE:
        return Text(f"{INDENT}{INDENT}{state_of(transcript)}", "dim")
    if not transcript.text:
        return Text(f"{INDENT}{INDENT}no words in it", "dim")
    edited = " (edited)" if transcript.is_edited else ""
    text = Text(f"{INDENT}{INDENT}“").append(indented(transcript.text, INDENT * 2)).append("”")
    return text.append(edited, "dim")


def _about(attachment: Attachment) -> Iterator[str]:
    if attachment.content_type:
        yield shortened(attachment.content_type, NAME)
    yield decimal(attachment.size)


def _why(attachment: Attachment) -> str:
    return f": {shortened(attachment.reason, REASON)}" if attachment.reason else ""
