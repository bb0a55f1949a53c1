"""Rules that a clock or a webhook fires: in the name of who set them, with the rights they have now."""

from datetime import time

import pytest

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import (
    ArchiveRoom,
    InviteMember,
    PostMessage,
    RemoveMember,
    SetRole,
    SetRoomSettings,
    StopTurn,
)
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import RoomSettingsSet
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import FireRule
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import (
    MAX_RULES,
    KeywordRule,
    MentionRule,
    ScheduleRule,
    TriggerRule,
    WebhookRule,
)
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested
from multiplayer.protocol.turn_fold import MOST_NOTE_CHARACTERS
from multiplayer.protocol.turns import TurnReason, WhileBusy
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.room import Room
from tests.rooms.asking import answers, asked, settle, starts
from tests.support.playbook import Playbook, account, room_of, such

ALICE, DAN, BOT = AccountId("alice"), AccountId("dan"), AccountId("bot")
DAILY = ScheduleRule(id="daily", at=time(9), prompt="What is open?", cooldown_s=0)
HOOK = WebhookRule(id="hook", prompt="A build broke.", cooldown_s=0)


def room(*rules: TriggerRule, setter: str = "dan", settings: RoomSettings | None = None) -> Playbook:
    """Alice owns the room, Dan is an admin, Bob a member; `setter` has set the rules."""
    book = Playbook(room_of(alice="owner", dan="admin", bob="member", bot="ai", robot="ai"), accounts=[account("gina")])
    book.given(setter, SetRoomSettings(settings=(settings or RoomSettings()).model_copy(update={"triggers": rules})))
    return book


def set_by(book: Playbook) -> dict[str, str | None]:
    rules = book.room.state.room.settings.triggers
    return {rule.id: rule.set_by for rule in rules if isinstance(rule, ScheduleRule | WebhookRule)}


def test_a_schedule_asks_what_it_was_told_in_the_name_of_who_set_it() -> None:
    book = room(DAILY)
    assert (
        book
        >> ("dan", FireRule(rule_id="daily"))
        << such(
            TurnRequested,
            actor_id="dan",
            ai_id="bot",
            reason=TurnReason.SCHEDULE,
            rule_id="daily",
            note="What is open?",
            message_id=None,
        )
    )
    turn = next(iter(book.room.state.turns.values()))
    assert (turn.askers, turn.messages, turn.taint) == (("dan",), (), ())
    # Nobody is there who means it: it acts with a guest's rights.
    assert book.room.state.authority_of(turn) is Role.GUEST


def test_a_webhook_brings_material_and_its_turn_is_marked() -> None:
    book = room(HOOK)
    note = "A build broke.\n\nmain is red"
    assert (
        book
        >> ("dan", FireRule(rule_id="hook", note="main is red"))
        << such(TurnRequested, reason=TurnReason.WEBHOOK, note=note)
    )
    turn = next(iter(book.room.state.turns.values()))
    assert turn.taint == (Taint.WEBHOOK,)
    assert book.room.state.authority_of(turn) is Role.GUEST


def test_what_a_webhook_brings_marks_the_turn_that_it_joins() -> None:
    book = room(HOOK)
    turn_id = book.asks("alice", "bot")
    assert book >> ("dan", FireRule(rule_id="hook")) << such(TurnCollected, turn_id=turn_id)
    turn = book.room.state.turns[turn_id]
    assert turn.taint == (Taint.WEBHOOK,)
    assert book.room.state.authority_of(turn) is Role.GUEST


def test_a_rule_has_the_name_of_who_sets_or_changes_it_whatever_was_sent() -> None:
    book = room(DAILY.model_copy(update={"set_by": ALICE}), setter="dan")
    assert set_by(book) == {"daily": "dan"}
    held = book.room.state.room.settings

    def sets(who: str, *rules: TriggerRule) -> dict[str, str | None]:
        book.given(who, SetRoomSettings(settings=held.model_copy(update={"triggers": rules})))
        return set_by(book)

    # Another rule is added; this one is sent as it is known, or without the name, or with a wrong one.
    assert sets("alice", *held.triggers, MentionRule(id="m")) == {"daily": "dan"}
    assert sets("alice", DAILY) == {"daily": "dan"}
    assert sets("alice", DAILY.model_copy(update={"set_by": ALICE}), MentionRule(id="m")) == {"daily": "dan"}
    # Changed, it is the changer's: nobody can be made to ask what they did not.
    other = DAILY.model_copy(update={"prompt": "Delete all.", "set_by": DAN})
    assert sets("alice", other) == {"daily": "alice"}
    assert sets("dan", WebhookRule(id="daily", prompt="Delete all.", set_by=ALICE)) == {"daily": "dan"}


