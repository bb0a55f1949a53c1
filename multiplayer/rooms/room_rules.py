"""Deciding the room itself: name, topic, settings, archive, end."""

from multiplayer.protocol.commands import ArchiveRoom, RenameRoom, SetRoomSettings, SetTopic
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, RoomArchived, RoomDeleted, RoomRenamed, RoomSettingsSet, TopicSet
from multiplayer.protocol.rooms import RoomKind
from multiplayer.rooms.deciding import Deciding, checked_name
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.triggers import is_ai
from multiplayer.rooms.turn_rules import end_turns_of


def rename(deciding: Deciding, command: RenameRoom) -> list[Event]:
    deciding.check(Right.RENAME)
    _refuse_in_direct(deciding)
    name = checked_name(command.name, deciding.limits.name)
    if name == deciding.state.room.name:
        raise Refused(RefusalCode.NO_CHANGE, "the room has this name already")
    return [RoomRenamed(**deciding.head(), name=name)]


def set_topic(deciding: Deciding, command: SetTopic) -> list[Event]:
    deciding.check(Right.RENAME)
    topic = command.topic.strip()
    if len(topic) > deciding.limits.topic:
        raise Refused(RefusalCode.TOO_LONG, f"a topic may have at most {deciding.limits.topic} characters")
    if topic == deciding.state.room.topic:
        raise Refused(RefusalCode.NO_CHANGE, "the room has this topic already")
    return [TopicSet(**deciding.head(), topic=topic)]


def set_settings(deciding: Deciding, command: SetRoomSettings) -> list[Event]:
    deciding.check(Right.SETTINGS)
    settings = command.settings
    if settings.default_ai is not None and not is_ai(deciding.state, settings.default_ai):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    if len(settings.persona) > deciding.limits.persona:
        raise Refused(RefusalCode.TOO_LONG, f"a persona may have at most {deciding.limits.persona} characters")
    if settings == deciding.state.room.settings:
        raise Refused(RefusalCode.NO_CHANGE, "these are the room's settings already")
    return [RoomSettingsSet(**deciding.head(), settings=settings)]


def archive(deciding: Deciding, command: ArchiveRoom) -> list[Event]:
    deciding.check(Right.ARCHIVE)
    _refuse_in_direct(deciding)
    if command.is_archived == (deciding.state.room.archived_at is not None):
        raise Refused(RefusalCode.NO_CHANGE, "it is so already")
    ended = end_turns_of(deciding, None, "the room was archived") if command.is_archived else []
    return [*ended, RoomArchived(**deciding.head(), is_archived=command.is_archived)]


def delete(deciding: Deciding) -> list[Event]:
    deciding.check(Right.ARCHIVE)
    return [*end_turns_of(deciding, None, "the room was deleted"), RoomDeleted(**deciding.head())]


def _refuse_in_direct(deciding: Deciding) -> None:
    if deciding.state.room.kind is RoomKind.DIRECT:
        raise Refused(RefusalCode.CONFLICT, "a direct room has no name of its own and stays open")
