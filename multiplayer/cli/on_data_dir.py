"""Acting on a data folder: a short-lived pod beside the running server, or alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.compose import command_line
from multiplayer.live.pod import Pod
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.commands import Command
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.settings import load_settings
from multiplayer.storage.account_port import StoredAccount
from multiplayer.telemetry import logs

__all__ = [
    "Pod",
    "account_called",
    "ai_ids_of",
    "as_owner",
    "member_called",
    "on_data_dir",
    "owner_of",
    "room_called",
]

T = TypeVar("T")


def on_data_dir(data_dir: Path | None, work: Callable[[Pod], Awaitable[T]]) -> T:
    """Run `work` on the folder's rooms and return what it returns. A folder that nobody named is not made."""
    logs.set_up("warning")
    settings = load_settings(data_dir)
    if settings.data_dir is None and settings.database_url is None and not (settings.folder / "postgres").is_dir():
        raise Failure(
            f"there is no server data in {settings.folder}", hint="give --data-dir, or start the server first"
        )

    async def run() -> T:
        async with command_line(settings) as pod:
            return await work(pod)

    return asyncio.run(run())


async def account_called(pod: Pod, handle: str) -> StoredAccount:
    folded = handle.removeprefix("@").casefold()
    # Handles are ASCII; the database cannot take every string that an argument can hold.
    found = await pod.storage.find_account_by_handle(folded) if folded.isascii() and folded.isprintable() else None
    if found is None:
        raise Failure(f"there is no account {handle!r}", hint="multiplayer user list shows them")
    return found


async def room_called(pod: Pod, name_or_id: str) -> RoomHost:
    """Return the room of this id, or the only one of this name; archived ones count only where no open one has it."""
    name = name_or_id.removeprefix("#")
    is_stored_text = "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)
    named: Sequence[RoomId] = await pod.storage.rooms_named(name) if is_stored_text else ()
    if len(named) > 1:
        named = [room_id for room_id in named if not await _is_archived(pod, room_id)] or named
    if len(named) == 1:
        return await pod.directory.host(named[0])
    candidate = RoomId(name_or_id)
    if is_stored_text and (await pod.storage.seqs([candidate])).get(candidate):
        return await pod.directory.host(candidate)
    if len(named) > 1:
        raise Failure(
            f"{len(named)} rooms are called {name!r}: {', '.join(named)}", hint="give the id", exit_code=USAGE
        )
    raise Failure(f"there is no room {name_or_id!r}", hint="multiplayer room list shows them")


async def _is_archived(pod: Pod, room_id: RoomId) -> bool:
    return (await pod.directory.host(room_id)).room.state.room.archived_at is not None


def owner_of(host: RoomHost) -> AccountId:
    """Return the owner in whose name the command line acts: the operator of a data folder may do what any owner may."""
    owners = [member for member in host.room.state.members.values() if member.role is Role.OWNER]
    if not owners:
        raise Failure("this room has no owner", hint="nobody may change it")
    return min(owners, key=lambda member: member.joined_seq).account_id


def ai_ids_of(host: RoomHost) -> dict[str, AccountId]:
    """Return the handles of the room's AIs and whose they are."""
    members = host.room.state.members.values()
    return {member.handle: member.account_id for member in members if member.kind is AccountKind.AI}


async def as_owner(host: RoomHost, command: Command) -> None:
    """Carry out a command as the room's first owner, marked in the audit trail as the command line's."""
    await host.ask(owner_of(host), command, origin="cli")


def member_called(host: RoomHost, handle: str) -> Member:
    folded = handle.removeprefix("@").casefold()
    for member in host.room.state.members.values():
        if member.handle == folded:
            return member
    raise Failure(f"{handle!r} is not a member of this room", hint="multiplayer room members ROOM shows them")
