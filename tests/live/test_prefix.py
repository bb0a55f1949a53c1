"""Between two versions of the summary a room's prompt only grows at its end, so a provider finds most of it again."""

from pathlib import Path

import pytest

from multiplayer.ai.tokens import DeepSeekTokens
from tests.support.long_room import play_long_room
from tests.support.prefix_cache import count_calls

UNAVOIDABLE = {
    "summary rolled over",
    "another summary's material",
    "words before a tool call",
    "fact_pinned, then message",
}
"""The log does not tell which of a turn's words came before which of its tool calls. A forgotten fact is erased."""


@pytest.mark.slow
async def test_nine_tenths_of_all_tokens_in_a_busy_room_are_an_unchanged_prefix(tmp_path: Path) -> None:
    counter = DeepSeekTokens()
    requests = await play_long_room(tmp_path / "rooms", counter, turns=20, context_tokens=64_000, file_lines=60)
    talk = count_calls(requests, counter)
    assert talk.summaries == 1, "the talk is long enough for one summary"
    assert len(talk.calls) > 45, "tools were used"
    assert {cause for cause, _, _ in talk.breaks()} <= UNAVOIDABLE
    assert talk.share >= 0.9, talk.breaks()