def test_nobody_elses_name_fires_a_rule() -> None:
    book = room(DAILY)
    for actor in ("alice", "bob", "bot"):
        assert (book >> (actor, FireRule(rule_id="daily"))).refuses(RefusalCode.FORBIDDEN)


@pytest.mark.parametrize("rule", [DAILY, HOOK], ids=["schedule", "webhook"])
def test_the_rule_of_who_may_not_ask_any_more_is_refused(rule: TriggerRule) -> None:
    book = room(rule)
    book.given("alice", SetRole(account_id=DAN, role=Role.MEMBER))
    assert book >> ("dan", FireRule(rule_id=rule.id)) << such(TurnRequested, actor_id="dan")
    settle(book)
    book.given("alice", SetRole(account_id=DAN, role=Role.GUEST))
    assert (book >> ("dan", FireRule(rule_id=rule.id))).refuses(RefusalCode.FORBIDDEN, "may not ask")
    book.given("alice", RemoveMember(account_id=DAN))
    assert (book >> ("dan", FireRule(rule_id=rule.id))).refuses(RefusalCode.NOT_FOUND)


def test_only_a_rule_that_is_there_and_on_is_fired() -> None:
    book = room(DAILY.model_copy(update={"is_on": False}), KeywordRule(id="k", words=("deploy",)))
    for rule_id in ("daily", "k", "none"):
        assert (book >> ("dan", FireRule(rule_id=rule_id))).refuses(RefusalCode.NOT_FOUND)


def test_a_rule_without_an_ai_that_is_there_is_refused() -> None:
    book = room(DAILY.model_copy(update={"ai_id": BOT}))
    book.given("alice", RemoveMember(account_id=BOT))
    assert (book >> ("dan", FireRule(rule_id="daily"))).refuses(RefusalCode.NOT_FOUND)


def test_an_archived_room_fires_nothing() -> None:
    book = room(DAILY)
    book.given("alice", ArchiveRoom())
    assert (book >> ("dan", FireRule(rule_id="daily"))).refuses(RefusalCode.ARCHIVED)


def test_a_webhook_that_rings_too_often_is_told_to_wait() -> None:
    book = room(HOOK.model_copy(update={"cooldown_s": 30}))
    book.given("dan", FireRule(rule_id="hook"))
    assert (book >> ("dan", FireRule(rule_id="hook"))).refuses(RefusalCode.RATE_LIMITED)
    book.later(30)
    assert book >> ("dan", FireRule(rule_id="hook")) << such(TurnCollected)


@pytest.mark.parametrize("policy", WhileBusy)
def test_the_rate_of_a_webhook_holds_whatever_a_busy_ai_does(policy: WhileBusy) -> None:
    book = room(HOOK.model_copy(update={"per_min": 1}), settings=RoomSettings(while_busy=policy))
    book.given("dan", FireRule(rule_id="hook"))
    first = next(iter(book.room.state.turns))
    answers(book, first)
    starts(book, book.asks("dan", "bot"))
    assert (book >> ("dan", FireRule(rule_id="hook"))).refuses(RefusalCode.RATE_LIMITED)
    book.later(60)
    assert asked(book.given("dan", FireRule(rule_id="hook"))) == [("bot", "webhook")]


def test_who_set_a_rule_may_stop_its_turn() -> None:
    book = room(HOOK)
    book.given("alice", SetRole(account_id=DAN, role=Role.MEMBER))
    event = book.given("dan", FireRule(rule_id="hook"))[0]
    assert isinstance(event, TurnRequested)
    book.given("dan", StopTurn(turn_id=event.turn_id))
    assert book.room.state.turns == {}


def test_rules_are_told_apart_and_name_an_ai_of_the_room() -> None:
    book = room(DAILY)

    def setting(*rules: TriggerRule) -> SetRoomSettings:
        return SetRoomSettings(settings=RoomSettings(triggers=rules))

    assert (book >> ("dan", setting(DAILY, DAILY))).refuses(RefusalCode.MALFORMED)
    for ai_id in ("nobody", "bob"):
        wrong = MentionRule(id="m", ai_id=AccountId(ai_id))
        assert (book >> ("dan", setting(wrong))).refuses(RefusalCode.NOT_FOUND)
    assert book >> ("dan", setting(MentionRule(id="m", ai_id=BOT))) << such(RoomSettingsSet)
    with pytest.raises(ValueError, match="at most"):
        setting(*(MentionRule(id=f"m{number}") for number in range(MAX_RULES + 1)))


