"""Reading over HTTP: pages of messages, one with its revisions, and search."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import MessageId, RoomId, Ulid
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import Message, Revision
from multiplayer.protocol.search import Author, Hit, SearchAnswer
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.storage.port import ReadableRoom, SearchFilter
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
    """Words, or what the messages must be beside them, or both."""

    q: Annotated[str, StringConstraints(max_length=200)] = ""
    room: Ulid | None = None
    room_name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """In those of my rooms that have this name, in any case."""
    author: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    """A handle, or how a display name begins, in any case; `me` is who asks."""
    has_file: bool = False
    has_link: bool = False
    """An http or https address in the text, or a card that leads to one."""
    since: UtcTime | None = None
    until: UtcTime | None = None
    """Said before it."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    before: Ulid | None = None
    """Older than this message."""

    @model_validator(mode="after")
    def _check_something_is_asked(self) -> Self:
        if self.author is not None and not self.author.removeprefix("@").strip():
            raise ValueError("author is a handle, how a display name begins, or me")
        if not (self.q or self.author or self.has_file or self.has_link or self.since or self.until):
            raise ValueError("give words, or author, has_file, has_link, since or until")
        if self.room is not None and self.room_name is not None:
            raise ValueError("give room or room_name, not both")
        return self


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
    if not query.q.strip():
        # No index finds it: rooms are read from the newest message on.
        call.check_heavy_reads()
    rooms = [await _readable(call, RoomId(query.room))] if query.room is not None else await _rooms(call)
    before = MessageId(query.before) if query.before is not None else None
    is_mine = query.author is not None and query.author.removeprefix("@").casefold() == "me"
    only = SearchFilter(
        author_id=call.account_id if is_mine else None,
        author=None if is_mine or query.author is None else query.author.removeprefix("@"),
        has_file=query.has_file,
        has_link=query.has_link,
        since=query.since,
        until=query.until,
    )
    hits = await call.pod.storage.search(rooms, query.q, limit=query.limit, before=before, only=only)
    accounts = await call.pod.storage.accounts(list(dict.fromkeys(hit.message.author_id for hit in hits)))
    return SearchAnswer(
        hits=tuple(Hit(room_id=hit.room_id, message=hit.message) for hit in hits),
        authors=tuple(
            Author(account_id=one.id, kind=one.kind, handle=one.handle, display_name=one.display_name)
            for one in accounts.values()
        ),
    )


async def _rooms(call: Call[Nothing, SearchQuery]) -> list[ReadableRoom]:
    """Return what of my rooms I may read; of those by a name only, where one is given."""
    name = call.query.room_name
    rooms = []
    for listing in await call.pod.storage.rooms_of(call.account_id):
        if name is not None and listing.room.name.casefold() != name.removeprefix("#").casefold():
            continue
        # Only of a guest may something be kept back; who is none need not have the room loaded.
        if listing.role == Role.GUEST.value:
            rooms.append(await _readable(call, listing.room.id))
        else:
            rooms.append(ReadableRoom(listing.room.id))
    if name is not None and not rooms:
        raise Refused(RefusalCode.NOT_FOUND, "you are in no room of this name")
    return rooms


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
