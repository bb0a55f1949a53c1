"""What people say: posting, threads, edits, tombstones, reactions, pins, and who sees what was before."""

import pytest

from multiplayer.protocol.commands import (
    AddReaction,
    AskAi,
    DeleteMessage,
    EditMessage,
    InviteMember,
    PinMessage,
    PostMessage,
    RemoveReaction,
    SetRole,
    UnpinMessage,
)
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import MentionGroup
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested
from multiplayer.protocol.turns import TurnReason
from multiplayer.rooms.facts import Facts, Needs
from multiplayer.rooms.limits import RoomLimits
from tests.support.playbook import Playbook, account, room_of, such

ALICE, BOB, BOT = AccountId("alice"), AccountId("bob"), AccountId("bot")
NOWHERE = MessageId("nowhere")


def pair(limits: RoomLimits | None = None) -> Playbook:
    return Playbook(room_of(alice="owner", bob="member"), limits=limits)


def test_mentioning_an_ai_posts_the_message_and_requests_one_turn() -> None:
    assert (
        Playbook(room_of(alice="owner", bot="ai"))
        >> ("alice", PostMessage(text="@bot @bot hello"))
        << such(MessagePosted, seq=2, actor_id="alice", text="@bot @bot hello", mentions=(BOT,))
        << such(TurnRequested, seq=3, ai_id="bot", actor_id="alice", reason=TurnReason.MENTION, message_id="id1")
    )


def test_a_message_has_the_id_of_its_event() -> None:
    book = pair()
    event = book.given("alice", PostMessage(text="hello @bob @all"))[0]
    assert isinstance(event, MessagePosted)
    assert event.id == event.message.id
    assert event.mentions == (BOB,)
    assert event.mention_groups == (MentionGroup.ALL,)


def test_a_reply_carries_the_root_of_its_thread() -> None:
    book = pair()
    root = book.posts("alice", "root")
    first = book.posts("bob", "first", reply_to=root)
    assert book.messages[first].thread_root == root
    assert (
        book
        >> ("alice", PostMessage(text="second", reply_to=first))
        << such(MessagePosted, reply_to=first, thread_root=root)
    )


def test_a_reply_to_a_message_of_elsewhere_is_refused() -> None:
    assert (pair() >> ("alice", PostMessage(text="yes", reply_to=NOWHERE))).refuses(RefusalCode.NOT_FOUND)


def test_a_tombstone_can_still_be_replied_to() -> None:
    book = pair()
    root = book.posts("alice", "root")
    book.given("alice", DeleteMessage(message_id=root))
    assert book >> ("bob", PostMessage(text="gone?", reply_to=root)) << such(MessagePosted, thread_root=root)


def test_replying_to_an_ai_asks_it_and_mentioning_it_as_well_asks_once() -> None:
    book = Playbook(room_of(alice="owner", bot="ai", robot="ai"))
    said = book.posts("bot", "beep")
    assert (
        book
        >> ("alice", PostMessage(text="why?", reply_to=said))
        << such(MessagePosted)
        << such(TurnRequested, ai_id="bot", reason=TurnReason.REPLY)
        >> ("alice", PostMessage(text="@bot @robot why?", reply_to=said))
        << such(MessagePosted)
        << such(TurnCollected, ai_id="bot", reason=TurnReason.MENTION)
        << such(TurnRequested, ai_id="robot", reason=TurnReason.MENTION)
    )


def test_at_ai_is_the_ai_chosen_in_the_settings_else_the_first() -> None:
    first = Playbook(room_of(alice="owner", bot="ai", robot="ai"))
    assert first >> ("alice", PostMessage(text="@ai hi")) << such(MessagePosted) << such(TurnRequested, ai_id="bot")
    settings = RoomSettings(default_ai=AccountId("robot"))
    chosen = Playbook(room_of(alice="owner", bot="ai", robot="ai", settings=settings))
    assert chosen >> ("alice", PostMessage(text="@ai hi")) << such(MessagePosted) << such(TurnRequested, ai_id="robot")


def test_an_ai_does_not_summon_another() -> None:
    book = Playbook(room_of(alice="owner", bot="ai", robot="ai"))
    said = book.posts("robot", "beep")
    assert book >> ("bot", PostMessage(text="@robot @ai hello", reply_to=said)) << such(MessagePosted)


