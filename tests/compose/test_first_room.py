"""A whole server at its first start: the room that it begins with, once for each database, and when there is none."""

import asyncio
import json
from pathlib import Path

import pytest

from multiplayer.compose import Running, server
from multiplayer.live.first_room import first_room_id
from multiplayer.live.first_room_words import FILES, LESSONS, NAME, lessons
from multiplayer.protocol.commands import DeleteRoom
from multiplayer.protocol.ids import RoomId
from multiplayer.settings import Settings, load_settings
from tests.support.postgres import ephemeral_postgres, fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(autouse=True)
def _only_our_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "DEEPSEEK_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY", "MULTIPLAYER_WELCOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def fresh(folder: Path, **settings: object) -> Settings:
    return load_settings(folder, port=0, terminal=False, **settings)


async def rooms(running: Running) -> list[tuple[RoomId, str]]:
    operator = (await running.pod.lobby.ensure_built_ins())[0]
    return [(listing.room.id, listing.room.name) for listing in await running.pod.storage.rooms_of(operator.id)]


async def said(running: Running, room_id: RoomId) -> list[str]:
    messages = await running.pod.storage.recent_messages(room_id, limit=50)
    return [message.text for message in messages]


async def kinds(running: Running, room_id: RoomId) -> list[str]:
    events = await running.pod.storage.events_after(room_id, 0, limit=100)
    return [json.loads(event.line)["type"] for event in events]


async def test_a_fresh_folder_has_the_room_and_later_starts_add_nothing_even_when_it_is_deleted(tmp_path: Path) -> None:
    settings = fresh(tmp_path / "data", ephemeral=True)
    async with server(settings) as running:
        [(room_id, name)] = await rooms(running)
        assert name == NAME
        assert await said(running, room_id) == list(lessons(is_demo=True, has_terminal=False))
        operator = (await running.pod.lobby.ensure_built_ins())[0]
        listing = await running.pod.workspace.reports.listing(room_id, operator.id, "")
        assert {entry.name for entry in listing.entries} == set(FILES)
        before = await kinds(running, room_id)
    async with server(settings) as running:
        assert await kinds(running, room_id) == before
        host = await running.pod.directory.host(room_id)
        await host.ask(operator.id, DeleteRoom(), origin="http")
    async with server(settings) as running:
        assert await rooms(running) == []
        assert await running.pod.storage.deleted_rooms([room_id]) == {room_id}


async def test_with_a_key_the_room_does_not_speak_of_a_demo(tmp_path: Path) -> None:
    linked = {"openai_base_url": "http://127.0.0.1:9/v1", "openai_api_key": "k", "openai_allow_http": True}
    async with server(fresh(tmp_path / "data", ephemeral=True, **linked)) as running:
        [(room_id, _)] = await rooms(running)
        assert await said(running, room_id) == list(lessons(is_demo=False, has_terminal=False))


async def test_two_servers_that_begin_on_one_database_make_one_room(tmp_path: Path) -> None:
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        one, two = (fresh(tmp_path / name, database_url=dsn, ephemeral=True, welcome="on") for name in ("one", "two"))
        begun = [asyncio.Event(), asyncio.Event()]
        found: list[list[tuple[RoomId, str]]] = []

        async def serve(settings: Settings, mine: asyncio.Event, other: asyncio.Event) -> None:
            async with server(settings) as running:
                mine.set()
                await other.wait()
                found.append(await rooms(running))
                [(room_id, _)] = found[-1]
                assert sorted(await kinds(running, room_id)) == sorted(
                    ["room_created", "files_changed", *["message_posted"] * LESSONS]
                )
                assert await said(running, room_id) == list(lessons(is_demo=True, has_terminal=False))

        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(one, begun[0], begun[1]))
            tasks.create_task(serve(two, begun[1], begun[0]))
        assert found[0] == found[1]


async def test_a_foreign_database_or_a_server_that_was_told_so_begins_without_a_room(tmp_path: Path) -> None:
    async with ephemeral_postgres() as address:
        dsn = await fresh_database(address)
        for settings in (
            fresh(tmp_path / "foreign", database_url=dsn, ephemeral=True),
            fresh(tmp_path / "off", database_url=dsn, ephemeral=True, welcome="off"),
        ):
            async with server(settings) as running:
                assert await rooms(running) == []
                assert not await running.pod.storage.has_rooms()
                operator = (await running.pod.lobby.ensure_built_ins())[0]
                assert await running.pod.storage.seqs([first_room_id(operator.id)]) == {}


def test_only_a_built_in_database_begins_with_a_room_unless_somebody_says_so(tmp_path: Path) -> None:
    foreign = {"database_url": "postgresql://127.0.0.1/rooms"}
    assert load_settings(tmp_path).begins_with_a_room
    assert not load_settings(tmp_path, welcome="off").begins_with_a_room
    assert not load_settings(tmp_path, **foreign).begins_with_a_room
    assert load_settings(tmp_path, **foreign, welcome="on").begins_with_a_room
