"""How messages follow from events: the one fold that the database, the client and the tests share."""

from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    AttachmentChanged,
    Event,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
    SummaryUpdated,
)
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.memory import Summary
from multiplayer.protocol.messages import Answer, Message, Reaction


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
        asked_by=body.asked_by,
        answers=body.answers,
        cards=body.cards,
        form=body.form,
        taint=body.taint,
        attachments=body.attachments,
    )


def touched_message(event: Event) -> MessageId | None:
    """Name the message that `event` makes or changes."""
    match event:
        case MessagePosted():
            return event.message.id
        case MessageEdited() | MessageDeleted() | ReactionAdded() | ReactionRemoved() | AttachmentChanged():
            return event.message_id
        case AnswerRegenerated() | AnswerChosen() | FormAnswered():
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
                    "cards": (),
                    "form": None,
                    "attachments": (),
                    "alternatives": (),
                    "chosen": 0,
                    "deleted_at": event.at,
                    "deleted_by": event.actor_id,
                    "deleted_because": event.because,
                }
            )
        case AttachmentChanged():
            changed = event.attachment
            files = tuple(changed if one.id == changed.id else one for one in message.attachments)
            return message.model_copy(update={"attachments": files})
        case ReactionAdded():
            return message.model_copy(update={"reactions": _with(message.reactions, event.emoji, event.actor_id)})
        case ReactionRemoved(is_erased=True):
            return message.model_copy(update={"reactions": _without(message.reactions, None, event.actor_id)})
        case ReactionRemoved():
            return message.model_copy(update={"reactions": _without(message.reactions, event.emoji, event.actor_id)})
        case AnswerRegenerated():
            known = (*_answers_of(message), event.answer)
            return _standing(message, known, len(known) - 1, event.revision).model_copy(
                update={"mentions": event.mentions}
            )
        case AnswerChosen():
            return _standing(message, _answers_of(message), event.index, event.revision)
        case FormAnswered():
            if message.form is None:
                # The message was deleted since, and a log that forgot it tells of answers to nothing.
                return message
            form = message.form.model_copy(
                update={"answers": event.answers, "answered_by": event.actor_id, "answered_at": event.at}
            )
            answers = tuple(
                answer.model_copy(update={"form": form}) if place == message.chosen else answer
                for place, answer in enumerate(message.alternatives)
            )
            return message.model_copy(update={"form": form, "alternatives": answers})
        case _:
            raise AssertionError(f"{event.type} does not change a message")


def summary_of(event: SummaryUpdated) -> Summary:
    """Return the version of the summary that an event brings."""
    return Summary(
        version=event.version,
        up_to_seq=event.up_to_seq,
        method=event.method,
        points=event.points,
        taint=event.taint,
        edited_by=event.edited_by,
        brief=event.brief,
    )


def _answers_of(message: Message) -> tuple[Answer, ...]:
    if message.alternatives:
        return message.alternatives
    assert message.turn_id is not None, "only an AI's answer has alternatives"
    first = Answer(
        turn_id=message.turn_id,
        at=message.at,
        text=message.text,
        cards=message.cards,
        form=message.form,
        taint=message.taint,
    )
    return (first,)


def _standing(message: Message, answers: tuple[Answer, ...], chosen: int, revision: int) -> Message:
    answer = answers[chosen]
    return message.model_copy(
        update={
            "text": answer.text,
            "cards": answer.cards,
            "form": answer.form,
            "taint": answer.taint,
            "turn_id": answer.turn_id,
            "alternatives": answers,
            "chosen": chosen,
            "revision": revision,
        }
    )


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


def _without(reactions: tuple[Reaction, ...], emoji: str | None, account_id: AccountId) -> tuple[Reaction, ...]:
    """Return what is left without an account's reaction; without all of them if no `emoji` is named."""
    rest = (
        Reaction(
            emoji=reaction.emoji, account_ids=tuple(other for other in reaction.account_ids if other != account_id)
        )
        if emoji in (None, reaction.emoji)
        else reaction
        for reaction in reactions
    )
    return tuple(reaction for reaction in rest if reaction.account_ids)
