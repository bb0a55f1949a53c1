"""The checker of the crash trial accepts whatever is right and names whatever is wrong: only so its silence counts."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crash.checker import Answer, Attempt, History, Row, Seen, Send, Wrong, faults_in
from tests.crash.histories import ROOM, Simulated

Plant = Callable[[History, Random], None]


@given(dice=st.randoms(use_true_random=False), steps=st.integers(0, 60))
def test_every_history_that_keeps_the_promises_is_accepted(dice: Random, steps: int) -> None:
    assert faults_in(Simulated(dice).history(steps)) == []


def _accepted(history: History) -> list[Send]:
    return [send for send in history.sends if send.accepted]


def _row_of(history: History, send: Send) -> Row:
    return next(row for row in history.rows if row.key == send.key)


def _line(history: History, kind: str) -> int:
    return next(place for place, row in enumerate(history.rows) if f'"type":"{kind}"' in row.line)


def _lose(history: History, dice: Random) -> None:
    history.rows.remove(_row_of(history, dice.choice(_accepted(history))))


def _deny(history: History, dice: Random) -> None:
    for attempt in dice.choice(_accepted(history)).attempts:
        attempt.answer = Answer(attempt.sent_s, refused="forbidden")


def _deny_for_now(history: History, dice: Random) -> None:
    dice.choice(_accepted(history)).attempts[:] = [Attempt(0.1, Answer(0.2, refused="unavailable"))]


def _store_what_was_refused(history: History, dice: Random) -> None:
    """The refused attempt was stored all the same: its seq is from before the next attempt."""
    first, second = _two(history, dice)
    seq, other = _row_of(history, first), _row_of(history, second)
    second.attempts[:] = [Attempt(1e6, Answer(1e6 + 1, other.seq, other.event_id))]
    again = Attempt(1e6 + 2, Answer(1e6 + 3, seq.seq, seq.event_id))
    first.attempts[:] = [Attempt(0.0, Answer(0.1, refused="busy")), again]


def _double(history: History, dice: Random) -> None:
    row = _row_of(history, dice.choice([send for send in _accepted(history) if _is_shown(history, send)]))
    seq = len(history.rows) + 1
    twin = row.line.replace(f'"seq":{row.seq},', f'"seq":{seq},').replace(f'"{row.event_id}"', f'"e{seq}"')
    history.rows.append(Row(ROOM, seq, f"e{seq}", row.actor_id, None, twin))
    history.heads = {ROOM: seq}


def _is_shown(history: History, send: Send) -> bool:
    return send.text is not None and f'"{send.text}"' in _row_of(history, send).line


def _answer_otherwise(history: History, dice: Random) -> None:
    send = dice.choice(_accepted(history))
    send.attempts.append(Attempt(1e6, Answer(1e6 + 1, 1 + (send.accepted[0].seq or 0), "e0")))


def _answer_another_seq(history: History, dice: Random) -> None:
    send = dice.choice(_accepted(history))
    for attempt in send.attempts:
        attempt.answer = attempt.answer and replace(attempt.answer, seq=10_000)


def _skip(history: History, dice: Random) -> None:
    at = dice.randint(1, len(history.rows))
    history.rows[:] = [replace(row, seq=row.seq + (row.seq >= at)) for row in history.rows]
    history.heads = {ROOM: len(history.rows) + 1}


def _draw_ahead(history: History, _: Random) -> None:
    history.heads = {ROOM: len(history.rows) + 1}


def _drop(history: History, dice: Random) -> None:
    seen = dice.choice(history.views).stretches[-1].seen
    del seen[dice.randrange(len(seen) - 1)]


def _repeat(history: History, dice: Random) -> None:
    seen = dice.choice(history.views).stretches[-1].seen
    seen.insert(dice.randrange(1, len(seen)), seen[0])


def _swap(history: History, dice: Random) -> None:
    seen = dice.choice(history.views).stretches[-1].seen
    at = dice.randrange(len(seen) - 1)
    seen[at], seen[at + 1] = seen[at + 1], seen[at]


def _two(history: History, dice: Random) -> tuple[Send, Send]:
    first, second = sorted(dice.sample(_accepted(history), 2), key=lambda send: send.accepted[0].seq or 0)
    return first, second


def _overtake(history: History, dice: Random) -> None:
    first, second = _two(history, dice)
    ack = second.accepted[0]
    second.attempts[:] = [Attempt(-2.0, replace(ack, at_s=-1.0))]
    first.attempts[:] = [Attempt(0.0, replace(first.accepted[0], at_s=0.5))]


def _imagine(history: History, dice: Random) -> None:
    stretch = dice.choice(history.views).stretches[-1]
    stretch.seen[-1] = replace(stretch.seen[-1], event_id="nowhere")


def _invent(history: History, dice: Random) -> None:
    history.sends.remove(dice.choice(_accepted(history)))


def _alter(history: History, dice: Random) -> None:
    seen = dice.choice(history.views).stretches[-1].seen
    at = dice.randrange(len(seen))
    seen[at] = Seen(seen[at].seq, seen[at].event_id, seen[at].line.replace('"actor_id":"', '"actor_id":"not '))


def _stop_early(history: History, dice: Random) -> None:
    dice.choice(history.views).stretches[-1].seen.pop()


def _reset(history: History, dice: Random) -> None:
    dice.choice(history.views).resets = 1


def _forget_in_table(history: History, _: Random) -> None:
    history.messages = {ROOM: history.messages[ROOM][:-1]}


def _wrong_snapshot(history: History, dice: Random) -> None:
    stretch = dice.choice(history.views).stretches[-1]
    stretch.after, stretch.messages = len(history.rows), history.messages[ROOM][1:2]
    stretch.seen.clear()


def _stay_silent(history: History, dice: Random) -> None:
    for attempt in dice.choice(_accepted(history)).attempts:
        attempt.answer = None


def _end_twice(history: History, _: Random) -> None:
    end, other = _line(history, "turn_ended"), _line(history, "tool_finished")
    history.rows[other] = replace(history.rows[other], line=history.rows[end].line)


def _never_end(history: History, _: Random) -> None:
    end, other = _line(history, "turn_ended"), _line(history, "tool_finished")
    history.rows[end] = replace(history.rows[end], line=history.rows[other].line)


def _start_twice(history: History, _: Random) -> None:
    start, other = _line(history, "tool_started"), _line(history, "tool_finished")
    history.rows[other] = replace(history.rows[other], line=history.rows[start].line)


PLANTS: list[tuple[Wrong, Plant]] = [
    (Wrong.LOST, _lose),
    (Wrong.REFUSED_BUT_STORED, _deny),
    (Wrong.REFUSED_BUT_STORED, _deny_for_now),
    (Wrong.REFUSED_BUT_STORED, _store_what_was_refused),
    (Wrong.DUPLICATE, _double),
    (Wrong.OTHER_SEQ, _answer_otherwise),
    (Wrong.OTHER_SEQ, _answer_another_seq),
    (Wrong.GAP, _skip),
    (Wrong.GAP, _draw_ahead),
    (Wrong.HOLE, _drop),
    (Wrong.REPEAT, _repeat),
    (Wrong.OUT_OF_ORDER, _swap),
    (Wrong.REAL_TIME, _overtake),
    (Wrong.PHANTOM, _imagine),
    (Wrong.PHANTOM, _invent),
    (Wrong.DIFFERS, _alter),
    (Wrong.DIFFERS, _stop_early),
    (Wrong.DIFFERS, _reset),
    (Wrong.DIFFERS, _forget_in_table),
    (Wrong.DIFFERS, _wrong_snapshot),
    (Wrong.UNANSWERED, _stay_silent),
    (Wrong.TURN_ENDS, _end_twice),
    (Wrong.TURN_ENDS, _never_end),
    (Wrong.TOOL_TWICE, _start_twice),
]


@pytest.mark.parametrize(("wrong", "plant"), PLANTS, ids=lambda given: getattr(given, "__name__", str(given)))
def test_each_planted_fault_is_named(wrong: Wrong, plant: Plant) -> None:
    for seed in range(12):
        dice = Random(seed)
        history = Simulated(dice).history(80)
        assert faults_in(history) == []
        plant(history, dice)
        named = {fault.wrong for fault in faults_in(history)}
        assert wrong in named, f"seed {seed}: {named}"


def test_every_fault_the_checker_can_name_is_planted() -> None:
    assert {wrong for wrong, _ in PLANTS} == set(Wrong)
