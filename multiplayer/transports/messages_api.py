"""Reading over HTTP: pages of messages, one with its revisions, and search."""

from typing import Annotated

from pydantic import Field, StringConstraints

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import MessageId, RoomId, Ulid
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.values import Frozen
from multiplayer.storage.port import ReadableRoom
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

MAX_PAGE = 200


class PageQuery(Frozen):
    before: Ulid | None = None
    """Older than this message."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50


class MessagePage(Frozen):
    """Oldest first."""

    messages: tuple[Message, ...]
    before: MessageId | None = None
    """Where the page before this one ends; absent when this is the first."""


class MessageWithRevisions(Frozen):
    message: Message
    revisions: tuple[Revision, ...]
    """Oldest first; of a deleted message there are none."""


class SearchQuery(Frozen):
    q: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    room: Ulid | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    before: Ulid | None = None


class Hit(Frozen):
    room_id: RoomId
    message: Message


class SearchAnswer(Frozen):
    """Newest first."""

    hits: tuple[Hit, ...]


async def _page(call: Call[Nothing, PageQuery]) -> MessagePage:
    call.check_reads()
    before = call.query.before
    before_seq = None if before is None else (await _visible(call, MessageId(before))).seq
    limit = call.query.limit
    # One more than asked for tells whether there is a page before this one.
    found = await call.pod.storage.recent_messages(
        call.room_id, limit=limit + 1, before_seq=before_seq, from_seq=call.host.room.readable_from(call.member)
    )
    shown = tuple(found[-limit:])
    return MessagePage(messages=shown, before=shown[0].id if len(found) > limit else None)


async def _one(call: Call[Nothing, Nothing]) -> MessageWithRevisions:
    message = await _visible(call, call.message_id)
    revisions = await call.pod.storage.revisions(call.room_id, message.id)
    return MessageWithRevisions(message=message, revisions=tuple(revisions))


async def _visible(call: Call[object, object], message_id: MessageId) -> Message:
    found = (await call.pod.storage.messages(call.room_id, [message_id])).get(message_id)
    if found is None or found.seq < call.host.room.readable_from(call.member):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such message in this room")
    return found


async def _search(call: Call[Nothing, SearchQuery]) -> SearchAnswer:
    call.check_reads()
    query = call.query
    if query.room is not None:
        rooms = [await _readable(call, RoomId(query.room))]
    else:
        rooms = []
        for listing in await call.pod.storage.rooms_of(call.account_id):
            # Only of a guest may something be kept back; who is none need not have the room loaded.
            if listing.role == Role.GUEST.value:
                rooms.append(await _readable(call, listing.room.id))
            else:
                rooms.append(ReadableRoom(listing.room.id))
    before = MessageId(query.before) if query.before is not None else None
    hits = await call.pod.storage.search(rooms, query.q, limit=query.limit, before=before)
    return SearchAnswer(hits=tuple(Hit(room_id=hit.room_id, message=hit.message) for hit in hits))


async def _readable(call: Call[object, object], room_id: RoomId) -> ReadableRoom:
    host = await call.pod.directory.host(room_id)
    member = host.room.reader(call.account_id)
    return ReadableRoom(room_id, host.room.readable_from(member))


_ROOM = "/api/v1/rooms/{room_id}"
MESSAGES_API: tuple[Operation, ...] = (
    Route("GET", f"{_ROOM}/messages", Access.MEMBER, "A page of messages", _page, Nothing, PageQuery, MessagePage),
    Route(
        "GET",
        f"{_ROOM}/messages/{{message_id}}",
        Access.MEMBER,
        "One message with its revisions",
        _one,
        Nothing,
        Nothing,
        MessageWithRevisions,
    ),
    Route(
        "GET",
        "/api/v1/search",
        Access.SIGNED_IN,
        "Search messages, newest first",
        _search,
        Nothing,
        SearchQuery,
        SearchAnswer,
    ),
)
