"""A room in memory whose person is erased: what of them stands in a deleted one, and in how its turns ended."""

from multiplayer.protocol.events import event_adapter
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.rooms.erasure_rules import others_in, settings_without
from multiplayer.rooms.notes import RoomNotes
from multiplayer.rooms.turn_rules import STOPPED_BY_A_MEMBER
from multiplayer.storage.erased_lines import STOPPED_BY, renamed
from multiplayer.storage.erasure_port import Erased
from multiplayer.storage.memory_rooms import MemoryRoom
from multiplayer.storage.redaction import FORGOTTEN


def close_rows(room: MemoryRoom, erased: Erased) -> None:
    """Take the person out of the state of a deleted room, which takes no events."""
    state, who = room.state, erased.account_id
    is_theirs = who in state.members and not others_in(state, who)
    if who in state.members:
        state.members[who] = renamed(state.members[who], erased)
    state.notes = RoomNotes()
    if is_theirs or state.room.kind is RoomKind.DIRECT:
        bare = {"name": FORGOTTEN, "topic": "", "settings": RoomSettings()}
        state.room = state.room.model_copy(update=bare)
    else:
        settings = settings_without(state.room.settings, who)
        state.room = state.room.model_copy(update={"settings": settings})


def is_stopped_by(room: MemoryRoom, reason: str, ended_seq: int | None, account_id: AccountId) -> bool:
    """Whether a turn that ended so says by name that this account has stopped it."""
    if ended_seq is None or not reason.startswith(STOPPED_BY) or reason == STOPPED_BY_A_MEMBER:
        return False
    return event_adapter.validate_json(room.timeline.log[ended_seq - 1].line).actor_id == account_id
