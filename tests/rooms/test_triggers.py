"""Who is asked by which rule, and for each rule that asks nobody, why not."""

from datetime import time

import pytest

from multiplayer.protocol.commands import PostMessage, RemoveMember
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.trigger_rules import (
    DIRECT_TRIGGERS,
    EveryRule,
    KeywordRule,
    MentionRule,
    ReplyRule,
    ScheduleRule,
    ThreadRule,
    WebhookRule,
    Why,
)
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.mentions import Mentions
from multiplayer.rooms.triggers import Moment, has_word, judge
from tests.rooms.asking import answers, asked, last_message, room, says, set_rules, settle, starts, why
from tests.support.playbook import Playbook, room_of, such

BOT, ROBOT = AccountId("bot"), AccountId("robot")
KEYWORD = KeywordRule(id="keyword", words=("deploy", "发布"), cooldown_s=0)
AMONG_AIS = RoomSettings(ai_to_ai=True)


def test_a_mention_asks_whom_it_names() -> None:
    book = room()
    assert says(book, "bob", "@robot and @bot, please") == [("robot", "mention"), ("bot", "mention")]
    assert says(book, "bob", "@ai please") == [("bot", "mention")]
    assert says(book, "bob", "hello @alice") == []
    assert why(book, "mention") == {(None, Why.NOT_ADDRESSED)}


@pytest.mark.parametrize("text", ["`@bot`", "> @bot said", "me@bot", "\\@bot", "@bоt", "@ｂｏｔ", "```\n@bot\n```"])
def test_a_name_in_code_in_a_quote_or_of_other_letters_asks_nobody(text: str) -> None:
    assert says(room(), "bob", text) == []


def test_a_rule_for_one_ai_does_not_ask_another() -> None:
    book = room(MentionRule(id="mention", ai_id=ROBOT))
    assert says(book, "bob", "@bot @robot") == [("robot", "mention")]
    assert says(book, "bob", "@bot") == []
    assert why(book, "mention") == {("robot", Why.NOT_ADDRESSED)}


def test_a_reply_asks_the_ai_whose_message_it_answers() -> None:
    book = room()
    says(book, "alice", "@robot hello")
    answer = last_message(book)
    assert says(book, "bob", "really?", reply_to=answer) == [("robot", "reply")]
    question = book.posts("alice", "a question")
    assert says(book, "bob", "yes", reply_to=question) == []
    assert why(book, "reply") == {(None, Why.NOT_ADDRESSED)}


def test_a_thread_is_followed_by_the_ai_that_spoke_in_it_until_it_was_quiet() -> None:
    book = room(MentionRule(id="mention"), ThreadRule(id="thread", idle_s=60, cooldown_s=0))
    root = book.posts("alice", "a plan")
    assert says(book, "bob", "good", reply_to=root) == []
    assert why(book, "thread") == {(None, Why.NO_THREAD)}
    assert says(book, "bob", "@bot what do you think?", reply_to=root) == [("bot", "mention")]
    assert why(book, "mention") == {("bot", Why.FIRES)}
    assert says(book, "alice", "go on", reply_to=root) == [("bot", "thread")]
    book.later(60)
    assert says(book, "alice", "still there?", reply_to=root) == []
    assert why(book, "thread") == {("bot", Why.THREAD_IS_QUIET)}
    assert says(book, "alice", "hello", reply_to=root) == [("bot", "thread")]
    assert says(book, "alice", "outside") == []


