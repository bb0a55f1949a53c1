"""Uploads as the room's events leave them: attached to a message, removed with it, with its room, or alone."""

from collections.abc import Sequence

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import AttachmentChanged, Event, MessageDeleted, MessagePosted, RoomDeleted
from multiplayer.protocol.ids import AttachmentId
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.queries import Queries
from multiplayer.storage.unfit import Unfit


async def project_attachments(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Bind uploads to the messages that name them, and forget those that were removed. Raises `Unfit`."""
    # No event attaches what one before it has removed.
    await _bind(connection, queries, [event for event in events if isinstance(event, MessagePosted)])
    messages: list[tuple[object, ...]] = []
    reasons: list[str] = []
    rooms: list[str] = []
    for event in events:
        match event:
            case AttachmentChanged() if event.attachment.state is AttachmentState.REMOVED:
                messages.append((event.room_id, event.message_id, event.attachment.id))
                reasons.append(event.attachment.reason)
            case MessageDeleted():
                messages.append((event.room_id, event.message_id, None))
                reasons.append("")
            case RoomDeleted():
                rooms.append(event.room_id)
            case _:
                pass
    gone: dict[AttachmentId, str] = {}
    if messages:
        rows = await connection.fetch(queries["attachments_of_messages"], *columns(messages))
        # The first removal says why.
        for row in sorted(rows, key=lambda row: -row["number"]):
            gone[row["id"]] = reasons[row["number"] - 1]
    if rooms:
        rows = await connection.fetch(queries["attachments_of_rooms"], rooms)
        gone = {row["id"]: "" for row in rows} | gone
    if gone:
        await connection.execute(queries["remove_attachments"], list(gone), list(gone.values()))


async def _bind(connection: Connection, queries: Queries, posted: Sequence[MessagePosted]) -> None:
    wanted: dict[AttachmentId, tuple[object, ...]] = {}
    for event in posted:
        for position, one in enumerate(event.message.attachments):
            if one.id in wanted:
                raise Unfit(f"{event.type} with an upload that another message has")
            wanted[one.id] = (one.id, event.room_id, event.message.id, event.seq, position)
    if not wanted:
        return
    bound = await connection.fetch(queries["bind_uploads"], *columns(list(wanted.values())))
    if len(bound) < len(wanted):
        raise Unfit("a message is posted with an upload that is not there, or that another message has")
