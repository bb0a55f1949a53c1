"""Deciding about what is said in recordings: who writes it down, who corrects it, who has it stopped or begun again."""

from typing import Final

from multiplayer.protocol.attachments import (
    MAX_TRANSCRIPT,
    Attachment,
    AttachmentState,
    FileFamily,
    Transcript,
    TranscriptState,
)
from multiplayer.protocol.commands import AskTranscript, EditTranscript, StopTranscript
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, Event
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.inner_commands import SetTranscript
from multiplayer.protocol.messages import Message
from multiplayer.rooms.attachment_rules import file_of
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.permissions import Right

_QUEUED, _RUNNING = TranscriptState.QUEUED, TranscriptState.RUNNING
_OPEN: Final = frozenset({_QUEUED, _RUNNING})
_FROM_NOTHING: Final = frozenset({_QUEUED, TranscriptState.FAILED})
_FROM_QUEUED: Final = frozenset({_RUNNING, TranscriptState.FAILED})


def is_recording(attachment: Attachment) -> bool:
    """Whether somebody can listen to it: sound that is there."""
    return attachment.state is AttachmentState.READY and attachment.family is FileFamily.AUDIO


def edit(deciding: Deciding, command: EditTranscript) -> list[Event]:
    """Take the author's own words for what is said; also where nobody has listened, or in vain."""
    message = deciding.live_message(command.message_id)
    if message.author_id != deciding.actor_id:
        raise Refused(RefusalCode.FORBIDDEN, "only who sent a recording edits its text")
    deciding.check(Right.EDIT_OWN)
    known = _recording(message, command)
    if not command.text.strip():
        raise Refused(RefusalCode.MALFORMED, "the text of a recording needs some words")
    if len(command.text) > MAX_TRANSCRIPT:
        raise Refused(RefusalCode.TOO_LONG, f"the text of a recording may have at most {MAX_TRANSCRIPT} characters")
    before = known.transcript
    if before is not None and before.state in _OPEN:
        raise Refused(RefusalCode.CONFLICT, "this recording is being written down: stop that first")
    if before is not None and before.text == command.text:
        raise Refused(RefusalCode.NO_CHANGE, "this is its text already")
    language = before.language if before is not None else ""
    after = Transcript(state=TranscriptState.DONE, text=command.text, language=language, is_edited=True)
    return _changed(deciding, message.id, known, after)


def stop(deciding: Deciding, command: StopTranscript) -> list[Event]:
    message, known = _cared_for(deciding, command)
    if known.transcript is None or known.transcript.state not in _OPEN:
        raise Refused(RefusalCode.NO_CHANGE, "nobody listens to this recording")
    return _changed(deciding, message.id, known, Transcript(state=TranscriptState.STOPPED))


def ask(deciding: Deciding, command: AskTranscript) -> list[Event]:
    message, known = _cared_for(deciding, command)
    if known.transcript is not None and known.transcript.state in _OPEN:
        raise Refused(RefusalCode.NO_CHANGE, "this recording is being written down already")
    if known.transcript is not None and known.transcript.state is TranscriptState.DONE:
        raise Refused(RefusalCode.CONFLICT, "this recording has its text already: its author can edit it")
    return _changed(deciding, message.id, known, Transcript(state=_QUEUED))


def put(deciding: Deciding, command: SetTranscript) -> list[Event]:
    """Take what a pod tells. Of several pods that want the same recording, the first has it."""
    message = deciding.facts.message(command.message_id)
    known = file_of(message.attachments, command.attachment_id) if message is not None else None
    if known is None or not is_recording(known) or not _follows(deciding, known.transcript, command):
        raise Refused(RefusalCode.CONFLICT, "this recording is not yours to write down")
    return _changed(deciding, command.message_id, known, command.transcript)


def _follows(deciding: Deciding, before: Transcript | None, command: SetTranscript) -> bool:
    after = command.transcript.state
    if (after is _RUNNING) != (command.transcript.until is not None) or after is TranscriptState.STOPPED:
        return False
    if before is None:
        return after in _FROM_NOTHING
    match before.state:
        case TranscriptState.QUEUED:
            return after in _FROM_QUEUED
        case TranscriptState.RUNNING:
            is_holder = command.claim is not None and command.claim == before.until
            is_overdue = before.until is None or before.until <= deciding.at
            return is_holder or (after is _RUNNING and is_overdue)
        case _:
            return False


def _cared_for(deciding: Deciding, command: StopTranscript | AskTranscript) -> tuple[Message, Attachment]:
    message = deciding.live_message(command.message_id)
    deciding.check(Right.EDIT_OWN if message.author_id == deciding.actor_id else Right.DELETE_ANY)
    return message, _recording(message, command)


def _recording(message: Message, command: EditTranscript | StopTranscript | AskTranscript) -> Attachment:
    known = file_of(message.attachments, command.attachment_id)
    if known is None:
        raise Refused(RefusalCode.NOT_FOUND, "this message has no such file")
    if not is_recording(known):
        raise Refused(RefusalCode.CONFLICT, "this file is no recording that one can listen to")
    return known


def _changed(deciding: Deciding, message_id: MessageId, known: Attachment, transcript: Transcript) -> list[Event]:
    after = known.model_copy(update={"transcript": transcript})
    return [AttachmentChanged(**deciding.head(), message_id=message_id, attachment=after)]
