"""Rooms over HTTP: list, make, look, change, and every command by POST."""

from typing import Annotated

from pydantic import Field, StrictBool, StringConstraints, TypeAdapter

from multiplayer.live.batch import Done
from multiplayer.protocol.codec import JsonObject, Malformed, request_of
from multiplayer.protocol.commands import ArchiveRoom, Command, RenameRoom, SetRoomSettings, SetTopic
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.requests import Request
from multiplayer.protocol.rooms import ReadMark, RoomListing, RoomSettings
from multiplayer.protocol.signals import RoomAdded
from multiplayer.protocol.values import Frozen
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

LongText = Annotated[str, StringConstraints(max_length=2_000)]


class RoomList(Frozen):
    rooms: tuple[RoomListing, ...]


class NewRoom(Frozen):
    name: LongText
    topic: LongText = ""
    with_ai: StrictBool = True
    """Whether the server's AI is a member from the start."""


class NewDirectRoom(Frozen):
    handles: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(min_length=1, max_length=50)]
    """Everyone but yourself. The same accounts always have the same room."""


class RoomChange(Frozen):
    """Each field that is given is a command of its own, in this order; the first refusal ends it."""

    name: LongText | None = None
    topic: LongText | None = None
    settings: RoomSettings | None = None
    is_archived: StrictBool | None = None


class Committed(Frozen):
    """The first event of the command; empty for what causes none (`mark_read`, `set_typing`)."""

    seq: int | None = None
    event_id: str | None = None


async def perform(call: Call[object, object], command: Command, *, key: str | None = None) -> Done:
    """Carry out a command as the caller, by the same door as every other transport."""
    call.check_commands()
    request = Request(id="", room_id=call.room_id, key=key, command=command)
    return await call.pod.door.perform(call.account_id, request, "http")


def committed(done: Done) -> Committed:
    return Committed(seq=done.seq, event_id=done.event_id)


async def _list(call: Call[Nothing, Nothing]) -> RoomList:
    return RoomList(rooms=tuple(await call.pod.storage.rooms_of(call.account_id)))


async def _create(call: Call[NewRoom, Nothing]) -> RoomListing:
    call.check_commands()
    body = call.body
    room_id = await call.pod.lobby.create_room(
        call.account_id, body.name, topic=body.topic, with_ai=body.with_ai, origin="http"
    )
    return await _announced(call, room_id)


async def _direct(call: Call[NewDirectRoom, Nothing]) -> RoomListing:
    call.check_commands()
    room_id = await call.pod.lobby.direct(call.account_id, call.body.handles, origin="http")
    return await _announced(call, room_id)


async def _announced(call: Call[object, object], room_id: RoomId) -> RoomListing:
    """Tell the members' open sessions of a room that nobody has said anything in yet."""
    host = await call.pod.directory.host(room_id)
    if host.room.seq == 1:
        for account_id in host.room.state.members:
            call.pod.sessions.tell(account_id, RoomAdded(room=host.room.state.room))
    return await listing(call, room_id)


async def listing(call: Call[object, object], room_id: RoomId) -> RoomListing:
    """Return the caller's row of the room list."""
    host = await call.pod.directory.host(room_id)
    read = await call.pod.storage.read_mark(room_id, call.account_id)
    me = host.room.reader(call.account_id)
    return host.room.state.listing(me.account_id, read)


async def _look(call: Call[Nothing, Nothing]) -> RoomListing:
    return await listing(call, call.room_id)


async def _change(call: Call[RoomChange, Nothing]) -> RoomListing:
    change = call.body
    commands: list[Command] = []
    if change.name is not None:
        commands.append(RenameRoom(name=change.name))
    if change.topic is not None:
        commands.append(SetTopic(topic=change.topic))
    if change.settings is not None:
        commands.append(SetRoomSettings(settings=await _merged(call, change.settings)))
    if change.is_archived is not None:
        commands.append(ArchiveRoom(is_archived=change.is_archived))
    if not commands:
        # Who is no member learns nothing, not even that the body was empty.
        (await call.pod.directory.host(call.room_id)).room.reader(call.account_id)
        raise Malformed("nothing to change: give name, topic, settings or is_archived")
    for command in commands:
        try:
            await perform(call, command)
        except Refused as refused:
            # A change that is there already is what was asked for.
            if refused.code is not RefusalCode.NO_CHANGE:
                raise
    return await listing(call, call.room_id)


async def _merged(call: Call[RoomChange, Nothing], given: RoomSettings) -> RoomSettings:
    """Return the room's settings with what was given; the rest stays as it is."""
    host = await call.pod.directory.host(call.room_id)
    host.room.reader(call.account_id)
    changed = {name: getattr(given, name) for name in given.model_fields_set}
    return host.room.state.room.settings.model_copy(update=changed)


def _read_command(body: JsonObject) -> Request:
    for name in ("id", "room_id"):
        if name in body:
            raise Malformed(f"unknown field {name}: the address says which room")
    return request_of({**body, "id": "", "room_id": ""})


async def _command(call: Call[Request, Nothing]) -> Committed:
    return committed(await perform(call, call.body.command, key=call.body.key))


async def _unread(call: Call[Nothing, Nothing]) -> ReadMark:
    return await call.pod.storage.read_mark(call.room_id, call.account_id)


ROOMS_API: tuple[Operation, ...] = (
    Route("GET", "/api/v1/rooms", Access.SIGNED_IN, "Rooms I am in", _list, Nothing, Nothing, RoomList),
    Route("POST", "/api/v1/rooms", Access.SIGNED_IN, "Make a room", _create, NewRoom, Nothing, RoomListing, 201),
    Route(
        "POST",
        "/api/v1/rooms/direct",
        Access.SIGNED_IN,
        "Find or make the direct room of some accounts",
        _direct,
        NewDirectRoom,
        Nothing,
        RoomListing,
    ),
    Route("GET", "/api/v1/rooms/{room_id}", Access.MEMBER, "One room", _look, Nothing, Nothing, RoomListing),
    Route(
        "PATCH",
        "/api/v1/rooms/{room_id}",
        Access.SIGNED_IN,
        "Rename, set topic or settings, archive",
        _change,
        RoomChange,
        Nothing,
        RoomListing,
    ),
    Route(
        "POST",
        "/api/v1/rooms/{room_id}/commands",
        Access.SIGNED_IN,
        "Any command, as over a WebSocket; answers when it is committed",
        _command,
        Request,
        Nothing,
        Committed,
        parse=_read_command,
        described_as=TypeAdapter[object](Annotated[Command, Field(discriminator="type")]),
    ),
    Route(
        "GET",
        "/api/v1/rooms/{room_id}/unread",
        Access.MEMBER,
        "How far I have read, and what waits",
        _unread,
        Nothing,
        Nothing,
        ReadMark,
    ),
)
