"""Why a rule did or did not fire, and what other rules would have done with the same messages."""

import pytest

from multiplayer.protocol.commands import (
    AskAi,
    DeleteMessage,
    PinMessage,
    PostMessage,
    RemoveMember,
    SetRole,
    SteerTurn,
    StopTurn,
)
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import (
    DEFAULT_TRIGGERS,
    EveryRule,
    KeywordRule,
    MentionRule,
    ReplyRule,
    ThreadRule,
    TriggerRule,
    Why,
)
from multiplayer.protocol.turns import TurnReason
from multiplayer.rooms.rehearsal import Judged, dry_run, explain, why_text
from multiplayer.rooms.triggers import Verdict
from tests.rooms.asking import answers, ends, last_message, room, says, set_rules, starts, why
from tests.support.playbook import Playbook

BOT, ROBOT = AccountId("bot"), AccountId("robot")
KEYWORD = KeywordRule(id="keyword", words=("deploy",), cooldown_s=0)
NAMES = {BOT: "bot", ROBOT: "robot"}


def fires(book: Playbook, *rules: TriggerRule, since: int = 0) -> list[tuple[str, str]]:
    """Say which texts would have fired which rules."""
    texts = {message.id: message.text for message in book.messages.values()}
    found = dry_run(book.replayed(), rules, since=since)
    return [
        (texts[judged.message_id], verdict.rule_id) for judged in found for verdict in judged.verdicts if verdict.fires
    ]


def redacted(log: list[Event], message_id: MessageId) -> list[Event]:
    """Return the log as it is read when a message was deleted."""
    return [
        event.model_copy(
            update={"message": event.message.model_copy(update={"text": ""}), "mentions": (), "is_redacted": True}
        )
        if isinstance(event, MessagePosted) and event.message.id == message_id
        else event
        for event in log
    ]


def test_a_message_is_explained_by_the_rules_and_the_roles_of_its_moment() -> None:
    book = room()
    before = book.posts("bob", "deploy, says gina")
    set_rules(book, KEYWORD)
    after = book.posts("bob", "deploy")
    book.given("alice", SetRole(account_id=AccountId("bob"), role=Role.GUEST))
    late = book.posts("bob", "deploy")
    set_rules(book, *DEFAULT_TRIGGERS)
    assert why(book, "keyword", message_id=before) == set()
    assert why(book, "keyword", message_id=after) == {("bot", Why.FIRES)}
    assert why(book, "keyword", message_id=late) == {(None, Why.MAY_NOT_ASK)}
    assert why(book, "mention", message_id=after) == set()


def test_a_message_that_is_not_in_the_log_is_not_explained() -> None:
    book = room()
    says(book, "bob", "hello")
    assert explain(book.log, MessageId("nowhere")) is None
    assert explain([], MessageId("nowhere")) is None


def test_the_word_on_a_message_names_it_and_its_place() -> None:
    book = room()
    message_id = book.posts("bob", "hello")
    assert explain(book.log, message_id) == Judged(
        message_id,
        2,
        (
            Verdict("mention", None, Why.NOT_ADDRESSED, TurnReason.MENTION),
            Verdict("reply", None, Why.NOT_ADDRESSED, TurnReason.REPLY),
        ),
    )


def test_an_edit_does_not_change_what_was_judged_and_a_deletion_hides_it() -> None:
    book = room()
    says(book, "bob", "@bot hello")
    message_id = next(iter(book.messages))
    assert why(book, "mention", message_id=message_id) == {("bot", Why.FIRES)}
    book.given("bob", DeleteMessage(message_id=message_id))
    judged = explain(redacted(book.log, message_id), message_id)
    assert judged is not None
    assert {verdict.why for verdict in judged.verdicts} == {Why.NOT_KNOWN}


