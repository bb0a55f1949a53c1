"""`multiplayer room`: rooms and who is in them."""

from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson, DataDir, Handle, RoleName, Room
from multiplayer.cli.output import print_done, print_json, print_rows, say

app = typer.Typer(help="Rooms and their members.", no_args_is_help=True, rich_markup_mode=None)
Role = Annotated[RoleName, typer.Option("--role", help="The member's role.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    owner: Annotated[str, typer.Option("--owner", metavar="HANDLE", help="Who owns it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    topic: Annotated[str, typer.Option(help="What it is about.")] = "",
    without_ai: Annotated[bool, typer.Option("--without-ai", help="Without the built-in AI member.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make it even if the owner has an open room of this name.")
    ] = False,
) -> None:
    """Make a room. It comes with its AI member @ai."""
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.protocol.members import Role
    from multiplayer.protocol.rooms import RoomKind

    async def work(pod: Pod) -> tuple[str, str]:
        account = await account_called(pod, owner)
        if not again:
            for listing in await pod.storage.rooms_of(account.id):
                is_open_room = listing.room.kind is RoomKind.ROOM and listing.room.archived_at is None
                if is_open_room and listing.role == Role.OWNER.value and listing.room.name == name.strip():
                    raise Failure(
                        f"{account.handle} owns an open room {listing.room.name!r} already ({listing.room.id})",
                        hint="--again makes another of this name",
                    )
        room_id = await pod.lobby.create_room(account.id, name, topic=topic, with_ai=not without_ai, origin="cli")
        return room_id, (await pod.directory.host(room_id)).room.state.room.name

    room_id, shown_name = on_data_dir(data_dir, work)
    if as_json:
        print_json({"id": room_id, "name": shown_name})
    else:
        say(f"{shown_name} is there ({room_id})")


@app.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all rooms."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.ids import RoomId
    from multiplayer.protocol.rooms import RoomListing

    async def work(pod: Pod) -> list[RoomListing]:
        found: dict[RoomId, RoomListing] = {}
        for account in await pod.storage.list_accounts():
            for listing in await pod.storage.rooms_of(account.id):
                found.setdefault(listing.room.id, listing)
        return sorted(found.values(), key=lambda listing: listing.room.created_at)

    listings = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": listing.room.id,
                    "name": listing.room.name,
                    "topic": listing.room.topic,
                    "kind": listing.room.kind.value,
                    "seq": listing.seq,
                    "is_archived": listing.room.archived_at is not None,
                }
                for listing in listings
            ]
        )
        return
    print_rows(
        ("NAME", "KIND", "EVENTS", "STATE", "ID"),
        [
            (
                listing.room.name,
                listing.room.kind.value,
                str(listing.seq),
                "archived" if listing.room.archived_at else "",
                listing.room.id,
            )
            for listing in listings
        ],
    )


@app.command()
def members(room: Room, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a room's members and their roles."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, room_called
    from multiplayer.protocol.members import Member

    async def work(pod: Pod) -> list[Member]:
        return list((await room_called(pod, room)).room.state.members.values())

    found = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "account_id": member.account_id,
                    "handle": member.handle,
                    "display_name": member.display_name,
                    "kind": member.kind.value,
                    "role": member.role.value,
                }
                for member in found
            ]
        )
        return
    print_rows(
        ("HANDLE", "ROLE", "KIND", "NAME", "ID"),
        [
            (member.handle, member.role.value, member.kind.value, member.display_name, member.account_id)
            for member in found
        ],
    )


@app.command()
def add(
    room: Room, handle: Handle, data_dir: DataDir = None, as_json: AsJson = False, role: Role = RoleName.MEMBER
) -> None:
    """Make an account a member, at once."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.protocol.commands import InviteMember
    from multiplayer.protocol.members import Role as MemberRole

    async def work(pod: Pod) -> None:
        host = await room_called(pod, room)
        await as_owner(host, InviteMember(handle=handle.removeprefix("@"), role=MemberRole(role.value)))

    on_data_dir(data_dir, work)
    print_done(f"{handle} is a member of {room}", {"room": room, "handle": handle, "role": role.value}, as_json)


@app.command()
def role(
    room: Room,
    handle: Handle,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change a member's role."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, member_called, on_data_dir, room_called
    from multiplayer.protocol.commands import SetRole
    from multiplayer.protocol.members import Role as MemberRole

    async def work(pod: Pod) -> None:
        host = await room_called(pod, room)
        member = member_called(host, handle)
        await as_owner(host, SetRole(account_id=member.account_id, role=MemberRole(role.value)))

    on_data_dir(data_dir, work)
    print_done(f"{handle} is {role.value} of {room}", {"room": room, "handle": handle, "role": role.value}, as_json)


@app.command()
def remove(
    room: Room,
    handle: Handle,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    ban: Annotated[bool, typer.Option("--ban", help="No way back until the ban is lifted.")] = False,
) -> None:
    """End a membership."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, member_called, on_data_dir, room_called
    from multiplayer.protocol.commands import RemoveMember

    async def work(pod: Pod) -> None:
        host = await room_called(pod, room)
        await as_owner(host, RemoveMember(account_id=member_called(host, handle).account_id, ban=ban))

    on_data_dir(data_dir, work)
    print_done(f"{handle} is out of {room}", {"room": room, "handle": handle, "is_banned": ban}, as_json)


@app.command()
def archive(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    undo: Annotated[bool, typer.Option("--undo", help="Open it for writing again.")] = False,
) -> None:
    """Close a room for writing; it can still be read."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.protocol.commands import ArchiveRoom

    async def work(pod: Pod) -> None:
        await as_owner(await room_called(pod, room), ArchiveRoom(is_archived=not undo))

    on_data_dir(data_dir, work)
    print_done(f"{room} is {'open again' if undo else 'archived'}", {"room": room, "is_archived": not undo}, as_json)


@app.command()
def rename(
    room: Room,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a room another name."""
    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.protocol.commands import RenameRoom

    async def work(pod: Pod) -> tuple[str, str]:
        host = await room_called(pod, room)
        await as_owner(host, RenameRoom(name=name))
        return host.room_id, host.room.state.room.name

    room_id, shown_name = on_data_dir(data_dir, work)
    print_done(f"{room} is {shown_name} now ({room_id})", {"id": room_id, "name": shown_name}, as_json)


@app.command()
def delete(
    room: Room,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for ever.")] = False,
) -> None:
    """Delete a room with all that was said in it, for everyone."""
    if not yes:
        raise Failure(
            "a deleted room does not come back",
            hint="--yes deletes it; multiplayer room archive only closes it",
            exit_code=USAGE,
        )
    from multiplayer.cli.on_data_dir import Pod, as_owner, on_data_dir, room_called
    from multiplayer.protocol.commands import DeleteRoom

    async def work(pod: Pod) -> str:
        host = await room_called(pod, room)
        await as_owner(host, DeleteRoom())
        return host.room_id

    room_id = on_data_dir(data_dir, work)
    print_done(f"{room} is deleted ({room_id})", {"id": room_id, "is_deleted": True}, as_json)
