"""How messages follow from events: the one fold that the database, the client and the tests share."""

from multiplayer.protocol.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.messages import Message, Reaction


def message_of(event: MessagePosted) -> Message:
    """Return the message as it stands right after it was posted."""
    body = event.message
    return Message(
        id=body.id,
        seq=event.seq,
        author_id=event.actor_id,
        at=event.at,
        text=body.text,
        reply_to=body.reply_to,
        thread_root=body.thread_root,
        turn_id=body.turn_id,
        mentions=event.mentions,
        mention_groups=event.mention_groups,
    )


def touched_message(event: Event) -> MessageId | None:
    """Name the message that `event` makes or changes."""
    match event:
        case MessagePosted():
            return event.message.id
        case MessageEdited() | MessageDeleted() | ReactionAdded() | ReactionRemoved():
            return event.message_id
        case _:
            return None


def fold_message(message: Message, event: Event) -> Message:
    """Return `message` as it stands after `event`, which must touch it and must not have posted it."""
    match event:
        case MessageEdited():
            return message.model_copy(
                update={
                    "text": event.text,
                    "revision": event.revision,
                    "edited_at": event.at,
                    "mentions": event.mentions,
                    "mention_groups": event.mention_groups,
                }
            )
        case MessageDeleted():
            return message.model_copy(
                update={
                    "text": "",
                    "mentions": (),
                    "mention_groups": (),
                    "reactions": (),
                    "deleted_at": event.at,
                    "deleted_by": event.actor_id,
                }
            )
        case ReactionAdded():
            return message.model_copy(update={"reactions": _with(message.reactions, event.emoji, event.actor_id)})
        case ReactionRemoved():
            return message.model_copy(update={"reactions": _without(message.reactions, event.emoji, event.actor_id)})
        case _:
            raise AssertionError(f"{event.type} does not change a message")


def _with(reactions: tuple[Reaction, ...], emoji: str, account_id: AccountId) -> tuple[Reaction, ...]:
    # A view read a moment ahead of its event meets it twice: adding again changes nothing.
    if any(reaction.emoji == emoji and account_id in reaction.account_ids for reaction in reactions):
        return reactions
    if all(reaction.emoji != emoji for reaction in reactions):
        return (*reactions, Reaction(emoji=emoji, account_ids=(account_id,)))
    return tuple(
        Reaction(emoji=emoji, account_ids=(*reaction.account_ids, account_id)) if reaction.emoji == emoji else reaction
        for reaction in reactions
    )


def _without(reactions: tuple[Reaction, ...], emoji: str, account_id: AccountId) -> tuple[Reaction, ...]:
    rest = (
        Reaction(emoji=emoji, account_ids=tuple(other for other in reaction.account_ids if other != account_id))
        if reaction.emoji == emoji
        else reaction
        for reaction in reactions
    )
    return tuple(reaction for reaction in rest if reaction.account_ids)
