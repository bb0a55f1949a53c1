"""Deciding who is asked for a turn: a new one, the one that waits, or a word into the one that runs."""

from dataclasses import dataclass, replace
from typing import TypedDict

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import AnswerForm, AskAi, ChooseAnswer, RegenerateAnswer, SteerTurn
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AnswerChosen, Event, FormAnswered, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.inner_commands import FireRule
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.trigger_rules import ScheduleRule, WebhookRule, Why
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested, TurnSteered, TurnStopRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason, WhileBusy
from multiplayer.rooms.deciding import Deciding, checked_text
from multiplayer.rooms.forms import answers_text, check_answers
from multiplayer.rooms.mentions import find_mentions
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.triggers import (
    Moment,
    Verdict,
    held_back,
    is_ai,
    may_steer,
    rule_of,
    running_turn,
    waiting_turn,
)

MAX_ALTERNATIVES = 8


@dataclass(frozen=True)
class Asking:
    """One request. The actor asks, or, for an AI that calls another one, those in whose name it speaks."""

    ai_id: AccountId
    reason: TurnReason
    message_id: MessageId | None = None
    rule_id: str | None = None
    on_behalf_of: tuple[AccountId, ...] = ()
    hops: int = 0
    is_unattended: bool = False
    note: str = ""
    note_taint: tuple[Taint, ...] = ()


def request_turn(deciding: Deciding, asking: Asking) -> list[Event]:
    """Ask for a turn. An AI has at most one that waits: it collects. One that runs is dealt with as the room chose."""
    state = deciding.state
    policy = state.room.settings.while_busy
    waiting = waiting_turn(state, asking.ai_id)
    running = running_turn(state, asking.ai_id)
    # What comes from who may not touch the running one waits its turn; an AI that asks another one never may, nor what
    # fires by itself: nobody is there who means it.
    if running is not None and (asking.is_unattended or not may_steer(state, deciding.actor, running)):
        running = None
    if running is not None and policy is WhileBusy.INTERRUPT:
        turn_id = waiting.turn_id if waiting is not None else TurnId(deciding.new_id())
        stopped = TurnStopRequested(**deciding.head(), turn_id=running.turn_id, superseded_by=turn_id)
        return [stopped, _joining(deciding, asking, turn_id) if waiting else _new(deciding, asking, turn_id)]
    if waiting is not None:
        return [_joining(deciding, asking, waiting.turn_id)]
    # What stands beside a message (a form's answers) is told at the beginning of a turn, not in its middle.
    is_told = asking.message_id is not None and not asking.note
    if running is not None and policy is WhileBusy.STEER and is_told:
        return [TurnSteered(**deciding.head(), **request_fields(asking), turn_id=running.turn_id)]
    return [_new(deciding, asking, TurnId(deciding.new_id()))]


def request_by(deciding: Deciding, verdict: Verdict, message_id: MessageId, turn: TurnState | None) -> list[Event]:
    """Return what follows from one rule's verdict on a message; `turn`: the one that wrote it, for an AI's message.

    Who is addressed by name but asked too often is heard to say so: silence would look like a fault.
    """
    if verdict.ai_id is None:
        return []
    asking = Asking(
        ai_id=verdict.ai_id,
        reason=verdict.reason,
        message_id=message_id,
        rule_id=verdict.rule_id,
        on_behalf_of=turn.askers if turn else (),
        hops=turn.hops + 1 if turn else 0,
        is_unattended=turn is not None and turn.is_unattended,
    )
    if verdict.fires:
        return request_turn(deciding, asking)
    is_addressed = verdict.reason in {TurnReason.MENTION, TurnReason.REPLY}
    if verdict.why is Why.TOO_OFTEN and is_addressed and turn is None:
        turn_id = TurnId(deciding.new_id())
        return [
            # Without its rule: what was refused does not count against the rate.
            TurnRequested(**deciding.head(), **request_fields(replace(asking, rule_id=None)), turn_id=turn_id),
            TurnEnded(
                **deciding.head(),
                turn_id=turn_id,
                ai_id=asking.ai_id,
                outcome=TurnOutcome.REFUSED,
                reason=f"It was asked {verdict.bound} times within a minute, which is this room's limit; ask again shortly.",
            ),
        ]
    return []


def ask(deciding: Deciding, command: AskAi) -> list[Event]:
    deciding.check(Right.ASK_AI)
    ai_id = command.ai_id or deciding.state.default_ai
    if ai_id is None or not is_ai(deciding.state, ai_id):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    if command.message_id is not None:
        deciding.live_message(command.message_id)
    return request_turn(deciding, Asking(ai_id, TurnReason.ASKED, command.message_id))


def steer(deciding: Deciding, command: SteerTurn) -> list[Event]:
    """Post the words, and put them into the turn whatever the room does with other requests."""
    deciding.check(Right.POST)
    turn = deciding.state.turns.get(command.turn_id)
    if turn is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such turn that could be steered")
    deciding.check(Right.ASK_AI)
    deciding.check(Right.STEER_TURN, is_own_request=turn.askers == (deciding.actor_id,))
    if turn.is_stop_requested:
        raise Refused(RefusalCode.CONFLICT, "this turn is being stopped")
    if turn.replaces is not None and not turn.is_running:
        # It answers the same request once more: nothing is collected into that, so its model would never hear this.
        raise Refused(
            RefusalCode.CONFLICT, "it has not begun to answer again; steer it once it does, or just post this"
        )
    text = checked_text(command.text, deciding.limits)
    mentions = find_mentions(text, deciding.state.handles, deciding.state.default_ai)
    message_id = MessageId(deciding.new_id())
    posted = MessagePosted(
        **deciding.head(event_id=message_id),
        message=MessageBody(id=message_id, text=text),
        mentions=mentions.accounts,
        mention_groups=mentions.groups,
    )
    request = request_fields(Asking(turn.ai_id, TurnReason.STEERED, message_id))
    if turn.is_running:
        return [posted, TurnSteered(**deciding.head(), **request, turn_id=turn.turn_id)]
    return [posted, TurnCollected(**deciding.head(), **request, turn_id=turn.turn_id)]


