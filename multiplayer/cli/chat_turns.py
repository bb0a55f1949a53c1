"""Turns of AIs, as a terminal shows them: who waits and why, words and cards as they come, and how each ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from multiplayer.cli.chat_cards import card_lines, form_lines
from multiplayer.cli.chat_paper import SHORT, Paper
from multiplayer.cli.usage_words import tokens_line
from multiplayer.cli.visible import shortened
from multiplayer.client.running_text import RunningText
from multiplayer.client.view import View
from multiplayer.protocol.cards import Card, Form
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.signals import AiCards, AiDelta, AiText, AiThinking, TurnProgress
from multiplayer.protocol.turn_events import (
    ModelChanged,
    Request,
    SteeringTaken,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnSteered,
    TurnStopRequested,
)
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason

TurnWord = (
    TurnRequested
    | TurnCollected
    | TurnSteered
    | TurnStarted
    | SteeringTaken
    | ModelChanged
    | TurnStopRequested
    | TurnEnded
)
MOST_THOUGHT = 1_000
"""Characters that are kept of what a model thinks: only the end of it is shown."""
STATUSES = 20
"""Shown of what a provider tells of one turn."""
_WHY = {
    TurnReason.MENTION: "it was mentioned",
    TurnReason.REPLY: "it was replied to",
    TurnReason.THREAD: "it follows this thread",
    TurnReason.KEYWORD: "a keyword fell",
    TurnReason.EVERY: "so many messages were written",
    TurnReason.SCHEDULE: "it is time",
    TurnReason.WEBHOOK: "a webhook asked",
    TurnReason.ASKED: "it was asked",
    TurnReason.STEERED: "it was told too late for the turn before",
    TurnReason.FORM: "its form was filled in",
    TurnReason.REGENERATE: "it was asked to answer again",
}
_EVIDENT = frozenset({TurnReason.MENTION, TurnReason.REPLY, TurnReason.FORM})
"""What was said or done a line before tells why."""


@dataclass
class _Turn:
    """One that has not ended, and how much of it was shown."""

    ai_id: AccountId
    is_running: bool = False
    running: RunningText = field(default_factory=RunningText)
    printed: str = ""
    cards: int = 0
    said: str = ""
    statuses: int = 0
    thought: str = ""
    thinks_since_s: float | None = None
    thought_s: float | None = None
    """How long it thought, until that is told."""


class TurnLines:
    """One turn at a time has the floor: the words of the others wait until it ends, or goes to work with a tool."""

    def __init__(self, paper: Paper, monotonic_s: Callable[[], float]) -> None:
        self._paper = paper
        self._monotonic_s = monotonic_s
        self._turns: dict[TurnId, _Turn] = {}
        self._floor: TurnId | None = None

    def begin(self, view: View) -> None:
        self._floor = None
        self._turns = {
            turn_id: _Turn(turn.ai_id, turn.is_running, RunningText(turn.text, turn.cards))
            for turn_id, turn in view.turns.items()
        }

    def open(self, view: View) -> None:
        """Show the words so far of those that run, and who waits."""
        for turn_id, state in view.turns.items():
            self._speak(turn_id)
            if state.calls:
                self.pauses(turn_id)
            if not state.is_running:
                self._paper.note(
                    f"{self._paper.name(state.ai_id)} will answer {self._paper.names(state.askers)}: "
                    f"{_why(state.reason, state.rule_id)}"
                )

    def show(self, event: TurnWord) -> None:
        paper, who = self._paper, self._paper.name(event.actor_id)
        match event:
            case TurnRequested():
                self._requested(event)
            case TurnCollected():
                paper.note(f"{self._asker(event)} waits for {paper.name(event.ai_id)}, too: one turn answers both")
            case TurnSteered():
                paper.note(f"{self._asker(event)} steers {paper.name(event.ai_id)}: it is told at its next step")
            case TurnStarted():
                if event.turn_id in self._turns:
                    self._turns[event.turn_id].is_running = True
            case SteeringTaken():
                paper.note(f"{who} was told {_count(len(event.messages), 'message')} and goes on")
            case ModelChanged():
                reason = f" ({shortened(event.reason, SHORT)})" if event.reason else ""
                paper.note(f"{event.previous} could not answer{reason}; {event.model} answers now")
            case TurnStopRequested():
                is_replaced = event.superseded_by is not None
                paper.note(f"{who} asked anew: the running turn gives way" if is_replaced else f"{who} asked to stop")
            case TurnEnded():
                self._ended(event)
            case _:
                assert_never(event)

    def go_on(self) -> None:
        """Give the floor, if nobody has it, to the first turn whose words wait."""
        for turn_id in self._turns if self._floor is None else ():
            self._speak(turn_id)

    def pauses(self, turn_id: TurnId) -> None:
        """It goes to work: others may speak meanwhile."""
        turn = self._turns.get(turn_id)
        if turn is not None:
            self._tell_thought(turn)
        if self._floor == turn_id:
            self._floor = None

    def thinks(self, word: AiThinking) -> None:
        """Show the end of what a model thinks, in a row that is gone when it speaks."""
        turn = self._turns.get(word.turn_id)
        if turn is None:
            return
        if turn.thinks_since_s is None:
            turn.thinks_since_s = self._monotonic_s()
        turn.thought = (turn.thought + word.text)[-MOST_THOUGHT:]
        self._paper.pass_by(word.turn_id, f"{self._paper.name(turn.ai_id)} thinks:", turn.thought)

    def cost(self, usage: TokenUsage) -> None:
        """Say what a turn cost, where anybody knows."""
        if usage.cost_micros is not None and self._paper.currency:
            self._paper.note(f"{tokens_line(usage)}, {self._paper.money(usage.cost_micros)}")

    def words(self, word: AiDelta | AiText) -> None:
        turn = self._turns.get(word.turn_id)
        if turn is None:
            return
        self._stop_thinking(turn)
        if isinstance(word, AiText):
            turn.running.replace(word.text, word.cards)
        else:
            turn.running.add(word.offset, word.text)
        self._speak(word.turn_id)

    def cards(self, word: AiCards) -> None:
        turn = self._turns.get(word.turn_id)
        if turn is not None:
            self._stop_thinking(turn)
            turn.running.add_cards(word.offset, word.cards)
            self._speak(word.turn_id)

    def progress(self, word: TurnProgress) -> None:
        """Show what a provider tells of its work, once and not for ever."""
        turn = self._turns.get(word.turn_id)
        said = shortened(word.said, SHORT)
        if turn is not None and said and said != turn.said and turn.statuses < STATUSES:
            turn.said = said
            turn.statuses += 1
            self._paper.note(f"{self._paper.name(turn.ai_id)}: {said}")

    def has_shown(self, message: MessageBody) -> bool:
        """Show the rest of an answer whose words came before it; False if its words have to be shown as a whole."""
        shown = message.turn_id is not None and self._finish(message.turn_id, message.text, message.cards)
        if not shown:
            return False
        self._form(message.form)
        return True

    def answered_again(self, turn_id: TurnId, text: str, cards: tuple[Card, ...], form: Form | None) -> bool:
        """As `has_shown`, for an answer that was given again."""
        if not self._finish(turn_id, text, cards):
            return False
        self._form(form)
        return True

    def cards_and_form(self, cards: tuple[Card, ...], form: Form | None) -> None:
        """Show what an answer holds besides its words."""
        self._cards(cards, 0)
        self._form(form)

    def _requested(self, event: TurnRequested) -> None:
        ahead = sum(1 for turn in self._turns.values() if turn.ai_id == event.ai_id)
        self._turns[event.turn_id] = _Turn(event.ai_id)
        ai, why = self._paper.name(event.ai_id), _why(event.reason, event.rule_id)
        if ahead:
            turns = _count(ahead, "turn")
            self._paper.note(f"{self._asker(event)} waits for {ai}, behind {turns}: {why}")
        elif event.on_behalf_of and event.reason is not TurnReason.STEERED:
            others = self._paper.names(event.on_behalf_of)
            self._paper.note(f"{self._paper.name(event.actor_id)} asks {ai}, in the name of {others}")
        elif event.reason not in _EVIDENT:
            self._paper.note(f"{ai} takes a turn for {self._asker(event)}: {why}")

    def _ended(self, event: TurnEnded) -> None:
        turn = self._turns.pop(event.turn_id, None)
        if self._floor == event.turn_id:
            self._floor = None
            self._paper.end_line()
        if turn is not None:
            self._tell_thought(turn)
        if event.outcome is not TurnOutcome.DONE:
            reason = f": {event.reason}" if event.reason else ""
            self._paper.note(f"{self._paper.name(event.ai_id)} {event.outcome.value}{reason}")

    def _asker(self, event: Request) -> str:
        return self._paper.names(event.askers)

    def _finish(self, turn_id: TurnId, text: str, cards: tuple[Card, ...]) -> bool:
        turn = self._turns.get(turn_id)
        if turn is None:
            return False
        self._tell_thought(turn)
        has_begun = bool(turn.printed or turn.cards) and text.startswith(turn.printed)
        turn.running = RunningText(text, cards)
        if has_begun:
            self._write(turn_id, turn)
            self._paper.end_line()
        else:
            # It is shown as a whole now.
            turn.printed, turn.cards = text, len(cards)
        return has_begun

    def _stop_thinking(self, turn: _Turn) -> None:
        if turn.thinks_since_s is not None:
            turn.thought_s = self._monotonic_s() - turn.thinks_since_s
            turn.thinks_since_s, turn.thought = None, ""

    def _tell_thought(self, turn: _Turn) -> None:
        self._stop_thinking(turn)
        if turn.thought_s is not None:
            seconds, turn.thought_s = max(1, round(turn.thought_s)), None
            self._paper.note(f"{self._paper.name(turn.ai_id)} thought for {seconds} s")

    def _speak(self, turn_id: TurnId) -> None:
        """Show what has come of a turn since the last time, if it has the floor or nobody has."""
        turn = self._turns[turn_id]
        is_new = len(turn.running.text) > len(turn.printed) or len(turn.running.cards) > turn.cards
        if is_new and self._floor in {None, turn_id}:
            self._floor = turn_id
            self._write(turn_id, turn)

    def _write(self, turn_id: TurnId, turn: _Turn) -> None:
        """Show what is new: words at the end of their line if it is still open."""
        self._tell_thought(turn)
        text = turn.running.text
        new = text[len(turn.printed) :]
        if new:
            self._paper.grow(turn_id, turn.ai_id, new, goes_on=bool(turn.printed))
            turn.printed = text
        if len(turn.running.cards) > turn.cards:
            self._cards(turn.running.cards[turn.cards :], turn.cards)
            turn.cards = len(turn.running.cards)

    def _cards(self, cards: tuple[Card, ...], shown: int) -> None:
        for number, card in enumerate(cards, shown + 1):
            for line in card_lines(card, number):
                self._paper.line(line)

    def _form(self, form: Form | None) -> None:
        if form is not None:
            who = self._paper.handle(form.answered_by) if form.answered_by is not None else ""
            for line in form_lines(form, who):
                self._paper.line(line)


def _why(reason: TurnReason, rule_id: str | None) -> str:
    is_named = rule_id is not None and rule_id != reason.value
    return f"{_WHY[reason]} (rule {rule_id})" if is_named else _WHY[reason]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
