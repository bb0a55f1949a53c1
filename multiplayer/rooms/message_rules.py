"""Deciding what people say: post, edit, delete, react, pin."""

from multiplayer.protocol.commands import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    PinMessage,
    PostMessage,
    RemoveReaction,
    UnpinMessage,
)
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.messages import Message, MessageBody
from multiplayer.rooms.attachment_rules import attached
from multiplayer.rooms.deciding import Deciding, checked_text
from multiplayer.rooms.memory_rules import erase_derived
from multiplayer.rooms.mentions import Mentions, find_mentions
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.state import RoomState
from multiplayer.rooms.triggers import Moment, judge, may_wake
from multiplayer.rooms.turn_requests import request_by


def post(deciding: Deciding, command: PostMessage) -> list[Event]:
    state = deciding.state
    deciding.check(Right.POST)
    attachments = attached(deciding, command.attachments)
    text = "" if attachments and not command.text.strip() else checked_text(command.text, deciding.limits)
    replied_to = deciding.message(command.reply_to) if command.reply_to else None
    thread_root = (replied_to.thread_root or replied_to.id) if replied_to else None
    mentions = _mentions_in(text, state)
    message_id = MessageId(deciding.new_id())
    events: list[Event] = [
        MessagePosted(
            **deciding.head(event_id=message_id),
            message=MessageBody(
                id=message_id,
                text=text,
                reply_to=command.reply_to,
                thread_root=thread_root,
                attachments=attachments,
            ),
            mentions=mentions.accounts,
            mention_groups=mentions.groups,
        )
    ]
    moment = Moment(
        author=deciding.actor,
        text=text,
        at=deciding.at,
        mentions=mentions,
        replied_to=replied_to.author_id if replied_to else None,
        thread=deciding.facts.threads.get(thread_root) if thread_root else None,
    )
    if may_wake(state, moment):
        for verdict in judge(state, moment):
            events += request_by(deciding, verdict, message_id, None)
    return events


def edit(deciding: Deciding, command: EditMessage) -> list[Event]:
    message = deciding.live_message(command.message_id)
    deciding.check(Right.EDIT_OWN)
    if message.author_id != deciding.actor_id:
        raise Refused(RefusalCode.FORBIDDEN, "only its author may edit a message")
    is_bare = bool(message.attachments) and not command.text.strip()
    text = "" if is_bare else checked_text(command.text, deciding.limits)
    if text == message.text:
        raise Refused(RefusalCode.NO_CHANGE, "the message says this already")
    mentions = _mentions_in(text, deciding.state)
    # An edit asks nobody: a turn on a text that others read differently would puzzle everyone.
    return [
        MessageEdited(
            **deciding.head(),
            message_id=message.id,
            text=text,
            revision=message.revision + 1,
            mentions=mentions.accounts,
            mention_groups=mentions.groups,
        )
    ]


def delete(deciding: Deciding, command: DeleteMessage) -> list[Event]:
    message = deciding.message(command.message_id)
    deciding.check(Right.EDIT_OWN if message.author_id == deciding.actor_id else Right.DELETE_ANY)
    if message.is_deleted:
        raise Refused(RefusalCode.NO_CHANGE, "this message is deleted already")
    # What was derived from it goes with it.
    return [MessageDeleted(**deciding.head(), message_id=message.id), *erase_derived(deciding, [message])]


def react(deciding: Deciding, command: AddReaction | RemoveReaction) -> list[Event]:
    deciding.check(Right.REACT)
    message = deciding.live_message(command.message_id)
    emoji = _checked_emoji(command.emoji, deciding.limits.emoji)
    has_it = deciding.actor_id in _reacted(message, emoji)
    if isinstance(command, RemoveReaction):
        if not has_it:
            raise Refused(RefusalCode.NO_CHANGE, "you have not reacted with this")
        return [ReactionRemoved(**deciding.head(), message_id=message.id, emoji=emoji)]
    if has_it:
        raise Refused(RefusalCode.NO_CHANGE, "you have reacted with this already")
    if not _reacted(message, emoji) and len(message.reactions) >= deciding.limits.emojis_per_message:
        raise Refused(
            RefusalCode.LIMIT_REACHED,
            f"a message may have at most {deciding.limits.emojis_per_message} different reactions",
        )
    return [ReactionAdded(**deciding.head(), message_id=message.id, emoji=emoji)]


def pin(deciding: Deciding, command: PinMessage | UnpinMessage) -> list[Event]:
    deciding.check(Right.PIN)
    message = deciding.live_message(command.message_id)
    is_pinned = message.id in deciding.state.pins
    if isinstance(command, UnpinMessage):
        if not is_pinned:
            raise Refused(RefusalCode.NO_CHANGE, "this message is not pinned")
        return [MessageUnpinned(**deciding.head(), message_id=message.id)]
    if is_pinned:
        raise Refused(RefusalCode.NO_CHANGE, "this message is pinned already")
    if len(deciding.state.pins) >= deciding.limits.pins:
        raise Refused(RefusalCode.LIMIT_REACHED, f"a room may have at most {deciding.limits.pins} pinned messages")
    return [MessagePinned(**deciding.head(), message_id=message.id)]


def _mentions_in(text: str, state: RoomState) -> Mentions:
    # Most texts mention nobody, and gathering the members' names costs more than the rest of the decision.
    return find_mentions(text, state.handles, state.default_ai) if "@" in text else Mentions()


def _reacted(message: Message, emoji: str) -> tuple[AccountId, ...]:
    return next((reaction.account_ids for reaction in message.reactions if reaction.emoji == emoji), ())


def _checked_emoji(emoji: str, limit: int) -> str:
    # Joined emoji hold invisible joiners, so "printable" would be too strict; blanks and controls are no reaction.
    if not emoji or any(character.isspace() or ord(character) < 0x20 for character in emoji):
        raise Refused(RefusalCode.MALFORMED, "a reaction is an emoji or a short word without blanks")
    if len(emoji) > limit:
        raise Refused(RefusalCode.TOO_LONG, f"a reaction may have at most {limit} characters")
    return emoji