def regenerate(deciding: Deciding, command: RegenerateAnswer) -> list[Event]:
    message = deciding.live_message(command.message_id)
    if message.turn_id is None or not is_ai(deciding.state, message.author_id):
        raise Refused(RefusalCode.CONFLICT, "only an answer of an AI of this room can be given again")
    deciding.check(Right.ASK_AI)
    deciding.check(Right.STEER_TURN, is_own_request=message.asked_by == (deciding.actor_id,))
    if any(turn.replaces == message.id for turn in deciding.state.turns.values()):
        raise Refused(RefusalCode.NO_CHANGE, "it is being answered again already")
    if len(message.alternatives) >= MAX_ALTERNATIVES:
        raise Refused(RefusalCode.LIMIT_REACHED, f"an answer may have at most {MAX_ALTERNATIVES} alternatives")
    note = deciding.facts.notes.get(message.id)
    asking = Asking(
        message.author_id,
        TurnReason.REGENERATE,
        message.answers[-1] if message.answers else None,
        note=note.text if note else "",
        note_taint=note.taint if note else (),
    )
    turn_id = TurnId(deciding.new_id())
    return [TurnRequested(**deciding.head(), **request_fields(asking), turn_id=turn_id, replaces=message.id)]


def choose(deciding: Deciding, command: ChooseAnswer) -> list[Event]:
    message = deciding.live_message(command.message_id)
    deciding.check(Right.STEER_TURN, is_own_request=message.asked_by == (deciding.actor_id,))
    if command.index >= len(message.alternatives):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such answer")
    if command.index == message.chosen:
        raise Refused(RefusalCode.NO_CHANGE, "this answer stands already")
    return [AnswerChosen(**deciding.head(), message_id=message.id, index=command.index, revision=message.revision + 1)]


def answer_form(deciding: Deciding, command: AnswerForm) -> list[Event]:
    """Keep the answers in the form, for all to see, and ask its AI to go on."""
    message = deciding.live_message(command.message_id)
    deciding.check(Right.ASK_AI)
    if message.form is None:
        raise Refused(RefusalCode.CONFLICT, "this message asks nothing")
    if message.form.answered_by is not None:
        raise Refused(RefusalCode.CONFLICT, "this form was filled in already")
    check_answers(message.form, command.answers)
    answered: list[Event] = [
        FormAnswered(**deciding.head(), message_id=message.id, answers=command.answers),
    ]
    if is_ai(deciding.state, message.author_id):
        note = answers_text(message.form, command.answers)
        answered += request_turn(deciding, Asking(message.author_id, TurnReason.FORM, message.id, note=note))
    return answered


def fire(deciding: Deciding, command: FireRule) -> list[Event]:
    """The clock or a webhook fires a rule, in the name of who set it, with the rights they have now."""
    rule = rule_of(deciding.state, command.rule_id)
    if not isinstance(rule, ScheduleRule | WebhookRule) or not rule.is_on:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such rule in this room, or it is off")
    if rule.set_by != deciding.actor_id:
        raise Refused(RefusalCode.FORBIDDEN, "this rule was set by someone else")
    deciding.check(Right.ASK_AI, because="who set this rule may not ask the AI any more")
    ai_id = rule.ai_id or deciding.state.default_ai
    if ai_id is None or not is_ai(deciding.state, ai_id):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    why = held_back(deciding.state, rule, ai_id, Moment(deciding.actor, "", deciding.at, is_message=False))
    if why is not Why.FIRES:
        wait_s = rule.cooldown_s if why is Why.RESTS else 60
        raise Refused(RefusalCode.RATE_LIMITED, "this rule fired a moment ago", retry_after_s=float(wait_s))
    reason = TurnReason.SCHEDULE if isinstance(rule, ScheduleRule) else TurnReason.WEBHOOK
    note = "\n\n".join(part for part in (rule.prompt, command.note) if part)
    return request_turn(deciding, Asking(ai_id, reason, rule_id=rule.id, is_unattended=True, note=note))


class RequestFields(TypedDict):
    ai_id: AccountId
    message_id: MessageId | None
    reason: TurnReason
    rule_id: str | None
    on_behalf_of: tuple[AccountId, ...]
    hops: int
    is_unattended: bool
    note: str
    note_taint: tuple[Taint, ...]


def request_fields(asking: Asking) -> RequestFields:
    return RequestFields(
        ai_id=asking.ai_id,
        message_id=asking.message_id,
        reason=asking.reason,
        rule_id=asking.rule_id,
        on_behalf_of=asking.on_behalf_of,
        hops=asking.hops,
        is_unattended=asking.is_unattended,
        note=asking.note,
        note_taint=asking.note_taint,
    )


def _new(deciding: Deciding, asking: Asking, turn_id: TurnId) -> Event:
    return TurnRequested(**deciding.head(), **request_fields(asking), turn_id=turn_id)


def _joining(deciding: Deciding, asking: Asking, turn_id: TurnId) -> Event:
    return TurnCollected(**deciding.head(), **request_fields(asking), turn_id=turn_id)
