"""Which AIs take a turn, and why; and for every rule that does not fire, why not."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.rooms import MAX_HOPS, TurnState
from multiplayer.protocol.trigger_rules import (
    EveryRule,
    KeywordRule,
    MentionRule,
    ReplyRule,
    ScheduleRule,
    ThreadRule,
    TriggerRule,
    WebhookRule,
    Why,
)
from multiplayer.protocol.turns import TurnReason, WhileBusy
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.rooms.mentions import LETTER, Mentions, plain_text
from multiplayer.rooms.notes import HOUR, MINUTE
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.state import RoomState

_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_REASONS: Final = {
    "mention": TurnReason.MENTION,
    "reply": TurnReason.REPLY,
    "thread": TurnReason.THREAD,
    "keyword": TurnReason.KEYWORD,
    "every": TurnReason.EVERY,
    "schedule": TurnReason.SCHEDULE,
    "webhook": TurnReason.WEBHOOK,
}
"""In the order in which a rule goes before another one that would wake the same AI."""
_ORDER: Final = {kind: place for place, kind in enumerate(_REASONS)}


@dataclass(frozen=True)
class Moment:
    """A message as the rules see it, at the moment it is posted. `hops`: of the turn that wrote it, for an AI's."""

    author: Member
    text: str | None
    """None: it was deleted since, and nobody can tell what it said."""
    at: datetime
    mentions: Mentions = field(default_factory=Mentions)
    replied_to: AccountId | None = None
    """Who wrote what it replies to."""
    thread: ThreadFacts | None = None
    hops: int = 0
    may_ask: bool | None = None
    """For an AI's message: whether those in whose name it speaks may ask. None: the author's own right."""
    was_stopped: bool = False
    """For an AI's message: its turn was being stopped, so it asks for nothing."""
    is_message: bool = True
    """False: the clock or a webhook fires, and there is no message that could be told to a running turn."""


@dataclass(frozen=True)
class Verdict:
    """One rule's word on one AI (or on none, when it finds none)."""

    rule_id: str
    ai_id: AccountId | None
    why: Why
    reason: TurnReason
    bound: int = 0
    """The figure that held it back: seconds, messages or times, by `why`. 0 where there is none."""

    @property
    def fires(self) -> bool:
        return self.why is Why.FIRES


def judge(state: RoomState, moment: Moment) -> tuple[Verdict, ...]:
    """Return every rule's verdict. At most one fires for each AI."""
    verdicts: list[Verdict] = []
    taken: set[AccountId] = set()
    new_turns: Counter[str] = Counter()
    rules = sorted(state.room.settings.triggers, key=lambda rule: _ORDER[rule.type])
    for rule in rules:
        for ai_id, found in _found(state, rule, moment):
            why = found
            if why is Why.FIRES and ai_id is not None:
                why = Why.OTHER_RULE
                if ai_id not in taken:
                    why = held_back(state, rule, ai_id, moment, new_turns=new_turns[rule.id])
                if why is Why.FIRES:
                    new_turns[rule.id] += not _joins(state, ai_id, moment)
                if why is Why.FIRES or isinstance(rule, MentionRule | ReplyRule):
                    # Who is addressed by name and held back is not woken by a weaker rule instead.
                    taken.add(ai_id)
            verdicts.append(Verdict(rule.id, ai_id, why, _REASONS[rule.type], _bound(state, rule, why)))
    return tuple(verdicts)


def may_wake(state: RoomState, moment: Moment) -> bool:
    """Tell whether any rule could fire at all. Most messages name nobody, and asking each rule costs the most of them."""
    if moment.mentions.accounts or moment.replied_to is not None:
        return True
    return not all(isinstance(rule, MentionRule | ReplyRule) for rule in state.room.settings.triggers)


def answer_moment(
    state: RoomState, turn: TurnState | None, posted: MessagePosted, replied_to: AccountId | None
) -> Moment:
    """Return an AI's answer as the rules see it; `turn` wrote it, and stands under the rights of its askers now."""
    authority = state.authority_of(turn) if turn is not None else None
    return Moment(
        author=state.members[posted.actor_id],
        text=None if posted.is_redacted else posted.message.text,
        at=posted.at,
        mentions=Mentions(posted.mentions, posted.mention_groups),
        replied_to=replied_to,
        hops=turn.hops if turn is not None else 0,
        may_ask=authority is not None and may(Right.ASK_AI, authority, state.room.settings),
        was_stopped=turn is not None and turn.is_stop_requested,
    )