def test_a_schedule_may_name_the_zones_that_are_known_where_it_is_set_and_a_stored_one_stays_as_it_is() -> None:
    limits = RoomLimits(zones=frozenset({"UTC", "Europe/Berlin"}))
    book = Playbook(room_of(alice="owner", bot="ai"), limits=limits)

    def setting(zone: str, **more: object) -> SetRoomSettings:
        rule = ScheduleRule(id="daily", at=time(9), zone=zone)
        return SetRoomSettings(settings=RoomSettings.model_validate({"triggers": (rule,), **more}))

    for zone in ("Mars/Olympus", "posixrules", "localtime"):
        assert (book >> ("alice", setting(zone))).refuses(RefusalCode.MALFORMED, "time zone")
    assert book >> ("alice", setting("Europe/Berlin")) << such(RoomSettingsSet)
    # Another machine with other zones: what is there already is in nobody's way.
    book.room = Room(book.room.state, RoomLimits(zones=frozenset({"UTC"})))
    assert book >> ("alice", setting("Europe/Berlin", persona="brief")) << such(RoomSettingsSet)
    stored = RoomSettings.model_validate_json(setting("Mars/Olympus").settings.model_dump_json())
    assert stored == setting("Mars/Olympus").settings


@pytest.mark.parametrize("zone", ["", "/etc/passwd", "../zone", "Europe/", "a zone"])
def test_a_zone_has_the_form_of_a_zone(zone: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        ScheduleRule(id="daily", at=time(9), zone=zone)


def test_a_webhook_rule_has_one_key_while_it_stays_and_another_when_it_is_made_anew() -> None:
    book = room(HOOK)

    def keyed(*rules: TriggerRule) -> str | None:
        book.given("dan", SetRoomSettings(settings=RoomSettings(triggers=rules)))
        return next(
            (rule.key for rule in book.room.state.room.settings.triggers if isinstance(rule, WebhookRule)), None
        )

    [first] = book.room.state.room.settings.triggers
    assert isinstance(first, WebhookRule)
    assert first.key
    assert keyed(HOOK, MentionRule(id="m")) == first.key
    assert keyed(HOOK.model_copy(update={"prompt": "other", "key": "chosen"})) == first.key
    assert keyed(MentionRule(id="m")) is None
    again = keyed(HOOK.model_copy(update={"key": first.key}))
    assert again
    assert again != first.key
    assert keyed(DAILY.model_copy(update={"id": "hook"})) is None
    assert keyed(HOOK) not in (None, first.key, again)


def test_members_set_no_rules() -> None:
    book = room(DAILY)
    book.given("alice", InviteMember(handle="gina", role=Role.GUEST))
    command = SetRoomSettings(settings=RoomSettings(triggers=(HOOK,)))
    for who in ("bob", "gina", "bot"):
        assert (book >> (who, command)).refuses(RefusalCode.FORBIDDEN)
    book.given("bob", PostMessage(text="no rule fires"))


def test_what_fires_by_itself_touches_no_running_turn_whatever_the_room_does_with_requests() -> None:
    for policy in WhileBusy:
        book = room(HOOK, MentionRule(id="mention"), settings=RoomSettings(while_busy=policy))
        book.given("bob", PostMessage(text="@bot go"))
        starts(book, next(iter(book.room.state.turns)))
        fired = book.given("dan", FireRule(rule_id="hook"))
        assert [type(event) for event in fired] == [TurnRequested]


def test_a_schedule_that_joins_a_persons_request_takes_its_authority_down() -> None:
    book = room(DAILY, MentionRule(id="mention"))
    book.given("alice", PostMessage(text="@bot go"))
    turn_id = next(iter(book.room.state.turns))
    assert book.room.state.authority_of(book.room.state.turns[turn_id]) is Role.OWNER
    book.given("dan", FireRule(rule_id="daily"))
    assert book.room.state.authority_of(book.room.state.turns[turn_id]) is Role.GUEST


def test_a_webhook_cannot_fill_a_waiting_turn_for_ever() -> None:
    book = room(HOOK, MentionRule(id="mention"))
    book.given("bob", PostMessage(text="@bot go"))
    starts(book, next(iter(book.room.state.turns)))
    for _ in range(HOOK.per_min):
        book.given("dan", FireRule(rule_id="hook", note="x" * 10_000))
    assert (book >> ("dan", FireRule(rule_id="hook"))).refuses(RefusalCode.RATE_LIMITED)
    waiting = next(turn for turn in book.room.state.turns.values() if not turn.is_running)
    assert len(waiting.note) <= MOST_NOTE_CHARACTERS


def test_what_an_ai_passes_on_from_a_webhook_keeps_a_guests_authority() -> None:
    settings = RoomSettings(ai_to_ai=True, guests_ask_ai=True)
    book = room(HOOK, MentionRule(id="mention"), setter="alice", settings=settings)
    book.given("alice", FireRule(rule_id="hook"))
    answers(book, next(iter(book.room.state.turns)), "@robot do it")
    passed_on = next(iter(book.room.state.turns.values()))
    assert (passed_on.ai_id, passed_on.askers) == ("robot", ("alice",))
    assert book.room.state.authority_of(passed_on) is Role.GUEST
