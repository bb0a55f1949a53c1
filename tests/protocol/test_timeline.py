"""How messages follow from events."""

from datetime import UTC, datetime

import pytest

from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message, MessageBody, Reaction
from multiplayer.protocol.timeline import fold_message, message_of, touched_message

M = MessageId("m")
ALICE, BOB = AccountId("alice"), AccountId("bob")
AT = datetime(2026, 1, 31, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)


def head(seq: int, actor_id: AccountId = ALICE, at: datetime = AT) -> dict[str, object]:
    return dict(EventFrame(room_id=RoomId("room"), seq=seq, id=f"e{seq}", at=at, actor_id=actor_id))


POSTED = MessagePosted.model_validate(
    {
        **head(7),
        "message": MessageBody(
            id=M, text="hi @bob", reply_to=MessageId("r"), thread_root=MessageId("r"), turn_id=TurnId("t")
        ),
        "mentions": (BOB,),
        "mention_groups": ("all",),
    }
)


def after(*events: Event) -> Message:
    message = message_of(POSTED)
    for event in events:
        assert touched_message(event) == M
        message = fold_message(message, event)
    return message


def edited(seq: int, text: str, revision: int) -> MessageEdited:
    return MessageEdited.model_validate({**head(seq, at=LATER), "message_id": M, "text": text, "revision": revision})


def added(seq: int, emoji: str, by: AccountId) -> ReactionAdded:
    return ReactionAdded.model_validate({**head(seq, by), "message_id": M, "emoji": emoji})


def removed(seq: int, emoji: str, by: AccountId) -> ReactionRemoved:
    return ReactionRemoved.model_validate({**head(seq, by), "message_id": M, "emoji": emoji})


def deleted(seq: int, by: AccountId) -> MessageDeleted:
    return MessageDeleted.model_validate({**head(seq, by, LATER), "message_id": M})


def test_a_message_starts_as_it_was_posted() -> None:
    message = message_of(POSTED)
    assert (message.id, message.seq, message.author_id, message.at) == (M, 7, ALICE, AT)
    assert (message.text, message.reply_to, message.thread_root, message.turn_id) == ("hi @bob", "r", "r", "t")
    assert (message.mentions, message.mention_groups, message.revision) == ((BOB,), ("all",), 1)
    assert not message.is_deleted
    assert touched_message(POSTED) == M


def test_an_edit_replaces_text_and_mentions_and_keeps_the_rest() -> None:
    message = after(added(8, "👍", BOB), edited(9, "bye", 2), edited(10, "bye!", 3))
    assert (message.text, message.revision, message.edited_at) == ("bye!", 3, LATER)
    assert (message.mentions, message.mention_groups) == ((), ())
    assert message.reactions == (Reaction(emoji="👍", account_ids=(BOB,)),)
    assert (message.seq, message.at, message.reply_to) == (7, AT, "r")


def test_reactions_are_gathered_by_emoji_in_the_order_they_came() -> None:
    message = after(added(8, "👍", BOB), added(9, "🎉", ALICE), added(10, "👍", ALICE))
    assert message.reactions == (
        Reaction(emoji="👍", account_ids=(BOB, ALICE)),
        Reaction(emoji="🎉", account_ids=(ALICE,)),
    )


def test_the_last_one_who_takes_a_reaction_back_takes_the_emoji_away() -> None:
    both = (added(8, "👍", BOB), added(9, "👍", ALICE))
    assert after(*both, removed(10, "👍", BOB)).reactions == (Reaction(emoji="👍", account_ids=(ALICE,)),)
    assert after(*both, removed(10, "👍", BOB), removed(11, "👍", ALICE)).reactions == ()


def test_a_tombstone_keeps_its_place_and_nothing_that_was_said() -> None:
    message = after(added(8, "👍", BOB), deleted(9, BOB))
    assert message.is_deleted
    assert (message.deleted_at, message.deleted_by) == (LATER, BOB)
    assert (message.text, message.mentions, message.mention_groups, message.reactions) == ("", (), (), ())
    assert (message.seq, message.author_id, message.thread_root) == (7, ALICE, "r")


def test_what_does_not_touch_a_message_is_not_folded_into_it() -> None:
    topic = TopicSet.model_validate({**head(8), "topic": "new"})
    assert touched_message(topic) is None
    with pytest.raises(AssertionError, match="topic_set"):
        fold_message(message_of(POSTED), topic)