def test_in_a_thread_of_several_ais_only_who_is_named_goes_on() -> None:
    book = room(MentionRule(id="mention"), ThreadRule(id="thread", cooldown_s=0))
    root = book.posts("alice", "a plan")
    says(book, "bob", "@bot @robot go", reply_to=root)
    assert sorted(says(book, "bob", "both", reply_to=root)) == [("bot", "thread"), ("robot", "thread")]
    assert says(book, "bob", "@robot you", reply_to=root) == [("robot", "mention")]
    assert why(book, "thread") == {("robot", Why.OTHER_RULE), ("bot", Why.FOR_SOMEONE_ELSE)}
    assert says(book, "bob", "@alice look", reply_to=root) == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("when do we deploy?", True),
        ("DEPLOY!", True),
        ("请deploy一下", True),
        ("明天发布吗", True),
        ("redeploy", False),
        ("deployed", False),
        ("deploy_x", False),
        ("`deploy`", False),
        ("> deploy", False),
        ("```\ndeploy\n```", False),
        ("dеploy", False),  # a Cyrillic letter
        ("发 布", False),
        ("c++", True),
        ("c+", False),
    ],
)
def test_a_keyword_is_a_whole_word_in_the_open(text: str, is_one: bool) -> None:
    assert has_word(text, ("deploy", "发布", "c++")) is is_one
    book = room(KeywordRule(id="keyword", words=("deploy", "发布", "c++")))
    assert says(book, "bob", text) == ([("bot", "keyword")] if is_one else [])
    assert why(book, "keyword") == {("bot", Why.FIRES if is_one else Why.NO_WORD)}


def test_a_rule_without_an_ai_of_its_own_asks_the_default_one() -> None:
    book = room(KEYWORD, settings=RoomSettings(default_ai=ROBOT))
    assert says(book, "bob", "deploy") == [("robot", "keyword")]
    book = room(KEYWORD.model_copy(update={"ai_id": ROBOT}))
    assert says(book, "bob", "deploy") == [("robot", "keyword")]
    book.given("alice", RemoveMember(account_id=ROBOT))
    assert says(book, "bob", "deploy") == []
    assert why(book, "keyword") == {("robot", Why.NO_SUCH_AI)}


def test_every_third_message_of_people_asks() -> None:
    book = room(EveryRule(id="every", messages=3, cooldown_s=0))
    assert [bool(says(book, "bob", "so")) for _ in range(7)] == [False, False, True, False, False, True, False]
    assert why(book, "every") == {("bot", Why.NOT_YET)}


def test_what_was_counted_stays_counted_when_other_settings_change() -> None:
    every = EveryRule(id="every", messages=3, cooldown_s=0)
    book = room(every)
    says(book, "bob", "one")
    set_rules(book, every, KEYWORD, EveryRule(id="other", messages=9))
    says(book, "bob", "two")
    assert book.room.state.said_since == {"every": 2, "other": 1}
    assert says(book, "bob", "three") == [("bot", "every")]
    says(book, "bob", "one")
    set_rules(book, every.model_copy(update={"messages": 2}))
    assert says(book, "bob", "two") == [("bot", "every")]
    says(book, "bob", "one")
    set_rules(book, KEYWORD)
    set_rules(book, every)
    assert [bool(says(book, "bob", "so")) for _ in range(3)] == [False, False, True]


def test_the_answers_of_ais_are_not_counted() -> None:
    book = room(MentionRule(id="mention"), EveryRule(id="every", messages=3, cooldown_s=0))
    says(book, "bob", "@robot one")
    says(book, "bob", "@robot two")
    assert says(book, "bob", "three") == [("bot", "every")]


def test_in_a_direct_room_every_message_asks_its_ai_and_none_asks_two() -> None:
    settings = RoomSettings(triggers=DIRECT_TRIGGERS)
    book = Playbook(room_of(kind=RoomKind.DIRECT, settings=settings, alice="owner", bot="ai", robot="ai"))
    assert says(book, "alice", "hello") == [("bot", "every")]
    assert says(book, "alice", "@bot hello") == [("bot", "mention")]
    assert why(book, "direct") == {("bot", Why.OTHER_RULE)}
    assert says(book, "alice", "@robot hello") == [("robot", "mention")]
    assert why(book, "direct") == {("bot", Why.FOR_SOMEONE_ELSE)}
    assert says(book, "alice", "more", reply_to=last_message(book)) == [("robot", "reply")]


def test_a_rule_rests_after_it_fired() -> None:
    book = room(KEYWORD.model_copy(update={"cooldown_s": 30}))
    assert says(book, "bob", "deploy")
    assert says(book, "alice", "deploy") == []
    assert why(book, "keyword") == {("bot", Why.RESTS)}
    book.later(30)
    assert says(book, "bob", "deploy")


