"""Deciding what of a person goes from a room when all they have said is erased: what they set, noted, and being in it."""

from collections.abc import Collection, Iterable
from typing import Final

from multiplayer.protocol.cards import FormAnswer
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    FactForgotten,
    FormAnswered,
    MemberJoined,
    MemberRemoved,
    ReactionRemoved,
    RoleChanged,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
)
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import ErasePerson, TakeBack
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.memory import SummaryPoint
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.trigger_rules import ScheduleRule, WebhookRule
from multiplayer.protocol.turn_events import ProposalDecided
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.memory_rules import ERASED
from multiplayer.rooms.state import RoomState
from multiplayer.rooms.turn_rules import end_turns_asked_by, end_turns_of

_HEIRS: Final = {Role.OWNER: 0, Role.ADMIN: 1, Role.MEMBER: 2, Role.GUEST: 3}
ANY_REACTION: Final = "…"
_NO_ANSWERS: Final[tuple[FormAnswer, ...]] = ()


def erase_person(deciding: Deciding, command: ErasePerson) -> list[Event]:
    state, who = deciding.state, command.account_id
    if who in state.members and not others_in(state, who):
        return [*end_turns_of(deciding, None, "the room was deleted"), RoomDeleted(**deciding.head())]
    events = [*end_turns_asked_by(deciding, who, "who asked was erased"), *_forgotten(deciding, command)]
    settings = settings_without(state.room.settings, who)
    if settings != state.room.settings:
        events.append(RoomSettingsSet(**deciding.head(), settings=settings))
    if command.is_last:
        events += _gone(deciding, command)
    if not events:
        raise Refused(RefusalCode.NO_CHANGE, "nothing of this person is left here")
    return events


def take_back(deciding: Deciding, command: TakeBack) -> list[Event]:
    who = command.account_id
    events: list[Event] = []
    for message_id in dict.fromkeys(command.message_ids):
        message = deciding.facts.message(message_id)
        if message is None or message.is_deleted:
            continue
        if any(who in reaction.account_ids for reaction in message.reactions):
            gone = ReactionRemoved(
                **deciding.head(actor_id=who), message_id=message.id, emoji=ANY_REACTION, is_erased=True
            )
            events.append(gone)
        if message.form is not None and message.form.answered_by == who and message.form.answers:
            bare = FormAnswered(
                **deciding.head(actor_id=who), message_id=message.id, answers=_NO_ANSWERS, is_redacted=True
            )
            events.append(bare)
    if not events:
        raise Refused(RefusalCode.NO_CHANGE, "nothing of this is left to take back")
    return events


def others_in(state: RoomState, account_id: AccountId) -> list[Member]:
    """Return the people and bots of the room beside this one."""
    return [
        member
        for member in state.members.values()
        if member.account_id != account_id and member.kind is not AccountKind.AI
    ]


def heir_of(state: RoomState, account_id: AccountId, not_to: Collection[AccountId]) -> Member | None:
    """Return who becomes owner when this only owner goes; None where another owner is left, or nobody needs one.

    The admin who is here longest, else the member, else the guest; a bot only where there is no person.
    """
    member = state.members.get(account_id)
    others = others_in(state, account_id)
    if member is None or member.role is not Role.OWNER or state.room.kind is RoomKind.DIRECT or not others:
        return None
    if any(other.role is Role.OWNER for other in others):
        return None
    able = [other for other in others if other.account_id not in not_to] or others
    return min(able, key=lambda other: (other.kind is AccountKind.BOT, _HEIRS[other.role], other.joined_seq))


def settings_without(settings: RoomSettings, account_id: AccountId) -> RoomSettings:
    """Return settings without the schedules, webhooks and standing approvals that an account has set."""
    triggers = tuple(
        rule
        for rule in settings.triggers
        if not (isinstance(rule, ScheduleRule | WebhookRule) and rule.set_by == account_id)
    )
    standing = tuple(rule for rule in settings.approvals.standing if rule.set_by != account_id)
    if (triggers, standing) == (settings.triggers, settings.approvals.standing):
        return settings
    approvals = settings.approvals.model_copy(update={"standing": standing})
    return settings.model_copy(update={"triggers": triggers, "approvals": approvals})


def points_without(points: Iterable[SummaryPoint], account_id: AccountId) -> tuple[SummaryPoint, ...]:
    """Return what of a summary was not written by this account."""
    return tuple(point for point in points if point.by != account_id)


def direct_name(members: Iterable[Member], most: int) -> str:
    """Return what a direct room of these is called."""
    return ", ".join(member.display_name for member in members)[:most]


def answers_elsewhere(message: Message, account_id: AccountId) -> bool:
    """Whether an answer that does not stand now has a form that this account has filled in."""
    return any(
        answer.form is not None and answer.form.answered_by == account_id and bool(answer.form.answers)
        for place, answer in enumerate(message.alternatives)
        if place != message.chosen
    )


def _forgotten(deciding: Deciding, command: ErasePerson) -> list[Event]:
    notes, summary = deciding.state.notes, deciding.state.summary
    open_ = {proposal.id for proposal in notes.proposals}
    events: list[Event] = [
        ProposalDecided(**deciding.head(), proposal_id=one, is_accepted=False)
        for one in dict.fromkeys(command.proposals)
        if one in open_
    ]
    events += [
        FactForgotten(**deciding.head(), fact_id=fact.id) for fact in notes.facts if fact.by == command.account_id
    ]
    if summary is not None:
        kept = points_without(summary.points, command.account_id)
        if kept != summary.points:
            events.append(
                SummaryUpdated(
                    **deciding.head(),
                    version=summary.version + 1,
                    points=kept,
                    up_to_seq=summary.up_to_seq,
                    method=ERASED,
                    taint=summary.taint,
                    brief=summary.brief,
                )
            )
    return events


def _gone(deciding: Deciding, command: ErasePerson) -> list[Event]:
    state, who = deciding.state, command.account_id
    member = state.members.get(who)
    if member is None or state.room.kind is not RoomKind.DIRECT:
        heir = heir_of(state, who, command.not_to)
        handed: list[Event] = []
        if heir is not None:
            handed = [RoleChanged(**deciding.head(), account_id=heir.account_id, role=Role.OWNER, previous=heir.role)]
        return [*handed, MemberRemoved(**deciding.head(), account_id=who, is_erased=True)]
    renamed = member.model_copy(update={"handle": command.handle, "display_name": command.display_name})
    called = direct_name({**state.members, who: renamed}.values(), deciding.limits.name)
    events: list[Event] = [RoomRenamed(**deciding.head(), name=called)] if called != state.room.name else []
    return [*events, MemberJoined(**deciding.head(), member=renamed, is_erased=True)]
