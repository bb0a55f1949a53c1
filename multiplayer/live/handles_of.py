"""The handles of a room's members, and of those who were some."""

from collections.abc import Collection, Mapping

from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import AccountId
from multiplayer.storage.port import Storage


async def handles_of(storage: Storage, host: RoomHost, others: Collection[AccountId] = ()) -> Mapping[AccountId, str]:
    """Return the handle of each member, and of these others who are none (any more)."""
    names = {member.account_id: member.handle for member in host.room.state.members.values()}
    gone = set(others) - names.keys()
    if gone:
        names |= {account.id: account.handle for account in (await storage.accounts(list(gone))).values()}
    return names
