"""`multiplayer invite`: links by which people join a room."""

from datetime import datetime
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, RoleName, Room, read_span
from multiplayer.cli.output import print_done, print_json, print_rows, say

app = typer.Typer(help="Invite links.", no_args_is_help=True, rich_markup_mode=None)
RoomOption = Annotated[str, typer.Option("--room", metavar="ROOM", help="A room's id, or its name if only one has it.")]


@app.command()
def create(
    room: RoomOption,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    role: Annotated[RoleName, typer.Option("--role", help="What whoever joins becomes.")] = RoleName.GUEST,
    uses: Annotated[int | None, typer.Option("--uses", min=1, help="How many may join; default: any number.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="How long it counts, like 7d; default: for ever.")
    ] = None,
) -> None:
    """Make an invite link. It is shown once."""
    span = read_span(expires) if expires is not None else None

    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called
    from multiplayer.cli.server_file import link_base
    from multiplayer.live.lobby import Invite
    from multiplayer.protocol.members import Role
    from multiplayer.settings import load_settings

    async def work(pod: Pod) -> Invite:
        host = await room_called(pod, room)
        return await pod.lobby.create_invite(
            host.room_id, owner_of(host), role=Role(role.value), uses=uses, ttl=span, origin="cli"
        )

    invite = on_data_dir(data_dir, work)
    url = f"{link_base(load_settings(data_dir))}/join#{invite.code}"
    if as_json:
        print_json(
            {
                "id": invite.id,
                "url": url,
                "code": invite.code,
                "role": invite.role.value,
                "uses": invite.uses,
                "expires_at": _time(invite.expires_at),
            }
        )
    else:
        say(url)
        say(f"code: {invite.code}")
        if role is RoleName.GUEST:
            say("guests read; the room's settings let them post")


@app.command(name="list")
def list_(room: RoomOption, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a room's invites, without their codes."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, room_called
    from multiplayer.storage.account_port import StoredInvite

    async def work(pod: Pod) -> list[StoredInvite]:
        return list(await pod.storage.list_invites((await room_called(pod, room)).room_id))

    invites = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": invite.id,
                    "role": invite.role,
                    "uses_left": invite.uses_left,
                    "created_at": _time(invite.created_at),
                    "expires_at": _time(invite.expires_at),
                    "revoked_at": _time(invite.revoked_at),
                }
                for invite in invites
            ]
        )
        return
    print_rows(
        ("ID", "ROLE", "USES LEFT", "EXPIRES", "REVOKED"),
        [
            (
                invite.id,
                invite.role,
                "any" if invite.uses_left is None else str(invite.uses_left),
                _time(invite.expires_at) or "never",
                _time(invite.revoked_at) or "",
            )
            for invite in invites
        ],
    )


@app.command()
def revoke(
    room: Room,
    invite_id: Annotated[str, typer.Argument(metavar="ID")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End an invite. Who joined by it stays."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, owner_of, room_called

    async def work(pod: Pod) -> None:
        host = await room_called(pod, room)
        await pod.lobby.revoke_invite(host.room_id, invite_id, owner_of(host), origin="cli")

    on_data_dir(data_dir, work)
    print_done(f"{invite_id} is revoked", {"id": invite_id, "is_revoked": True}, as_json)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