def test_a_rule_rests_as_long_as_a_day_whatever_else_fires() -> None:
    daily = KEYWORD.model_copy(update={"cooldown_s": 86_400})
    book = room(MentionRule(id="mention"), daily)
    assert says(book, "bob", "deploy")
    for _ in range(23):
        book.later(3600)
        assert says(book, "bob", "@robot hello")
    assert says(book, "bob", "deploy") == []
    book.later(3600)
    assert says(book, "bob", "deploy")


def test_a_request_that_would_pass_the_rate_is_held_back() -> None:
    book = room(KEYWORD.model_copy(update={"per_min": 2}))
    assert [bool(says(book, "bob", "deploy")) for _ in range(3)] == [True, True, False]
    assert why(book, "keyword") == {("bot", Why.TOO_OFTEN)}
    book.later(60)
    assert says(book, "bob", "deploy")


def test_who_is_called_by_name_too_often_says_so_and_that_does_not_count() -> None:
    book = room(MentionRule(id="mention", per_min=1))
    says(book, "bob", "@bot one")
    for _ in range(2):
        assert (
            book
            >> ("bob", PostMessage(text="@bot two"))
            << such(MessagePosted)
            << such(TurnRequested, ai_id="bot", rule_id=None)
            << such(TurnEnded, outcome=TurnOutcome.REFUSED)
        )
        assert "1 times within a minute" in book.log[-1].model_dump()["reason"]
        assert why(book, "mention") == {("bot", Why.TOO_OFTEN)}
    assert book.room.state.turns == {}
    book.later(60)
    assert says(book, "bob", "@bot three") == [("bot", "mention")]


def test_the_rate_holds_for_one_message_that_names_many() -> None:
    book = room(MentionRule(id="mention", per_min=1))
    events = book.given("bob", PostMessage(text="@bot @robot"))
    refused = [event.ai_id for event in events if isinstance(event, TurnEnded)]
    assert refused == ["robot"]


def test_what_joins_a_turn_that_waits_costs_no_further_one() -> None:
    book = room(MentionRule(id="mention", per_min=1))
    assert asked(book.given("bob", PostMessage(text="@bot one"))) == [("bot", "mention")]
    assert not any(isinstance(event, TurnEnded) for event in book.given("alice", PostMessage(text="@bot two")))
    assert len(book.room.state.turns) == 1


def test_who_is_called_by_name_and_held_back_is_not_woken_by_a_weaker_rule() -> None:
    book = room(MentionRule(id="mention", cooldown_s=60), KEYWORD)
    says(book, "bob", "@bot hello")
    assert says(book, "bob", "@bot deploy") == []
    assert why(book, "mention") == {("bot", Why.RESTS)}
    assert why(book, "keyword") == {("bot", Why.OTHER_RULE)}
    assert says(book, "bob", "deploy") == [("bot", "keyword")]


def test_a_rule_that_is_off_or_that_no_message_fires_says_so() -> None:
    book = room(MentionRule(id="mention", is_on=False), ScheduleRule(id="s", at=time(9)), WebhookRule(id="w"))
    assert says(book, "bob", "@bot") == []
    assert why(book, "mention") == {(None, Why.IS_OFF)}
    assert why(book, "s") == why(book, "w") == {(None, Why.NOT_BY_MESSAGE)}


def test_who_may_not_ask_is_posted_and_asks_nobody() -> None:
    book = room(MentionRule(id="mention"), KEYWORD)
    assert says(book, "gina", "@bot deploy") == []
    assert why(book, "mention") == why(book, "keyword") == {(None, Why.MAY_NOT_ASK)}
    set_rules(book, guests_ask_ai=True)
    assert says(book, "gina", "@bot") == [("bot", "mention")]


