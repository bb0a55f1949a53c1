"""Fires a rule without anybody's message: in the name of who set it, if they are still one whose word counts."""

from multiplayer.live.audit import Origin
from multiplayer.live.batch import Done
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import FireRule
from multiplayer.storage.port import Storage


async def fire(
    storage: Storage, host: RoomHost, set_by: AccountId | None, command: FireRule, *, key: str | None, origin: Origin
) -> Done:
    """Submit `command` as `set_by`. Refuses when they have left the room or their account is disabled."""
    if set_by is None or set_by not in host.room.state.members:
        raise Refused(RefusalCode.CONFLICT, "who set this rule is not in the room any more: set the rule anew")
    if await storage.disabled_accounts([set_by]):
        raise Refused(RefusalCode.CONFLICT, "the account of who set this rule is disabled: set the rule anew")
    return await host.ask(set_by, command, key=key, origin=origin)
