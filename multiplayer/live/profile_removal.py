"""Which AI's profile may be removed (not while rooms, other AIs or the server count on it), and which one was."""

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import AccountKind
from multiplayer.storage.port import Storage
from multiplayer.storage.profile_port import StoredProfile


async def check_removable(storage: Storage, stored: StoredProfile, *, built_in: str) -> None:
    """Refuse with what stands in the way and what to do about it. `built_in`: the handle that every server has."""
    handle = stored.profile.handle
    if handle == built_in:
        raise Refused(RefusalCode.CONFLICT, f"{handle} is a part of every server: disable it instead")
    if stored.is_from_file:
        raise Refused(
            RefusalCode.CONFLICT,
            f"{handle} stands in the server's file of profiles: take it out there and start the server again",
        )
    leaning = [one.profile.handle for one in await storage.profiles() if handle in one.profile.fallbacks]
    if leaning:
        raise Refused(RefusalCode.CONFLICT, f"{handle} answers in the place of {', '.join(leaning)}: change that first")
    rooms = len(await storage.rooms_of(stored.account_id))
    if rooms:
        count = "a room" if rooms == 1 else f"{rooms} rooms"
        raise Refused(
            RefusalCode.CONFLICT, f"{handle} is a member of {count}: take it out of there first, or disable it instead"
        )


async def removed_account(storage: Storage, handle: str) -> AccountId | None:
    """Return the AI account of this handle if it has no profile any more."""
    found = await storage.find_account_by_handle(handle)
    if found is None or found.kind is not AccountKind.AI or await storage.profile(found.id) is not None:
        return None
    return found.id
