"""Marks on files do not get lost, what the log says of files is bounded, and what was allowed is looked at again."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.codec import encode
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from tests.live.test_approvals import RUN, Machine, decided
from tests.live.test_turn_controls import room_of
from tests.support.pods import Guest, Line, memory_pod

MOST_BYTES = 256 * 1024


class Nothing(Arguments):
    pass


async def asked(guest: Guest, room_id: RoomId, text: str) -> tuple[Line, int]:
    start = len(guest.heard)
    await guest.post(room_id, text)
    return await guest.expect_type("turn_ended", start=start, room_id=room_id), start


async def taint_of_reading(guest: Guest, room_id: RoomId) -> object:
    _, start = await asked(guest, room_id, "@ai read it")
    return (await guest.expect_type("tool_finished", start=start))["taint"]


def wrote(path: str, *more: Call) -> ScriptedModel:
    """A tainted turn that writes a file; each further call is a turn of its own."""
    scripts: list[list[Step]] = [
        [Call("look", {})],
        [Call("write_file", {"path": path, "content": "their words"})],
        [Say("Written.")],
    ]
    for call in more:
        scripts += [[call], [Say("Done.")]]
    return ScriptedModel(scripts)


@pytest.mark.parametrize("name", ["notes.txt", "notes\u00a0.txt", "n\u200bx.txt", "n\u3000x.txt", "笔记.txt"])
async def test_a_mark_is_found_however_the_file_is_called(tmp_path: Path, name: str) -> None:
    model = wrote(name, Call("read_file", {"path": name}))
    async with memory_pod(tmp_path, model=model, tools=Machine().tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await asked(alice, room_id, "@ai look and write")
        assert await taint_of_reading(alice, room_id) == "file"


async def test_a_mark_is_not_lost_in_a_move_by_hand_of_more_files_than_an_event_names(tmp_path: Path) -> None:
    model = wrote("lib/zz.txt", Call("read_file", {"path": "vendor/zz.txt"}))
    async with memory_pod(tmp_path, model=model, tools=Machine().tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await asked(alice, room_id, "@ai look and write")
        for number in range(250):
            (tmp_path / room_id / "lib" / f"f{number:03}.txt").write_text(str(number))
        await pod.workspace.door.move(room_id, alice.id, "lib", "vendor")
        assert await taint_of_reading(alice, room_id) == "file"


async def test_what_an_undo_brings_back_is_marked_as_it_was(tmp_path: Path) -> None:
    model = wrote("a.txt", Call("delete_file", {"path": "a.txt"}), Call("read_file", {"path": "a.txt"}))
    async with memory_pod(tmp_path, model=model, tools=Machine().tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await asked(alice, room_id, "@ai look and write")
        ended, _ = await asked(alice, room_id, "@ai delete it")
        await pod.workspace.door.write(room_id, alice.id, "a.txt", b"mine", None)
        await pod.workspace.door.delete(room_id, alice.id, "a.txt")
        await alice.ask(type="undo_turn", room_id=room_id, turn_id=ended["turn_id"])
        assert (await alice.expect_type("turn_undone"))["is_ok"] is True
        assert (tmp_path / room_id / "a.txt").read_text() == "their words"
        assert await taint_of_reading(alice, room_id) == "file"


async def test_paths_of_any_length_make_no_long_line_in_the_log_and_no_large_notes(tmp_path: Path) -> None:
    def fill(top: int) -> None:
        at = os.dup(top)
        for _ in range(40):
            os.mkdir("d" * 250, dir_fd=at)
            below = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        for number in range(300):
            os.close(os.open(f"{number:03}" + "f" * 240, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=at))
        os.close(at)

    async def run(_arguments: Nothing, context: ToolCallContext) -> ToolResult:
        await asyncio.to_thread(fill, context.workspace.fd)
        return ToolResult(ok=True, text="done", taint=Taint.WEB)

    tools = ToolRegistry([Tool("run", "Run.", Nothing, ToolClass.TERMINAL, run)])
    async with memory_pod(tmp_path, model=ScriptedModel([[Call("run", {})], [Say("ok")]]), tools=tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id = await room_of(alice)
        await asked(alice, room_id, "@ai run")
        changed = FilesChanged.model_validate(await alice.expect_type("files_changed"))
        assert len(encode(changed)) < MOST_BYTES
        assert changed.more + len(changed.changes) == 300
        notes = (await pod.directory.host(room_id)).room.state.notes
        assert len(notes.model_dump_json()) < MOST_BYTES


@pytest.mark.parametrize("settings", [{"tools": ["read_file"]}, {"tools": []}])
async def test_a_tool_that_the_room_took_away_while_people_thought_does_not_run(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    machine = Machine()
    model = ScriptedModel([[Call("run", RUN)], [Say("ok")]])
    async with memory_pod(tmp_path, model=model, tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        await olga.ask(type="set_room_settings", room_id=room_id, settings=settings)
        await decided(olga, room_id, card)
        assert (await olga.expect_type("tool_finished"))["code"] == "refused"
        assert machine.ran == []


async def test_an_account_that_was_disabled_meanwhile_has_nothing_run_in_its_name(tmp_path: Path) -> None:
    machine = Machine()
    model = ScriptedModel([[Call("run", RUN)], [Say("ok")]])
    async with memory_pod(tmp_path, model=model, tools=machine.tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        card = await olga.expect_type("approval_requested")
        audit = AuditEntry(datetime.now(UTC), None, "cli", "account_disabled", bob.id)
        await pod.storage.disable_account(bob.id, disabled=True, audit=audit)
        await decided(olga, room_id, card)
        assert (await olga.expect_type("tool_finished"))["code"] == "refused"
        assert machine.ran == []


async def test_decisions_and_changes_by_hand_stand_in_the_audit_trail(tmp_path: Path) -> None:
    model = ScriptedModel([[Call("run", RUN)], [Say("ok")]])
    async with memory_pod(tmp_path, model=model, tools=Machine().tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai run it")
        await decided(olga, room_id, await olga.expect_type("approval_requested"))
        await olga.expect_type("turn_ended")
        await pod.workspace.door.write(room_id, bob.id, "x", b"1", None)
        rows = [row.entry for row in await pod.storage.audit_after(room_id, 0, limit=100)]
        acts = {(row.action, row.actor_id, row.after) for row in rows}
        assert ("approval_decided", olga.id, "approved") in acts
        assert any(row.action == "files_changed" and row.actor_id == bob.id for row in rows)


async def test_who_asked_along_is_asked_for_when_a_turn_is_undone(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def wait(_arguments: Nothing, _context: ToolCallContext) -> ToolResult:
        await go_on.wait()
        return ToolResult(ok=True, text="ok")

    tools = ToolRegistry([*file_tools(), Tool("wait", "Wait.", Nothing, ToolClass.READ, wait)])
    model = ScriptedModel(
        [
            [Call("write_file", {"path": "bobs.txt", "content": "bob's"})],
            [Call("wait", {})],
            [Call("write_file", {"path": "olgas.txt", "content": "olga's"})],
            [Say("ok")],
        ]
    )
    async with memory_pod(tmp_path, model=model, tools=tools) as pod:
        olga, bob = await Guest.enter(pod, "olga"), await Guest.enter(pod, "bob")
        room_id = await room_of(olga, bob)
        await bob.post(room_id, "@ai go")
        waiting = await olga.expect_type("tool_called", name="wait")
        steered = await olga.ask(
            type="steer_turn", room_id=room_id, turn_id=waiting["turn_id"], text="and write mine, too"
        )
        assert steered["type"] == "accepted"
        go_on.set()
        ended = await bob.expect_type("turn_ended")
        undone = await bob.ask(type="undo_turn", room_id=room_id, turn_id=ended["turn_id"])
        assert undone["code"] == "forbidden"


async def test_files_of_a_room_that_was_deleted_elsewhere_are_removed_at_the_next_look(tmp_path: Path) -> None:
    model = ScriptedModel([[Call("write_file", {"path": "a.txt", "content": "x"})], [Say("ok")]])
    workspaces = tmp_path / "workspaces"
    async with memory_pod(workspaces, model=model, tools=Machine().tools) as pod:
        alice = await Guest.enter(pod, "alice")
        room_id, kept = await room_of(alice), await room_of(alice)
        await asked(alice, room_id, "@ai write it")
        async with pod.workspace.reports._workbench.opened(kept):
            pass
    async with memory_pod(workspaces, storage=pod.storage) as other:
        olga = await Guest.enter(other, "alice")
        # As a command line does it: nobody on this pod hears of the files.
        other._housekeeping._workbench, workbench = None, other._housekeeping._workbench
        await olga.ask(type="delete_room", room_id=room_id)
        assert (workspaces / room_id).exists()
        other._housekeeping._workbench = workbench
        await other._housekeeping.look()
        assert not (workspaces / room_id).exists()
        assert (workspaces / kept).exists()