def held_back(state: RoomState, rule: TriggerRule, ai_id: AccountId, moment: Moment, *, new_turns: int = 0) -> Why:
    """Tell whether `rule`, which matches, is held back by its cooldown, its rate or the bound on AIs among themselves.

    `new_turns`: how many it asks for by the same message already.
    """
    firings = state.notes.firings
    if moment.author.kind is AccountKind.AI:
        pair = [
            one
            for one in firings
            if one.by == moment.author.account_id and one.ai_id == ai_id and one.at > moment.at - HOUR
        ]
        if len(pair) >= state.room.settings.ai_pairs_per_hour:
            return Why.PAIR_SPENT
    mine = [one for one in firings if one.rule_id == rule.id]
    if any(one.ai_id == ai_id and one.at > moment.at - timedelta(seconds=rule.cooldown_s) for one in mine):
        return Why.RESTS
    # What fires by itself could fill a waiting turn for ever; people's own requests cost no further turn there.
    turns = new_turns + sum((one.is_turn or not moment.is_message) and one.at > moment.at - MINUTE for one in mine)
    if turns >= rule.per_min and not (moment.is_message and _joins(state, ai_id, moment)):
        return Why.TOO_OFTEN
    return Why.FIRES


def waiting_turn(state: RoomState, ai_id: AccountId) -> TurnState | None:
    """Return the turn that further requests join; one that gives an answer again is for that alone."""
    return next((turn for turn in state.turns_of(ai_id) if turn.replaces is None and not turn.is_running), None)


def running_turn(state: RoomState, ai_id: AccountId) -> TurnState | None:
    """Return the turn that a request may steer or interrupt, if the room and the rights allow it."""
    turns = (turn for turn in state.turns_of(ai_id) if turn.replaces is None)
    return next((turn for turn in turns if turn.is_running and not turn.is_stop_requested), None)


def may_steer(state: RoomState, asker: Member, turn: TurnState) -> bool:
    is_own_request = turn.askers == (asker.account_id,)
    return may(Right.STEER_TURN, asker.role, state.room.settings, is_own_request=is_own_request)


def rule_of(state: RoomState, rule_id: str) -> TriggerRule | None:
    return next((rule for rule in state.room.settings.triggers if rule.id == rule_id), None)


def is_ai(state: RoomState, account_id: AccountId) -> bool:
    member = state.members.get(account_id)
    return member is not None and member.kind is AccountKind.AI


def _found(state: RoomState, rule: TriggerRule, moment: Moment) -> Sequence[tuple[AccountId | None, Why]]:
    """Return the AIs that `rule` finds, or why it finds none."""
    not_asked = _not_asked(state, rule, moment)
    if not_asked is not None:
        return [(rule.ai_id, not_asked)]
    if isinstance(rule, ScheduleRule | WebhookRule):
        return [(rule.ai_id, Why.NOT_BY_MESSAGE)]
    if moment.text is None:
        return [(rule.ai_id, Why.NOT_KNOWN)]
    match rule:
        case MentionRule():
            return _each(state, rule, moment, moment.mentions.accounts)
        case ReplyRule():
            return _each(state, rule, moment, (moment.replied_to,) if moment.replied_to else ())
        case ThreadRule():
            return _in_thread(state, rule, moment)
        case KeywordRule():
            return [_one(state, rule, Why.FIRES if has_word(moment.text, rule.words) else Why.NO_WORD)]
        case EveryRule():
            return [_due(state, rule, moment)]
        case _:
            assert_never(rule)


def _not_asked(state: RoomState, rule: TriggerRule, moment: Moment) -> Why | None:
    """Tell why nobody may be woken by this author with this rule at all."""
    settings = state.room.settings
    if not rule.is_on:
        return Why.IS_OFF
    if moment.author.kind is AccountKind.AI:
        # Two polite AIs would thank each other for ever: a room must want it, and then it is bounded.
        if not settings.ai_to_ai or not isinstance(rule, MentionRule | ReplyRule):
            return Why.NOT_BY_AI
        if moment.was_stopped:
            return Why.STOPPED
        if moment.hops >= MAX_HOPS:
            return Why.TOO_FAR
    may_ask = may(Right.ASK_AI, moment.author.role, settings) if moment.may_ask is None else moment.may_ask
    return None if may_ask else Why.MAY_NOT_ASK


