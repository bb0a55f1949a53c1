"""Lines of a log without a person: under another name where they are told of, and without what they noted or set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import (
    Event,
    FactPinned,
    FormAnswered,
    MemberJoined,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
    RoomCreated,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
    TopicSet,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turn_events import (
    ChangeProposed,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnSteered,
)
from multiplayer.rooms.erasure_rules import (
    ANY_REACTION,
    answers_elsewhere,
    direct_name,
    points_without,
    settings_without,
)
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.turn_rules import STOPPED_BY_A_MEMBER
from multiplayer.storage.erasure_port import Erased
from multiplayer.storage.redaction import FORGOTTEN, redacted

OF_TURNS: Final = ("tool_called", "tool_finished", "change_proposed")
"""Types of events that do not name who asked for their turn."""
STOPPED_BY: Final = "stopped by "
OF_THE_ROOM: Final = ("room_created", "room_renamed", "topic_set", "room_settings_set")


@dataclass(frozen=True)
class Place:
    """The room that a line is of. `turns` are those that the person alone has asked for.

    `again`: answers that they asked for, too, and that somebody asked for once more: with the very words of the first time.
    `is_theirs`: nobody else was in the room, so its names go, too.
    """

    kind: RoomKind
    turns: Collection[TurnId]
    again: Collection[MessageId]
    is_theirs: bool


def line_without(line: bytes, erased: Erased, place: Place) -> bytes:
    """Return the line of the same event without the person; the very same line where nothing of them is in it."""
    event = event_adapter.validate_json(line)
    match event:
        case MessagePosted() | MessageEdited() if event.actor_id == erased.account_id and not event.is_redacted:
            # Its message is deleted by now; lines of old releases may not have gone with it.
            return redacted(line)
        case FactPinned() if event.fact.by == erased.account_id and not event.is_redacted:
            return redacted(line)
        case FormAnswered() if event.actor_id == erased.account_id and event.answers:
            return redacted(line)
        case TurnRequested() | TurnCollected() | TurnSteered() if event.note and erased.account_id in event.askers:
            return redacted(line)
        case TurnRequested() if event.note and event.replaces in place.again:
            return redacted(line)
        case ChangeProposed() | ToolCalled() | ToolFinished() if event.turn_id in place.turns and not event.is_redacted:
            return redacted(line)
        case _:
            changed = _without(event, erased, place)
            return line if changed == event else encode(changed)


def renamed(member: Member, erased: Erased) -> Member:
    """Return the member by the new names, if it is the person."""
    if member.account_id != erased.account_id:
        return member
    return member.model_copy(update={"handle": erased.handle, "display_name": erased.display_name})


def closing_events(
    message: Message, account_id: AccountId, *, room_id: RoomId, seq: int, at: datetime, by: AccountId
) -> Sequence[Event]:
    """Return what takes the account out of a message of a deleted room. The log takes no events any more: `seq` is made up."""
    if message.is_deleted:
        return ()
    if is_to_erase(message, account_id) or answers_elsewhere(message, account_id):
        deleted = MessageDeleted(
            room_id=room_id, seq=seq, id=message.id, at=at, actor_id=by, message_id=message.id, because="erasure"
        )
        return (deleted,)
    taken: list[Event] = []
    if any(account_id in reaction.account_ids for reaction in message.reactions):
        taken.append(
            ReactionRemoved(
                room_id=room_id,
                seq=seq,
                id=message.id,
                at=at,
                actor_id=account_id,
                message_id=message.id,
                emoji=ANY_REACTION,
                is_erased=True,
            )
        )
    if message.form is not None and message.form.answered_by == account_id and message.form.answers:
        taken.append(
            FormAnswered(
                room_id=room_id,
                seq=seq,
                id=message.id,
                at=at,
                actor_id=account_id,
                message_id=message.id,
                answers=(),
                is_redacted=True,
            )
        )
    return taken


def is_to_erase(message: Message, account_id: AccountId) -> bool:
    """Whether a message is theirs, or an AI's answer to nobody but them."""
    return message.author_id == account_id or (message.turn_id is not None and message.asked_by == (account_id,))


def is_touched(message: Message, account_id: AccountId) -> bool:
    """Whether they have reacted to it, or filled in its form."""
    has_form = message.form is not None and message.form.answered_by == account_id and bool(message.form.answers)
    return (
        has_form
        or answers_elsewhere(message, account_id)
        or any(account_id in reaction.account_ids for reaction in message.reactions)
    )


def _without(event: Event, erased: Erased, place: Place) -> Event:
    match event:
        case RoomCreated():
            members = tuple(renamed(member, erased) for member in event.members)
            settings = RoomSettings() if place.is_theirs else settings_without(event.settings, erased.account_id)
            changes: dict[str, object] = {"members": members, "settings": settings}
            if place.is_theirs:
                changes |= {"name": FORGOTTEN, "topic": ""}
            elif event.kind is RoomKind.DIRECT and members != event.members:
                changes["name"] = direct_name(members, RoomLimits().name)
            return event.model_copy(update=changes)
        case MemberJoined():
            return event.model_copy(update={"member": renamed(event.member, erased)})
        case RoomSettingsSet():
            settings = RoomSettings() if place.is_theirs else settings_without(event.settings, erased.account_id)
            return event.model_copy(update={"settings": settings})
        case RoomRenamed() if place.is_theirs or (place.kind is RoomKind.DIRECT and erased.former_name in event.name):
            return event.model_copy(update={"name": FORGOTTEN})
        case TopicSet() if place.is_theirs:
            return event.model_copy(update={"topic": ""})
        case ReactionAdded() if event.actor_id == erased.account_id and _is_word(event.emoji):
            return event.model_copy(update={"emoji": ANY_REACTION})
        case ReactionRemoved() if event.actor_id == erased.account_id and _is_word(event.emoji):
            return event.model_copy(update={"emoji": ANY_REACTION, "is_erased": True})
        case TurnEnded() if event.actor_id == erased.account_id and event.reason.startswith(STOPPED_BY):
            # Older releases wrote the name that they had then.
            return event.model_copy(update={"reason": STOPPED_BY_A_MEMBER})
        case SummaryUpdated():
            return event.model_copy(update={"points": points_without(event.points, erased.account_id)})
        case _:
            return event


def _is_word(emoji: str) -> bool:
    """A reaction may be a short word, too."""
    return any(character.isalpha() for character in emoji)
