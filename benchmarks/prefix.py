"""The prefix figure: how much of what a model is sent is an unchanged prefix of the call before, over a long talk."""

import asyncio
from pathlib import Path

from benchmarks.report import Fact, Figure, say
from multiplayer.ai.tokens import DeepSeekTokens
from multiplayer.compose.database import open_storage, shared_database
from multiplayer.settings import load_settings
from tests.support.long_room import play_long_room
from tests.support.prefix_cache import CountedTalk, count_calls

CONTEXT_TOKENS = 64_000
"""Of the stand-in model; a prompt may fill three quarters of it."""
GOAL_SHARE = 0.9


async def unchanged_prefix(folder: Path, *, turns: int, seed: int, is_whole: bool) -> list[Figure]:
    """A scripted room on a database of its own. `is_whole`: once more with a model that thinks before each tool call."""
    found = [await _figure(folder / "prefix", turns, seed, thinks=False)]
    if is_whole:
        found.append(await _figure(folder / "prefix-thinking", turns, seed, thinks=True))
    return found


async def _figure(data_dir: Path, turns: int, seed: int, *, thinks: bool) -> Figure:
    counter = DeepSeekTokens()
    await asyncio.to_thread(data_dir.mkdir, 0o700)
    async with shared_database(load_settings(data_dir)) as dsn, open_storage(dsn, ephemeral=True) as storage:
        requests = await play_long_room(
            data_dir / "rooms",
            counter,
            turns=turns,
            context_tokens=CONTEXT_TOKENS,
            seed=seed,
            storage=storage,
            thinks=thinks,
        )
    talk = await asyncio.to_thread(count_calls, requests, counter)
    say(f"  {talk.share:.1%} of {talk.tokens:,} tokens in {len(talk.calls)} calls")
    how = ", the model's thoughts sent back inside a tool loop" if thinks else ""
    return Figure(
        name=f"unchanged prefix of the prompt, a room of {turns} turns with tools{how}",
        result=f"{talk.share:.1%} of {talk.tokens:,} tokens in {len(talk.calls)} calls, "
        f"with {talk.summaries} roll-overs of the summary",
        goal=f"≥ {GOAL_SHARE:.0%} of all input tokens",
        is_met=talk.share >= GOAL_SHARE,
        rounds=_broken(talk),
        notes=[
            f"the calls of turns alone: {talk.share_of_turns:.1%}; in all, those that make summaries count as input, too",
            "each call is held against the one before it, message by message",
            f"context {CONTEXT_TOKENS:,} tokens, of which a prompt may fill three quarters; DeepSeek's vocabulary",
        ],
    )


def _broken(talk: CountedTalk) -> list[dict[str, Fact]]:
    return [
        {
            "what broke the prefix": cause,
            "times": times,
            "tokens sent anew": lost,
            "of all tokens": f"{lost / talk.tokens:.1%}",
        }
        for cause, times, lost in talk.breaks()
    ]