def test_a_guest_who_may_not_ask_posts_without_asking() -> None:
    closed = Playbook(room_of(alice="owner", bob="guest", bot="ai", settings=RoomSettings(guests_post=True)))
    assert closed >> ("bob", PostMessage(text="@bot hi")) << such(MessagePosted, mentions=(BOT,))
    settings = RoomSettings(guests_post=True, guests_ask_ai=True)
    opened = Playbook(room_of(alice="owner", bob="guest", bot="ai", settings=settings))
    assert opened >> ("bob", PostMessage(text="@bot hi")) << such(MessagePosted) << such(TurnRequested, actor_id="bob")


def test_an_edit_makes_a_revision_and_asks_nobody() -> None:
    book = Playbook(room_of(alice="owner", bot="ai"))
    message_id = book.posts("alice", "hello")
    assert (
        book
        >> ("alice", EditMessage(message_id=message_id, text="hello @bot"))
        << such(MessageEdited, revision=2, text="hello @bot", mentions=(BOT,))
        >> ("alice", EditMessage(message_id=message_id, text="hello"))
        << such(MessageEdited, revision=3, mentions=())
        >> ("alice", EditMessage(message_id=message_id, text="hello"))
    ).refuses(RefusalCode.NO_CHANGE)


def test_only_the_author_edits_even_against_an_owner() -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    assert (book >> ("alice", EditMessage(message_id=message_id, text="bye"))).refuses(RefusalCode.FORBIDDEN)


def test_a_deleted_message_is_a_tombstone_that_nothing_can_be_done_with() -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    book.given("bob", PinMessage(message_id=message_id))
    book.given("bob", AddReaction(message_id=message_id, emoji="👍"))
    assert (
        book
        >> ("alice", DeleteMessage(message_id=message_id))
        << such(MessageDeleted, message_id=message_id, actor_id="alice")
    )
    assert book.room.state.pins == ()
    tombstone = book.messages[message_id]
    assert (tombstone.text, tombstone.reactions, tombstone.deleted_by) == ("", (), "alice")
    assert (book >> ("bob", DeleteMessage(message_id=message_id))).refuses(RefusalCode.NO_CHANGE)
    for command in (
        EditMessage(message_id=message_id, text="new"),
        AddReaction(message_id=message_id, emoji="👍"),
        RemoveReaction(message_id=message_id, emoji="👍"),
        PinMessage(message_id=message_id),
        UnpinMessage(message_id=message_id),
    ):
        assert (book >> ("bob", command)).refuses(RefusalCode.CONFLICT)


def test_what_names_a_message_needs_one_of_this_room() -> None:
    book = Playbook(room_of(alice="owner", bot="ai"))
    for command in (
        EditMessage(message_id=NOWHERE, text="new"),
        DeleteMessage(message_id=NOWHERE),
        AddReaction(message_id=NOWHERE, emoji="👍"),
        PinMessage(message_id=NOWHERE),
        AskAi(message_id=NOWHERE),
    ):
        assert (book >> ("alice", command)).refuses(RefusalCode.NOT_FOUND)


def test_everyone_reacts_once_with_each_emoji() -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    add, remove = AddReaction(message_id=message_id, emoji="👍"), RemoveReaction(message_id=message_id, emoji="👍")
    assert (book >> ("alice", remove)).refuses(RefusalCode.NO_CHANGE)
    assert book >> ("alice", add) << such(ReactionAdded, emoji="👍") >> ("bob", add) << such(ReactionAdded)
    assert (book >> ("alice", add)).refuses(RefusalCode.NO_CHANGE)
    assert book >> ("alice", remove) << such(ReactionRemoved, emoji="👍")
    assert [reaction.account_ids for reaction in book.messages[message_id].reactions] == [("bob",)]


@pytest.mark.parametrize("emoji", ["", " ", "a b", "\n", "\x07", "a\u2028"])
def test_a_reaction_is_something_to_see(emoji: str) -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    assert (book >> ("bob", AddReaction(message_id=message_id, emoji=emoji))).refuses(RefusalCode.MALFORMED)


def test_reactions_are_bounded_in_length_and_number() -> None:
    book = pair(RoomLimits(emoji=2, emojis_per_message=2))
    message_id = book.posts("bob", "hello")
    book.given("bob", AddReaction(message_id=message_id, emoji="aa"))
    assert (book >> ("bob", AddReaction(message_id=message_id, emoji="aaa"))).refuses(RefusalCode.TOO_LONG)
    book.given("bob", AddReaction(message_id=message_id, emoji="b"))
    assert (book >> ("bob", AddReaction(message_id=message_id, emoji="c"))).refuses(RefusalCode.LIMIT_REACHED)
    book.given("alice", AddReaction(message_id=message_id, emoji="b"))


