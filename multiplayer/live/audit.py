"""Which events are privileged acts, and what the audit trail says of them."""

from collections.abc import Iterable
from typing import Literal

from multiplayer.protocol.events import (
    BanLifted,
    Event,
    MemberJoined,
    MemberRemoved,
    MessageDeleted,
    RoleChanged,
    RoomArchived,
    RoomCreated,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
)
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    FilesChanged,
    ProposalDecided,
    TurnStopRequested,
    UndoRequested,
)
from multiplayer.rooms.state import RoomState
from multiplayer.storage.audit_port import AuditEntry

Origin = Literal["ws", "sse", "http", "cli", "server"]


def audit_of(events: Iterable[Event], before: RoomState, origin: Origin) -> tuple[AuditEntry, ...]:
    """Return one entry for each privileged act among `events`; `before` is the room they were decided against."""
    entries: list[AuditEntry] = []
    for event in events:
        described = _described(event, before)
        if described is None:
            continue
        subject, was, becomes = described
        entries.append(
            AuditEntry(
                at=event.at,
                actor_id=event.actor_id,
                origin=origin,
                action=event.type,
                subject=subject,
                before=was,
                after=becomes,
            )
        )
    return tuple(entries)


def _described(event: Event, before: RoomState) -> tuple[str, str, str] | None:
    room = before.room
    match event:
        case RoomCreated():
            return room.id, "", _name(event.kind, event.name)
        case MemberJoined():
            return event.member.account_id, "", "erased" if event.is_erased else event.member.role.value
        case MemberRemoved():
            member = before.members.get(event.account_id)
            becomes = "banned" if event.is_banned else "expired" if event.is_expired else "removed"
            becomes = "erased" if event.is_erased else becomes
            return event.account_id, member.role.value if member else "", becomes
        case BanLifted():
            return event.account_id, "banned", ""
        case RoleChanged():
            return event.account_id, event.previous.value, event.role.value
        case RoomRenamed():
            return room.id, _name(room.kind, room.name), _name(room.kind, event.name)
        case RoomSettingsSet():
            return room.id, room.settings.model_dump_json(), event.settings.model_dump_json()
        case RoomArchived():
            return room.id, "", "archived" if event.is_archived else "open"
        case RoomDeleted():
            return room.id, _name(room.kind, room.name), ""
        case MessageDeleted(because="retention"):
            # One entry for all that went at a look, by whoever looked.
            return None
        case MessageDeleted():
            return event.message_id, "", "deleted"
        case TurnStopRequested():
            return event.turn_id, "", "stopped"
        case ApprovalDecided():
            return f"{event.turn_id}/{event.call_id}", "", "approved" if event.is_approved else "rejected"
        case ProposalDecided():
            return event.proposal_id, "", "accepted" if event.is_accepted else "dropped"
        case UndoRequested():
            return event.turn_id, "", "undone"
        case FilesChanged(turn_id=None):
            # By hand; what a turn changed stands under its approval and its call.
            return room.id, event.before, event.after
        case _:
            return None


def _name(kind: RoomKind, name: str) -> str:
    """A direct room is called as those in it are: their names can be erased, and what stands in the trail cannot."""
    return "" if kind is RoomKind.DIRECT else name
