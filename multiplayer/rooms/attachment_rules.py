"""Deciding about the files of messages: which may be attached, what became of one, who takes one off."""

from collections.abc import Sequence

from multiplayer.protocol.attachments import MAX_ATTACHMENTS, Attachment, AttachmentState
from multiplayer.protocol.commands import RemoveAttachment
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, Event
from multiplayer.protocol.ids import AttachmentId
from multiplayer.protocol.inner_commands import SettleAttachment
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.permissions import Right

_ENDS = frozenset((AttachmentState.READY, AttachmentState.FAILED))


def attached(deciding: Deciding, wanted: Sequence[AttachmentId]) -> tuple[Attachment, ...]:
    """Return the files that the actor attaches, as they stand. A file that still comes may be attached: it will be told."""
    if not wanted:
        return ()
    deciding.check(Right.ATTACH)
    if len(set(wanted)) < len(wanted):
        raise Refused(RefusalCode.MALFORMED, "a file is attached to a message once")
    found = [deciding.facts.uploads.get(one) for one in wanted]
    files = []
    for upload in found:
        # Somebody else's is not there, as far as the actor knows.
        if upload is None or upload.uploader_id != deciding.actor_id:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such upload of yours in this room")
        if upload.message_id is not None:
            raise Refused(RefusalCode.CONFLICT, f"{upload.attachment.name} is attached to another message already")
        if upload.attachment.state not in {AttachmentState.PENDING, AttachmentState.READY}:
            raise Refused(RefusalCode.CONFLICT, f"{upload.attachment.name} did not arrive: upload it again")
        files.append(upload.attachment)
    return tuple(files)


def given(deciding: Deciding, wanted: Sequence[AttachmentId]) -> tuple[Attachment, ...]:
    """Return the files that an AI's answer carries: those of what it wanted that are there. An answer ends with or without."""
    found = [deciding.facts.uploads.get(one) for one in list(dict.fromkeys(wanted))[:MAX_ATTACHMENTS]]
    return tuple(
        upload.attachment
        for upload in found
        if upload is not None
        and upload.uploader_id == deciding.actor_id
        and upload.message_id is None
        and upload.attachment.state is AttachmentState.READY
    )


def settle(deciding: Deciding, command: SettleAttachment) -> list[Event]:
    """Tell what became of a file. What was told, or whose message is gone, is told no more."""
    message = deciding.facts.message(command.message_id)
    known = file_of(message.attachments, command.attachment.id) if message is not None else None
    if known is None or known.state is AttachmentState.REMOVED:
        raise Refused(RefusalCode.NO_CHANGE, "this is known")
    # What is said in it is the room's own business: whoever saw it arrive does not know.
    settled = command.attachment.model_copy(update={"transcript": known.transcript})
    if known == settled:
        raise Refused(RefusalCode.NO_CHANGE, "this is known")
    return [AttachmentChanged(**deciding.head(), message_id=command.message_id, attachment=settled)]


def remove(deciding: Deciding, command: RemoveAttachment) -> list[Event]:
    message = deciding.live_message(command.message_id)
    deciding.check(Right.EDIT_OWN if message.author_id == deciding.actor_id else Right.DELETE_ANY)
    known = file_of(message.attachments, command.attachment_id)
    if known is None:
        raise Refused(RefusalCode.NOT_FOUND, "this message has no such file")
    if known.state is AttachmentState.REMOVED:
        raise Refused(RefusalCode.NO_CHANGE, "this file was removed already")
    removed = without_content(known)
    return [AttachmentChanged(**deciding.head(), message_id=message.id, attachment=removed)]


def without_content(attachment: Attachment) -> Attachment:
    """Return what is left of a file that was removed: that there was one."""
    return Attachment(id=attachment.id, name="", size=0, state=AttachmentState.REMOVED)


def file_of(attachments: Sequence[Attachment], attachment_id: AttachmentId) -> Attachment | None:
    """Return the file of a message that has this id."""
    return next((one for one in attachments if one.id == attachment_id), None)
