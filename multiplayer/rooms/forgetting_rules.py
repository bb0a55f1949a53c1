"""Deciding what a room forgets by itself: what its rule is by now, and what of it goes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, Event, MessageDeleted
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.inner_commands import ForgetFiles, ForgetMessages
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Retention
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.memory_rules import erase_derived
from multiplayer.rooms.state import RoomState

TOO_OLD = "the room keeps files for a time only"
"""Why a file is not there any more."""


def in_force(rule: Retention, limits: RoomLimits) -> Retention:
    """Return what holds in a room with this rule on this server: the shorter of the two. A file never outlives its message."""
    messages = _shorter(rule.messages_days, limits.retention_days)
    files = rule.files_days if messages is None or (rule.files_days or messages) < messages else None
    return rule.model_copy(update={"messages_days": messages, "files_days": files})


def due_before(days: int | None, at: datetime) -> datetime | None:
    """Return the time at or before which a message must have been posted to be due at `at`; None: nothing is."""
    return at - timedelta(days=days) if days is not None else None


def held_by_turns(state: RoomState) -> frozenset[MessageId]:
    """Return the messages that turns which have not ended are about: they wait for the next look."""
    held = (
        (*turn.messages, *turn.steering, *((turn.replaces,) if turn.replaces else ())) for turn in state.turns.values()
    )
    return frozenset(message_id for some in held for message_id in some)


def forget_messages(deciding: Deciding, command: ForgetMessages) -> list[Event]:
    messages = [message for message in _named(deciding, command.message_ids) if not message.is_deleted]
    if command.because == "retention":
        messages = list(_due(deciding, messages, in_force(_rule(deciding), deciding.limits).messages_days))
    if not messages:
        raise Refused(RefusalCode.NO_CHANGE, "nothing of this is left to delete")
    deleted = [
        MessageDeleted(**deciding.head(), message_id=message.id, because=command.because) for message in messages
    ]
    return [*deleted, *erase_derived(deciding, messages)]


def forget_files(deciding: Deciding, command: ForgetFiles) -> list[Event]:
    messages = [message for message in _named(deciding, command.message_ids) if not message.is_deleted]
    events: list[Event] = [
        AttachmentChanged(**deciding.head(), message_id=message.id, attachment=_removed(file))
        for message in _due(deciding, messages, in_force(_rule(deciding), deciding.limits).files_days)
        for file in message.attachments
        if file.state is not AttachmentState.REMOVED
    ]
    if not events:
        raise Refused(RefusalCode.NO_CHANGE, "nothing of this is left to remove")
    return events


def _rule(deciding: Deciding) -> Retention:
    return deciding.state.room.settings.retention


def _removed(file: Attachment) -> Attachment:
    return without_content(file).model_copy(update={"reason": TOO_OLD})


def _named(deciding: Deciding, message_ids: Sequence[MessageId]) -> Iterator[Message]:
    for message_id in dict.fromkeys(message_ids):
        message = deciding.facts.message(message_id)
        if message is not None:
            yield message


def _due(deciding: Deciding, messages: Sequence[Message], days: int | None) -> Iterator[Message]:
    """Yield those that go by the rule as it is now: pins, turns and the rule itself may have changed since a look."""
    before = due_before(days, deciding.at)
    if before is None:
        return
    kept = held_by_turns(deciding.state)
    if _rule(deciding).keeps_pinned:
        kept |= frozenset(deciding.state.pins)
    for message in messages:
        if message.at <= before and message.id not in kept:
            yield message


def _shorter(one: int | None, other: int | None) -> int | None:
    return min((days for days in (one, other) if days is not None), default=None)
