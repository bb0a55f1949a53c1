"""Files among a room's messages by their ids, and what is said in those that are recordings, in words."""

from typing import Final, assert_never

from multiplayer.cli.chat_refusals import not_there
from multiplayer.cli.visible import shortened
from multiplayer.client import Room
from multiplayer.protocol.attachments import Attachment, RoomFile, Transcript, TranscriptState

_REASON: Final = 200


async def file_of(room: Room, file_id: str) -> RoomFile:
    """Return a file of a message as it is now. Refuses NOT_FOUND."""
    before: int | None = None
    while True:
        listing = await room.attachments(limit=200, before=before)
        for one in listing.files:
            if one.attachment.id == file_id.upper():
                return one
        before = listing.next_before
        if before is None:
            raise not_there(f"no message here has a file {shortened(file_id, 40)}")


def state_of(transcript: Transcript) -> str:
    """Say how far a recording is written down."""
    match transcript.state:
        case TranscriptState.QUEUED:
            return "waits to be written down"
        case TranscriptState.RUNNING:
            return "is being written down"
        case TranscriptState.STOPPED:
            return "is not written down: stopped"
        case TranscriptState.FAILED:
            why = f": {shortened(transcript.reason, _REASON)}" if transcript.reason else ""
            return f"could not be written down{why}"
        case TranscriptState.DONE:
            return "is written down"
        case _:
            assert_never(transcript.state)


def said_in(attachment: Attachment) -> str:
    """Return what is said in a recording, or why nothing is known of that. The words are a stranger's."""
    transcript = attachment.transcript
    if transcript is None:
        return "nobody has listened to this file"
    if transcript.state is not TranscriptState.DONE:
        return state_of(transcript)
    return (transcript.text or "no words in it") + (" (edited)" if transcript.is_edited else "")
