"""What the erasure of a person would take: counted from rows, and from the rooms as they are."""

from collections.abc import Sequence

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.reports_erasure import ErasedRoom, ErasureCounts, ErasurePreview, RoomFate
from multiplayer.protocol.rooms import RoomKind
from multiplayer.rooms.erasure_rules import heir_of, others_in, settings_without
from multiplayer.rooms.state import RoomState
from multiplayer.storage.account_port import StoredAccount
from multiplayer.storage.erased_lines import is_to_erase
from multiplayer.storage.port import Storage


async def erasable(storage: Storage, account_id: AccountId, *, kept_handle: str) -> StoredAccount:
    """Return the account; refuse an AI, and the account of the server itself (`kept_handle`)."""
    found = await storage.find_account(account_id)
    if found is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such account")
    if found.kind is AccountKind.AI:
        raise Refused(RefusalCode.CONFLICT, "this is an AI: its profile can be removed")
    if found.handle == kept_handle:
        raise Refused(RefusalCode.CONFLICT, "this account is the server's own and cannot be erased")
    return found


async def preview_of(storage: Storage, account: StoredAccount) -> ErasurePreview:
    """Look through all that is kept; it takes as long as reading that takes."""
    counts = await storage.erasure_counts(account.id)
    rooms = await storage.rooms_with(account.id)
    fates: list[ErasedRoom] = []
    held: list[ErasedRoom] = []
    noted = ErasureCounts()
    for room in rooms:
        state = None if room.is_closed else await storage.load(room.room_id)
        if state is None:
            continue
        noted = _sum(noted, await _noted(storage, state, account.id))
        if account.id not in state.members:
            continue
        fate = await fate_of(storage, state, account.id)
        fates.append(fate)
        if fate.fate is RoomFate.HANDED_OVER:
            held.append(fate)
    return ErasurePreview(
        account_id=account.id,
        handle=account.handle,
        display_name=account.display_name,
        counts=counts.model_copy(
            update={
                "rooms": len(rooms),
                "facts": noted.facts,
                "points": noted.points,
                "proposals": noted.proposals,
                "rules": noted.rules,
            }
        ),
        rooms=tuple(fates),
        held_by=tuple(held),
    )


async def disabled_members(storage: Storage, state: RoomState, account_id: AccountId) -> tuple[AccountId, ...]:
    """Return who of the others could not be an owner, because their account is disabled."""
    ids = [member.account_id for member in others_in(state, account_id)]
    disabled = await storage.disabled_accounts(ids) if ids else frozenset()
    return tuple(one for one in ids if one in disabled)


async def fate_of(storage: Storage, state: RoomState, account_id: AccountId) -> ErasedRoom:
    room = state.room
    fate, heir = RoomFate.LEFT, None
    if not others_in(state, account_id):
        fate = RoomFate.DELETED
    elif room.kind is RoomKind.DIRECT:
        fate = RoomFate.STAYS
    else:
        heir = heir_of(state, account_id, await disabled_members(storage, state, account_id))
        fate = RoomFate.HANDED_OVER if heir is not None else fate
    return ErasedRoom(
        room_id=room.id, name=room.name, kind=room.kind, fate=fate, heir=heir.handle if heir is not None else ""
    )


async def _noted(storage: Storage, state: RoomState, account_id: AccountId) -> ErasureCounts:
    """Count what stands in the state of a room."""
    facts, settings = state.notes.facts, state.room.settings
    points = state.summary.points if state.summary is not None else ()
    named = [source for point in points for source in point.sources]
    named += [fact.message_id for fact in facts if fact.message_id is not None]
    gone = await _theirs(storage, state, account_id, named)
    kept = settings_without(settings, account_id)
    open_ = {proposal.id for proposal in state.notes.proposals}
    proposed = await storage.proposals_to_drop(state.room.id, account_id) if open_ else ()
    return ErasureCounts(
        facts=sum(fact.by == account_id or fact.message_id in gone for fact in facts),
        points=sum(point.by == account_id or not gone.isdisjoint(point.sources) for point in points),
        rules=len(settings.triggers)
        + len(settings.approvals.standing)
        - len(kept.triggers)
        - len(kept.approvals.standing),
        proposals=len(open_.intersection(proposed)),
    )


async def _theirs(
    storage: Storage, state: RoomState, account_id: AccountId, named: Sequence[MessageId]
) -> frozenset[MessageId]:
    if not named:
        return frozenset()
    found = await storage.messages(state.room.id, list(dict.fromkeys(named)))
    return frozenset(message.id for message in found.values() if is_to_erase(message, account_id))


def _sum(one: ErasureCounts, other: ErasureCounts) -> ErasureCounts:
    return ErasureCounts(
        facts=one.facts + other.facts,
        points=one.points + other.points,
        rules=one.rules + other.rules,
        proposals=one.proposals + other.proposals,
    )
