"""Workspaces that rest are packed and come back when they are used; a deleted room leaves no files behind."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from multiplayer.models.port import Finished, TextDelta, ToolCall, ToolCallsReady
from tests.live.test_turn_controls import room_of
from tests.support.chunk_model import ChunkModel, Moment
from tests.support.pods import Guest, memory_pod, system_clock

WRITE: list[Moment] = [
    ToolCallsReady((ToolCall("c1", "write_file", '{"path":"a.txt","content":"kept"}'),)),
    Finished("tool_calls"),
]
READ: list[Moment] = [ToolCallsReady((ToolCall("c2", "read_file", '{"path":"a.txt"}'),)), Finished("tool_calls")]
SAID: list[Moment] = [TextDelta("Done."), Finished("stop")]


async def test_a_workspace_that_rested_is_one_file_and_is_there_again_for_the_next_turn(tmp_path: Path) -> None:
    clock = system_clock()
    later = replace(clock, now=lambda: clock.now() + timedelta(hours=2))
    workspaces = tmp_path / "workspaces"
    async with memory_pod(workspaces, model=ChunkModel(WRITE, SAID, READ, SAID), clock=later) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id = await room_of(olga)
        await olga.post(room_id, "@ai write it")
        await olga.expect_type("turn_ended")
        await pod._housekeeping.look()
        assert not (workspaces / room_id).exists()
        assert (workspaces / f"{room_id}.tar.gz").exists()
        start = len(olga.heard)
        await olga.post(room_id, "@ai read it")
        assert (await olga.expect_type("tool_finished", start=start))["text"] == "kept"
        assert (workspaces / room_id / "a.txt").read_text() == "kept"


async def test_a_deleted_room_leaves_no_files_and_nothing_to_put_them_back(tmp_path: Path) -> None:
    workspaces = tmp_path / "workspaces"
    async with memory_pod(workspaces, model=ChunkModel(WRITE, SAID, WRITE, SAID)) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id, other = await room_of(olga), await room_of(olga)
        for room in (room_id, other):
            await olga.post(room, "@ai write it")
            await olga.expect_type("turn_ended", room_id=room)
        await olga.ask(type="delete_room", room_id=room_id)
    assert not [path for path in sorted(tmp_path.rglob("*")) if room_id in path.name]  # noqa: ASYNC240 - all is over
    assert (workspaces / other).is_dir()


async def test_a_start_on_another_database_leaves_the_files_of_its_unknown_rooms_alone(tmp_path: Path) -> None:
    workspaces = tmp_path / "workspaces"
    async with memory_pod(workspaces, model=ChunkModel(WRITE, SAID)) as pod:
        olga = await Guest.enter(pod, "olga")
        room_id = await room_of(olga)
        await olga.post(room_id, "@ai write it")
        await olga.expect_type("turn_ended")
    # As with a forgotten or wrong DATABASE_URL, or an older dump.
    async with memory_pod(workspaces) as other:
        await other._housekeeping.look()
    assert (workspaces / room_id / "a.txt").read_text() == "kept"