def test_a_message_said_into_a_turn_was_asked_of_no_rule() -> None:
    book = room()
    turn_id = book.runs("bob", "bot")
    message_id = MessageId(book.given("bob", SteerTurn(turn_id=turn_id, text="@robot @bot shorter"))[0].id)
    assert why(book, "mention", message_id=message_id) == {("robot", Why.STEERED), ("bot", Why.STEERED)}
    waiting = book.asks("bob", "robot")
    message_id = MessageId(book.given("bob", SteerTurn(turn_id=waiting, text="@bot"))[0].id)
    assert why(book, "mention", message_id=message_id) == {("bot", Why.STEERED)}
    assert fires(book, MentionRule(id="m")) == []


def test_the_last_words_of_a_turn_that_was_stopped_ask_for_nothing() -> None:
    book = room(settings=RoomSettings(ai_to_ai=True))
    turn_id = book.runs("bob", "bot")
    book.given("bob", StopTurn(turn_id=turn_id))
    assert [event.type for event in ends(book, turn_id, "@robot go")] == ["message_posted", "turn_ended"]
    assert why(book, "mention", message_id=last_message(book)) == {(None, Why.STOPPED)}


def test_what_an_ai_wrote_is_judged_by_the_turn_that_wrote_it() -> None:
    book = room(settings=RoomSettings(ai_to_ai=True))
    book.given("bob", PostMessage(text="@bot go"))
    answers(book, next(iter(book.room.state.turns)), "@robot go")
    called = last_message(book)
    starts(book, next(iter(book.room.state.turns)))
    book.given("alice", RemoveMember(account_id=AccountId("bob")))
    ends(book, next(iter(book.room.state.turns)), "@bot go")
    assert why(book, "mention", message_id=called) == {("robot", Why.FIRES)}
    assert why(book, "mention", message_id=last_message(book)) == {(None, Why.MAY_NOT_ASK)}


def test_a_dry_run_shows_what_other_rules_would_have_asked_for() -> None:
    book = room()
    for text in ("deploy it", "no, @bot", "@bot deploy", "deployed"):
        says(book, "bob", text)
    assert fires(book, KEYWORD) == [("deploy it", "keyword"), ("@bot deploy", "keyword")]
    assert fires(book, MentionRule(id="m"), KEYWORD) == [
        ("deploy it", "keyword"),
        ("no, @bot", "m"),
        ("@bot deploy", "m"),
    ]
    assert fires(book) == []


def test_a_dry_run_keeps_its_own_count_of_cooldowns_rates_and_messages() -> None:
    book = room(KEYWORD)
    for _ in range(6):
        says(book, "bob", "deploy")
    assert len(fires(book, KEYWORD)) == 6
    # Each message and each answer takes some seconds of the playbook's clock.
    assert len(fires(book, KEYWORD.model_copy(update={"cooldown_s": 4}))) == 3
    assert len(fires(book, KEYWORD.model_copy(update={"per_min": 2}))) == 2
    assert len(fires(book, EveryRule(id="every", messages=3, cooldown_s=0))) == 2


def test_a_dry_run_is_told_from_a_place_on_but_counts_from_the_first_message() -> None:
    book = room(MentionRule(id="mention"))
    for number in range(4):
        says(book, "bob", f"message {number}")
    third = list(book.messages.values())[2]
    every = EveryRule(id="every", messages=2, cooldown_s=0)
    assert fires(book, every) == [("message 1", "every"), ("message 3", "every")]
    assert fires(book, every, since=third.seq) == [("message 3", "every")]
    judged = list(dry_run(book.log, (every,), since=third.seq))
    assert [one.seq for one in judged] == [third.seq, third.seq + 1]


def test_changes_of_the_rooms_own_rules_do_not_touch_a_dry_run() -> None:
    book = room(KEYWORD)
    says(book, "bob", "deploy")
    set_rules(book, MentionRule(id="mention"), guests_ask_ai=True)
    says(book, "gina", "deploy")
    assert fires(book, KEYWORD) == [("deploy", "keyword"), ("deploy", "keyword")]


