"""Deciding the room itself: name, topic, settings, archive, end."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from multiplayer.protocol.commands import ArchiveRoom, RenameRoom, SetRoomSettings, SetTopic
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, RoomArchived, RoomDeleted, RoomRenamed, RoomSettingsSet, TopicSet
from multiplayer.protocol.retention import Retention
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.tools import StandingRule
from multiplayer.protocol.trigger_rules import ScheduleRule, TriggerRule, WebhookRule
from multiplayer.rooms.deciding import Deciding, checked_name
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.tool_policy import STANDING_FOR
from multiplayer.rooms.triggers import is_ai
from multiplayer.rooms.turn_rules import end_turns_of

LONGEST_STANDING: Final = timedelta(days=30)


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
    before = deciding.state.room.settings
    settings = command.settings
    if settings.default_ai is not None and not is_ai(deciding.state, settings.default_ai):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    if len(settings.persona) > deciding.limits.persona:
        raise Refused(RefusalCode.TOO_LONG, f"a persona may have at most {deciding.limits.persona} characters")
    if settings.triggers != before.triggers:
        deciding.check(Right.CHOOSE_AI)
        settings = settings.model_copy(update={"triggers": _checked_rules(deciding, settings.triggers)})
    if settings.approvals.standing != before.approvals.standing:
        standing = _checked_standing(deciding, settings.approvals.standing)
        settings = settings.model_copy(
            update={"approvals": settings.approvals.model_copy(update={"standing": standing})}
        )
    if settings.retention != before.retention:
        _check_retention(deciding, settings.retention)
    if settings == before:
        raise Refused(RefusalCode.NO_CHANGE, "these are the room's settings already")
    return [RoomSettingsSet(**deciding.head(), settings=settings)]


def _checked_rules(deciding: Deciding, rules: Sequence[TriggerRule]) -> tuple[TriggerRule, ...]:
    """Return the rules, each that fires by itself marked with who set it: a change makes it the changer's.

    A webhook rule is marked with a key besides, a new one whenever the room had no webhook rule of this name before.
    """
    known = {rule.id: rule for rule in deciding.state.room.settings.triggers}
    checked: list[TriggerRule] = []
    for rule in rules:
        if any(other.id == rule.id for other in checked):
            raise Refused(RefusalCode.MALFORMED, f"two rules have the id {rule.id}")
        if rule.ai_id is not None and not is_ai(deciding.state, rule.ai_id):
            raise Refused(RefusalCode.NOT_FOUND, f"rule {rule.id} names an AI that is not in this room")
        if isinstance(rule, ScheduleRule | WebhookRule):
            before = known.get(rule.id)
            stamps: dict[str, object] = {
                "set_by": before.set_by if isinstance(before, ScheduleRule | WebhookRule) else None
            }
            if isinstance(rule, WebhookRule):
                stamps["key"] = before.key if isinstance(before, WebhookRule) else deciding.new_id()
            if before != rule.model_copy(update=stamps):
                stamps["set_by"] = deciding.actor_id
                _check_zone(deciding, rule)
            checked.append(rule.model_copy(update=stamps))
        else:
            checked.append(rule)
    return tuple(checked)


def _checked_standing(deciding: Deciding, rules: Sequence[StandingRule]) -> tuple[StandingRule, ...]:
    """Return the standing rules that still hold, each marked with who set it: a change makes it the changer's."""
    known = deciding.state.room.settings.approvals.standing
    checked: list[StandingRule] = []
    for rule in rules:
        if rule.tool_class not in STANDING_FOR:
            raise Refused(RefusalCode.MALFORMED, f"no standing rule can allow the class {rule.tool_class.value}")
        if any(other.tool_class is rule.tool_class for other in checked):
            raise Refused(RefusalCode.MALFORMED, f"two standing rules name the class {rule.tool_class.value}")
        same = next((one for one in known if (one.tool_class, one.until) == (rule.tool_class, rule.until)), None)
        if same is None:
            if not deciding.at < rule.until <= deciding.at + LONGEST_STANDING:
                raise Refused(
                    RefusalCode.MALFORMED,
                    f"a standing rule ends within {LONGEST_STANDING.days} days, and not in the past",
                )
            same = rule.model_copy(update={"set_by": deciding.actor_id})
        checked.append(same)
    return tuple(rule for rule in checked if rule.until > deciding.at)


def _check_retention(deciding: Deciding, rule: Retention) -> None:
    # What deletes little by little asks for the right to delete all at once.
    deciding.check(Right.ARCHIVE, because="only owners may set how long the room keeps what is said")
    most = deciding.limits.retention_days
    if most is not None and max(rule.messages_days or 0, rule.files_days or 0) > most:
        raise Refused(RefusalCode.LIMIT_REACHED, f"no room of this server keeps anything longer than {most} days")


def _check_zone(deciding: Deciding, rule: TriggerRule) -> None:
    zones = deciding.limits.zones
    if isinstance(rule, ScheduleRule) and zones is not None and rule.zone not in zones:
        raise Refused(
            RefusalCode.MALFORMED, f"nobody here knows the time zone {rule.zone}: one is named like Europe/Berlin"
        )


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