def _each(
    state: RoomState, rule: TriggerRule, moment: Moment, named: Iterable[AccountId]
) -> Sequence[tuple[AccountId | None, Why]]:
    found = [
        (ai_id, Why.FIRES)
        for ai_id in named
        if is_ai(state, ai_id) and ai_id != moment.author.account_id and rule.ai_id in {None, ai_id}
    ]
    return found or [(rule.ai_id, Why.NOT_ADDRESSED)]


def _in_thread(state: RoomState, rule: ThreadRule, moment: Moment) -> Sequence[tuple[AccountId | None, Why]]:
    spoke = sorted(moment.thread.ai_ids) if moment.thread is not None else []
    ais = [ai_id for ai_id in spoke if is_ai(state, ai_id) and rule.ai_id in {None, ai_id}]
    if moment.thread is None or not ais:
        return [(rule.ai_id, Why.NO_THREAD)]
    if moment.at - moment.thread.last_at > timedelta(seconds=rule.idle_s):
        return [(ai_id, Why.THREAD_IS_QUIET) for ai_id in ais]
    named = moment.mentions.accounts
    return [(ai_id, Why.FOR_SOMEONE_ELSE if named and ai_id not in named else Why.FIRES) for ai_id in ais]


def _due(state: RoomState, rule: EveryRule, moment: Moment) -> tuple[AccountId | None, Why]:
    ai_id, why = _one(state, rule, Why.FIRES)
    if why is not Why.FIRES:
        return ai_id, why
    if rule.messages == 1:
        # Every message is meant for this AI, but for those that are addressed to another one.
        addressed = [one for one in (*moment.mentions.accounts, moment.replied_to) if one and is_ai(state, one)]
        return ai_id, Why.FOR_SOMEONE_ELSE if addressed and ai_id not in addressed else Why.FIRES
    return ai_id, Why.FIRES if state.said_since.get(rule.id, 0) + 1 >= rule.messages else Why.NOT_YET


def _one(state: RoomState, rule: TriggerRule, why: Why) -> tuple[AccountId | None, Why]:
    ai_id = rule.ai_id or state.default_ai
    if ai_id is None or not is_ai(state, ai_id):
        return ai_id, Why.NO_SUCH_AI
    return ai_id, why


def _joins(state: RoomState, ai_id: AccountId, moment: Moment) -> bool:
    """Tell whether a request to this AI would join a turn that is there, and so cost no further one."""
    if waiting_turn(state, ai_id) is not None:
        return True
    running = running_turn(state, ai_id)
    if running is None or not moment.is_message or state.room.settings.while_busy is not WhileBusy.STEER:
        return False
    return may_steer(state, moment.author, running)


def _bound(state: RoomState, rule: TriggerRule, why: Why) -> int:
    match why, rule:
        case Why.RESTS, _:
            return rule.cooldown_s
        case Why.TOO_OFTEN, _:
            return rule.per_min
        case Why.PAIR_SPENT, _:
            return state.room.settings.ai_pairs_per_hour
        case Why.TOO_FAR, _:
            return MAX_HOPS
        case Why.NOT_YET, EveryRule():
            return rule.messages
        case Why.THREAD_IS_QUIET, ThreadRule():
            return rule.idle_s
        case _:
            return 0


def has_word(text: str, words: Iterable[str]) -> bool:
    """Tell whether one of `words` stands in `text` as a whole word, in any case, outside code and quotes."""
    plain = plain_text(text).casefold()
    for word in words:
        folded = word.casefold()
        # Chinese, Japanese and Korean are written without blanks: a word of theirs has no borders, and is one itself.
        if _CJK.search(folded):
            if folded in plain:
                return True
        elif re.search(rf"(?<!{LETTER}){re.escape(folded)}(?!{LETTER})", plain):
            return True
    return False