def test_a_dry_run_regards_each_turn_as_over_at_once() -> None:
    book = room(KEYWORD)
    starts(book, book.asks("alice", "bot"))
    for _ in range(3):
        book.given("bob", PostMessage(text="deploy"))
    assert len(book.room.state.turns) == 2
    assert len(fires(book, KEYWORD)) == 3


def test_a_dry_run_knows_threads_and_replies() -> None:
    book = room(MentionRule(id="mention"))
    root = book.posts("alice", "a plan")
    says(book, "bob", "@bot look", reply_to=root)
    answer = last_message(book)
    says(book, "bob", "in the thread", reply_to=root)
    says(book, "bob", "to the answer", reply_to=answer)
    says(book, "bob", "outside")
    thread, reply = ThreadRule(id="thread", cooldown_s=0), ReplyRule(id="reply")
    assert fires(book, thread, reply) == [("in the thread", "thread"), ("to the answer", "reply")]


def test_a_thread_is_kept_awake_by_those_who_may_not_ask_too() -> None:
    book = room(MentionRule(id="mention"), ThreadRule(id="thread", idle_s=60))
    root = book.posts("alice", "a plan")
    says(book, "bob", "@bot look", reply_to=root)
    book.later(50)
    assert says(book, "gina", "hm", reply_to=root) == []
    book.later(50)
    assert says(book, "bob", "go on", reply_to=root) == [("bot", "thread")]
    assert why(book, "thread") == {("bot", Why.FIRES)}


def test_a_dry_run_lets_ais_call_each_other_by_what_they_said() -> None:
    book = room(settings=RoomSettings(ai_to_ai=True, ai_pairs_per_hour=2))
    for _ in range(3):
        book.later(600)
        answers(book, book.runs("bob", "bot"), "@robot go")
        while book.room.state.turns:
            answers(book, next(iter(book.room.state.turns)), "done")
    assert fires(book, MentionRule(id="m")) == [("@robot go", "m")] * 2


def test_a_rehearsal_goes_through_all_kinds_of_events() -> None:
    book = room()
    message_id = book.posts("bob", "hello")
    book.given("alice", PinMessage(message_id=message_id))
    book.given("alice", AskAi(ai_id=BOT, message_id=message_id))
    says(book, "bob", "@bot deploy")
    assert fires(book, KEYWORD) == [("@bot deploy", "keyword")]


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict("k", BOT, Why.FIRES, TurnReason.KEYWORD), "The rule 'k' asked @bot."),
        (
            Verdict("k", BOT, Why.RESTS, TurnReason.KEYWORD, 5),
            "The rule 'k' did not ask @bot: it rests for 5 s after it fired.",
        ),
        (
            Verdict("m", None, Why.NOT_ADDRESSED, TurnReason.MENTION),
            "The rule 'm' did not ask an AI: nobody mentioned an AI.",
        ),
        (
            Verdict("m", BOT, Why.NOT_ADDRESSED, TurnReason.MENTION),
            "The rule 'm' did not ask @bot: nobody mentioned @bot.",
        ),
        (
            Verdict("r", None, Why.NOT_ADDRESSED, TurnReason.REPLY),
            "The rule 'r' did not ask an AI: the message does not reply to an AI.",
        ),
        (
            Verdict("m", AccountId("gone"), Why.TOO_OFTEN, TurnReason.MENTION, 1),
            "The rule 'm' did not ask @gone: it may ask for 1 turn a minute, and had.",
        ),
    ],
)
def test_a_verdict_is_a_sentence(verdict: Verdict, text: str) -> None:
    assert why_text(verdict, NAMES) == text


def test_each_reason_has_a_sentence_of_its_own() -> None:
    texts = {
        why_text(Verdict("r", ai_id, reason, kind, 7), NAMES).partition(": ")[2]
        for reason in Why
        for ai_id in (BOT, None)
        for kind in TurnReason
        if reason is not Why.FIRES
    }
    # Who is not found, and what addresses nobody, is said in more than one way: of one AI, and of any.
    assert len(texts) == len(Why) - 1 + 6
    assert all(text.endswith(".") for text in texts)