def test_pins_are_bounded_and_each_stands_once() -> None:
    book = pair(RoomLimits(pins=1))
    one, two = book.posts("bob", "one"), book.posts("bob", "two")
    assert book >> ("bob", PinMessage(message_id=one)) << such(MessagePinned, message_id=one)
    assert (book >> ("bob", PinMessage(message_id=one))).refuses(RefusalCode.NO_CHANGE)
    assert (book >> ("bob", PinMessage(message_id=two))).refuses(RefusalCode.LIMIT_REACHED)
    assert (book >> ("bob", UnpinMessage(message_id=two))).refuses(RefusalCode.NO_CHANGE)
    assert book >> ("alice", UnpinMessage(message_id=one)) << such(MessageUnpinned, message_id=one)
    assert book.room.state.pins == ()


def test_a_text_may_be_as_long_as_the_limit_in_characters_and_in_bytes() -> None:
    book = pair(RoomLimits(text=10, text_bytes=15))
    book.posts("bob", "a" * 10)
    assert (book >> ("bob", PostMessage(text="a" * 11))).refuses(RefusalCode.TOO_LONG, "10 characters")
    message_id = book.posts("bob", "中" * 5)
    assert (book >> ("bob", PostMessage(text="中" * 5 + "a"))).refuses(RefusalCode.TOO_LONG, "15 bytes")
    longer = EditMessage(message_id=message_id, text="a" * 11)
    assert (book >> ("bob", longer)).refuses(RefusalCode.TOO_LONG)


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_message_says_something(text: str) -> None:
    assert (pair() >> ("bob", PostMessage(text=text))).refuses(RefusalCode.MALFORMED)


def restricted() -> tuple[Playbook, MessageId]:
    """Carol is a guest who came after the first message and may not see what was before."""
    settings = RoomSettings(guests_see_history=False, guests_post=True, guests_ask_ai=True)
    book = Playbook(room_of(alice="owner", bot="ai", settings=settings), accounts=[account("carol")])
    before = book.posts("alice", "before")
    book.given("alice", InviteMember(handle="carol", role=Role.GUEST))
    return book, before


def test_to_a_restricted_guest_what_was_before_is_not_there() -> None:
    book, before = restricted()
    after = book.posts("alice", "after")
    book.given("carol", AddReaction(message_id=after, emoji="👍"))
    for command in (
        AddReaction(message_id=before, emoji="👍"),
        PostMessage(text="what?", reply_to=before),
        EditMessage(message_id=before, text="mine"),
        DeleteMessage(message_id=before),
        AskAi(message_id=before),
    ):
        assert (book >> ("carol", command)).refuses(RefusalCode.NOT_FOUND, "there is no such message in this room")


def test_who_is_no_guest_any_more_sees_what_was_before() -> None:
    book, before = restricted()
    carol = book.room.reader(AccountId("carol"))
    assert book.room.readable_from(carol) == carol.joined_seq == 3
    book.given("alice", SetRole(account_id=carol.account_id, role=Role.MEMBER))
    assert book.room.readable_from(book.room.reader(carol.account_id)) == 0
    book.given("carol", AddReaction(message_id=before, emoji="👍"))


def test_facts_stay_current_while_a_batch_is_decided() -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    facts = Facts.of(book.messages, [])
    for event in book.given("bob", EditMessage(message_id=message_id, text="new")):
        facts.apply(event)
    for event in book.given("alice", PostMessage(text="more")):
        facts.apply(event)
    assert {known: facts.message(known) for known in book.messages} == book.messages
    edited = facts.message(message_id)
    assert edited is not None
    assert edited.text == "new"


def test_facts_ignore_messages_that_were_not_asked_for() -> None:
    book = pair()
    message_id = book.posts("bob", "hello")
    facts = Facts()
    for event in book.given("bob", DeleteMessage(message_id=message_id)):
        facts.apply(event)
    assert facts.messages == {}


def test_needs_of_a_batch_are_joined() -> None:
    room = pair().room
    needs = room.needs(ALICE, InviteMember(handle="Carol")) | room.needs(ALICE, DeleteMessage(message_id=NOWHERE))
    assert needs == Needs(messages=frozenset({NOWHERE}), handles=frozenset({"carol"}))
    assert not room.needs(ALICE, PostMessage(text="hello"))


def test_a_handle_is_found_whatever_its_case() -> None:
    facts = Facts.of({}, [account("Carol")])
    found = facts.account_by_handle("cAROL")
    assert found is not None
    assert found.id == "Carol"
    assert facts.account_by_handle("dave") is None
