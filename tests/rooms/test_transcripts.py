"""The golden transcripts are what the room does, and they alone are enough to arrive at their snapshot."""

import json
from typing import get_args

import pytest

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import ReadMark, Snapshot
from multiplayer.rooms.snapshot import RunningText, snapshot_of
from multiplayer.rooms.state import folded
from tests.rooms.transcripts import TRANSCRIPTS, VECTORS, text_of
from tests.support.playbook import fold_into


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_transcript_is_fresh(name: str) -> None:
    written = (VECTORS / f"{name}.json").read_text(encoding="utf-8")
    assert written == text_of(name), "run: python -m tests.rooms.transcripts"


def test_no_transcript_is_left_over() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == set(TRANSCRIPTS)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_lines_of_a_transcript_fold_to_its_snapshot(name: str) -> None:
    written = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    lines = [written["first"], *(event for step in written["steps"] for event in step.get("events", []))]
    events = [event_adapter.validate_python(line) for line in lines]
    assert [json.loads(encode(event)) for event in events] == lines
    state = folded(events)
    messages: dict[MessageId, Message] = {}
    for event in events:
        fold_into(messages, event)
    expected = Snapshot.model_validate(written["snapshot"])
    seen = snapshot_of(
        state,
        reader=state.members[AccountId(written["reader"])],
        messages=tuple(messages.values()),
        online=(),
        read=ReadMark(),
        texts={turn.turn_id: RunningText(turn.text, turn.text_index, turn.cards) for turn in expected.turns},
    )
    assert seen == expected


def test_the_transcripts_show_refusals_and_most_events() -> None:
    written = "".join((VECTORS / f"{name}.json").read_text(encoding="utf-8") for name in TRANSCRIPTS)
    assert written.count('"refused"') > 10
    left_out = {"message_unpinned", "room_deleted"}
    kinds = {event.model_fields["type"].default for event in get_args(Event)}
    assert {kind for kind in kinds if f'"type": "{kind}"' not in written} == left_out
