"""Files of messages as a model reads them: a line for each, among the words of whoever attached it."""

from collections.abc import Sequence
from typing import assert_never

from multiplayer.protocol.attachments import Attachment, AttachmentState, TranscriptState


def with_files(text: str, attachments: Sequence[Attachment]) -> str:
    """Return what was said, then a line for each file, and what is said in it. Without files it is the text as it is.

    The lines belong between the marks around what people chose: names are people's words.
    """
    if not attachments:
        return text
    lines = [text] if text.strip() else []
    for one in attachments:
        lines += [line for line in (file_line(one), voice_line(one)) if line]
    return "\n".join(lines)


def file_line(attachment: Attachment) -> str:
    """Return one line for a file as it stands, with the id by which a tool finds it."""
    match attachment.state:
        case AttachmentState.READY:
            about = f"{_visible(attachment.content_type) or 'unknown type'}, {attachment.size} bytes"
        case AttachmentState.PENDING:
            about = f"still on its way, {attachment.size} bytes"
        case AttachmentState.FAILED:
            about = f"did not arrive{': ' if attachment.reason else ''}{_visible(attachment.reason)}"
        case AttachmentState.REMOVED:
            # Nothing is left of it but that there was one.
            return f"[file: taken off ({attachment.id})]"
        case _:
            assert_never(attachment.state)
    return f"[file: {_visible(attachment.name)} ({about}, {attachment.id})]"


def voice_line(attachment: Attachment) -> str:
    """Return what is said in a recording, as its author's words that they are; empty as long as nobody knows.

    The words stand as they are: when they are deleted, that is how copies of them are found.
    """
    spoken = attachment.transcript
    if spoken is None:
        return ""
    name = _visible(attachment.name)
    match spoken.state:
        case TranscriptState.DONE:
            return f'[voice note {name}: "{spoken.text}"]' if spoken.text else f"[voice note {name}: no words in it]"
        case TranscriptState.FAILED:
            return f"[voice note {name}: could not be written down: {_visible(spoken.reason)}]"
        case TranscriptState.QUEUED | TranscriptState.RUNNING | TranscriptState.STOPPED:
            return ""
        case _:
            assert_never(spoken.state)


def _visible(words: str) -> str:
    """Return one line without what cannot be seen: no name begins a line of its own, or turns the reading direction."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in words)