def test_an_ai_asks_no_other_unless_the_room_wants_it() -> None:
    book = room()
    turn_id = book.runs("alice", "bot")
    assert asked(answers(book, turn_id, "@robot go")) == []
    assert why(book, "mention", message_id=last_message(book)) == {(None, Why.NOT_BY_AI)}
    set_rules(book, ai_to_ai=True)
    turn_id = book.runs("alice", "bot")
    assert asked(answers(book, turn_id, "@robot @bot @ai go")) == [("robot", "mention")]
    turn = next(iter(book.room.state.turns.values()))
    assert (turn.askers, turn.hops) == (("alice",), 1)


def test_ais_pass_a_request_on_twice_at_most() -> None:
    book = room(settings=AMONG_AIS)
    book.given("alice", PostMessage(text="@bot go"))
    turns = []
    for text in ("@robot go", "@bot go", "@robot go"):
        turn_id = next(iter(book.room.state.turns))
        turns.append(book.room.state.turns[turn_id].hops)
        answers(book, turn_id, text)
    assert turns == [0, 1, 2]
    assert book.room.state.turns == {}
    assert why(book, "mention", message_id=last_message(book)) == {(None, Why.TOO_FAR)}


def test_one_ai_calls_the_same_other_one_so_often_in_an_hour() -> None:
    book = room(settings=AMONG_AIS.model_copy(update={"ai_pairs_per_hour": 2}))
    found = []
    for _ in range(3):
        found.append(asked(answers(book, book.runs("alice", "bot"), "@robot go")))
        if len(found) < 3:
            settle(book)
            book.later(600)
    assert found == [[("robot", "mention")], [("robot", "mention")], []]
    assert why(book, "mention", message_id=last_message(book)) == {("robot", Why.PAIR_SPENT)}
    book.later(3600)
    assert asked(answers(book, book.runs("alice", "bot"), "@robot go"))


def test_an_ai_answers_in_a_thread_to_another_one_as_a_reply_and_elsewhere_not() -> None:
    book = room(settings=AMONG_AIS)
    book.given("alice", PostMessage(text="@bot go"))
    answers(book, next(iter(book.room.state.turns)), "@robot go")
    assert asked(answers(book, next(iter(book.room.state.turns)), "done")) == []
    root = book.posts("alice", "a thread")
    book.given("alice", PostMessage(text="@bot go", reply_to=root))
    answers(book, next(iter(book.room.state.turns)), "@robot go")
    assert asked(answers(book, next(iter(book.room.state.turns)), "done")) == [("bot", "reply")]


def test_an_ai_calls_others_with_the_rights_of_who_asked_it_as_they_are_now() -> None:
    book = room(settings=AMONG_AIS)
    turn_id = book.runs("bob", "bot")
    book.given("alice", RemoveMember(account_id=AccountId("bob")))
    assert asked(answers(book, turn_id, "@robot go")) == []
    assert why(book, "mention", message_id=last_message(book)) == {(None, Why.MAY_NOT_ASK)}


def test_no_ai_is_asked_in_a_message_that_an_ai_posts_on_its_own() -> None:
    book = room(settings=AMONG_AIS)
    assert says(book, "bot", "@robot hello") == []
    assert why(book, "mention") == {(None, Why.MAY_NOT_ASK)}


def test_nobody_can_tell_what_a_deleted_message_would_have_asked() -> None:
    book = room()
    moment = Moment(book.room.state.members[AccountId("bob")], None, book.at, Mentions((BOT,)))
    assert {verdict.why for verdict in judge(book.room.state, moment)} == {Why.NOT_KNOWN}


def test_each_message_has_at_most_one_request_for_each_ai() -> None:
    rules = [MentionRule(id=f"m{number}") for number in range(3)]
    book = room(*rules, ReplyRule(id="reply"), KEYWORD, EveryRule(id="every", messages=1))
    says(book, "bob", "@bot hello")
    answer = last_message(book)
    assert says(book, "bob", "@bot deploy", reply_to=answer) == [("bot", "mention")]
    starts(book, book.asks("alice", "bot"))
    assert asked(book.given("bob", PostMessage(text="@bot", reply_to=MessageId(answer)))) == [
        ("bot", TurnReason.MENTION.value)
    ]
