"""A server linked to a provider, to Supabase and to a database of the operator's: the same room, and no secret anywhere."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.embedded import DataDirLock, EmbeddedPostgres, PostgresAddress
from tests.journeys.conftest import PROVIDER_KEY, Linked
from tests.journeys.house import (
    House,
    answer,
    decided_turn_of,
    entered,
    environment,
    multiplayer,
    processes_of,
    serving,
    turn_of,
    words,
)
from tests.support.people import Line
from tests.support.provider import answers, call, calls, provider, status, streams
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def room_of_three(linked: Linked) -> tuple[House, Known, Known, RoomId]:
    alice, bob = await linked.house.know("alice"), await linked.house.know("bob")
    return linked.house, alice, bob, await linked.house.room(alice, bob, name="linked")


async def log_of(house: House, room_id: RoomId, by: Known) -> str:
    return json.dumps(await house.get(f"/api/v1/rooms/{room_id}/events?limit=500", by))


async def test_the_same_room_talks_to_the_real_provider(linked: Linked) -> None:
    house, alice, bob, room_id = await room_of_three(linked)
    assert (await house.service("ai"))["detail"] == "stand-in-model at 127.0.0.1"
    before = len(linked.provider.requests)
    linked.provider.enqueue(
        calls(call("write_file", {"path": "notes.txt", "content": "from the model"})),
        answers("I have written it. 写好了。", piece=2),
    )
    async with entered(house.url, alice) as a, entered(house.url, bob, "sse") as b:
        await a.join(room_id)
        await b.join(room_id)
        turn = await turn_of(a, room_id, "@ai write your notes")
        await b.expect_type("turn_ended", turn_id=turn[-1]["turn_id"])
        assert answer(turn) == words(turn) == "I have written it. 写好了。"
        assert b.texts(room_id) == a.texts(room_id)
        usage = turn[-1]["usage"]
        assert isinstance(usage, dict)
        assert (usage["model"], usage["tokens_in"]) == ("stand-in-model", 42)
    assert (house.data_dir / "workspaces" / room_id / "notes.txt").read_text() == "from the model"
    requests = linked.provider.requests[before:]
    assert len(requests) == 2
    for request in requests:
        assert request.authorization == f"Bearer {PROVIDER_KEY}"
        others = {name: value for name, value in request.headers.items() if name != "authorization"}
        assert PROVIDER_KEY not in json.dumps([others, request.path, dict(request.body)])
    assert requests[0].body["model"] == "stand-in-model"
    assert "write your notes" in json.dumps(requests[0].messages)
    assert requests[1].messages[-1]["role"] == "tool"
    # The manifest says what the answer was made from, and no more.
    view = await house.get(f"/api/v1/rooms/{room_id}/turns/{turn[-1]['turn_id']}", bob)
    assert view["state"] == "done"
    assert PROVIDER_KEY not in json.dumps(view) + await log_of(house, room_id, alice)


async def commanded(
    linked: Linked, by: Known, room_id: RoomId, command: str, *, rejected_by: Known | None = None
) -> tuple[Line, Sequence[Line]]:
    """Let an obeying model run a command because of `by`; return the result and the live output."""
    linked.provider.enqueue(calls(call("execute_command", {"command": command})), answers("So it is."))
    async with entered(linked.house.url, by) as person, entered(linked.house.url, rejected_by or by) as decider:
        await person.join(room_id)
        await decider.join(room_id)
        if rejected_by is None:
            turn = await turn_of(person, room_id, f"@ai run {command}")
        else:
            turn = await decided_turn_of(person, decider, room_id, f"@ai run {command}", is_approved=False)
    (finished,) = [line for line in turn if line["type"] == "tool_finished"]
    return finished, [line for line in turn if line["type"] == "tool_output"]


async def test_an_obeying_models_command_runs_for_the_owner_and_for_nobody_below_an_admin(linked: Linked) -> None:
    house, alice, bob, room_id = await room_of_three(linked)
    is_on = (await house.service("sandbox"))["status"] == "up"
    marker = house.data_dir / "workspaces" / room_id / "ran"
    refused, output = await commanded(linked, bob, room_id, "touch ran", rejected_by=alice if is_on else None)
    assert (refused["is_ok"], refused["code"]) == (False, "not_approved" if is_on else "unknown_tool")
    assert not output
    assert not marker.exists()
    async with entered(house.url, alice) as a:
        await a.join(room_id)
        settings = {"guests_post": True, "guests_ask_ai": True, "guests_see_workspace": True}
        assert (await a.ask(room_id, "set_room_settings", settings=settings))["type"] == "accepted"
        assert (await a.ask(room_id, "set_role", account_id=bob.id, role="guest"))["type"] == "accepted"
    refused, output = await commanded(linked, bob, room_id, "touch ran")
    assert (refused["is_ok"], refused["code"]) == (False, "refused" if is_on else "unknown_tool")
    assert not marker.exists()
    if not is_on:
        return
    ran, output = await commanded(linked, alice, room_id, "touch ran; env; echo END")
    assert (ran["is_ok"], ran["exit_status"]) == (True, 0)
    assert marker.exists()
    shown = "".join(str(line["text"]) for line in output)
    assert shown.rstrip().endswith("END")
    assert not [name for name in ("OPENAI", "SUPABASE", "MULTIPLAYER", PROVIDER_KEY) if name in shown]


async def test_what_the_database_cannot_hold_breaks_no_turn(linked: Linked) -> None:
    house, alice, _, room_id = await room_of_three(linked)
    is_on = (await house.service("sandbox"))["status"] == "up"
    linked.provider.enqueue(
        calls(
            call("write_file", {"path": "nul\0name", "content": "a"}, "one"),
            call("write_file", {"path": "nul.txt", "content": "a\0b"}, "two"),
            call("read_file", {"path": "nul.txt"}, "three"),
            call("execute_command", {"command": r"printf 'a\000b\377\355\240\200\033[31mred\n'"}, "four"),
        ),
        streams([{"content": "nul \x00, half \ud800, whole 😀"}]),
    )
    async with entered(house.url, alice) as a:
        await a.join(room_id)
        turn = await turn_of(a, room_id, "@ai try them all")
        assert answer(turn) == words(turn) == "nul \ufffd, half \ufffd, whole 😀"
        results = [line for line in turn if line["type"] == "tool_finished"]
        assert len(results) == 4
        assert results[0]["code"] == "bad_path"
        assert results[3]["is_ok"] is is_on
        assert answer(await turn_of(a, room_id, "@ai and now?")) == "Hello from the stand-in."
    assert "\\u0000" not in json.dumps(results)


async def test_no_secret_occurs_in_an_error_a_figure_the_health_page_or_the_log(linked: Linked) -> None:
    house, alice, bob, room_id = await room_of_three(linked)
    # A provider that repeats the key in its complaint.
    linked.provider.enqueue(status(401, message=f"invalid key {PROVIDER_KEY}"))
    async with entered(house.url, alice) as a:
        await a.join(room_id)
        failed = await turn_of(a, room_id, "@ai hello", outcome="failed")
        assert "key" in str(failed[-1]["reason"])
        shown = [json.dumps(a.heard)]
    wrong = f"mp_{'x' * 43}"
    link = str((await house.cli("user", "reset", "bob", "--json")).json["code"])
    signed_in = await house.post("/api/v1/sessions", {"link": link})
    house.secrets += [wrong, link, str(signed_in["token"])]
    tried: list[httpx.Response] = [
        await house.http.get("/api/v1/me", headers={"Authorization": f"Bearer {wrong}"}),
        await house.http.get(f"/api/v1/rooms/{wrong}", headers=alice.bearer),
        await house.http.get("/api/v1/me", headers={"Authorization": f"Bearer {alice.token}x"}),
        await house.http.get("/api/v1/me", headers={"Authorization": alice.token}),
        await house.http.post("/api/v1/sessions", json={"link": link}),
        await house.http.post("/api/v1/sessions", json={"link": link, "token": alice.token}),
        await house.http.post("/api/v1/sessions", json={"handle": "bob", "password": link}),
        await house.http.post("/api/v1/sessions", content=f'{{"link":"{link}"', headers={"Content-Type": "text/plain"}),
        await house.http.post("/api/v1/sessions", content=f'{{"link":"{link}', headers=json_header()),
        await house.http.post("/api/v1/invites/accept", json={"code": link}, headers=alice.bearer),
        await house.http.post("/api/v1/tickets", json={"token": bob.token}, headers=alice.bearer),
        await house.http.get(f"/api/v1/rooms/{room_id}/events?after={alice.token}", headers=alice.bearer),
        await house.http.get(f"/nowhere/{alice.token}", headers=alice.bearer),
        await house.http.delete(f"/api/v1/me/tokens/{alice.token_id}x", headers=bob.bearer),
    ]
    assert all(response.status_code < 500 for response in tried)
    shown += [response.text + str(response.headers) for response in tried]
    pages = [await house.http.get(path) for path in ("/metrics", "/api/v1/health", "/readyz", "/openapi.json")]
    assert [page.status_code for page in pages] == [200] * 4
    shown += [page.text for page in pages]
    shown += [await log_of(house, room_id, alice)]
    for text in shown:
        assert not [secret for secret in house.secrets if secret in text]
    # The server's own log is looked through when it has ended (conftest.py); what there is by now is clean.
    log = house.log.read_text()
    assert not [secret for secret in house.secrets if secret in log]


def json_header() -> dict[str, str]:
    return {"Content-Type": "application/json"}


@asynccontextmanager
async def durable_postgres(folder: Path) -> AsyncIterator[PostgresAddress]:
    """A database as an operator would give it to us: one that keeps what it has confirmed."""
    lock = await DataDirLock.acquire(folder)
    postgres = EmbeddedPostgres(folder)
    try:
        yield await postgres.start(lock)
    finally:
        await postgres.stop()
        lock.release()


async def test_the_databases_password_is_shown_nowhere(tmp_path: Path) -> None:
    password = "canary-of-the-database-0123456789"
    async with durable_postgres(tmp_path / "database") as address, provider() as stand_in:
        match = re.search(r"//([^@/]*@)?", address.dsn)
        assert match
        dsn = address.dsn.replace(match[0], f"//{address.user}:{password}@", 1)
        settings = environment(
            tmp_path, DATABASE_URL=dsn, OPENAI_BASE_URL=stand_in.base_url, OPENAI_API_KEY=PROVIDER_KEY
        )
        async with serving(tmp_path, settings) as house:
            assert "DATABASE_URL" in house.banner
            made = await house.http.post("/api/v1/sessions", json={"link": house.login_secret})
            headers = {"Authorization": f"Bearer {made.json()['token']}"}
            room = await house.http.post("/api/v1/rooms", json={"name": "demo"}, headers=headers)
            assert room.status_code == 201, room.text
            shown = [house.banner, made.text, room.text]
            shown += [(await house.http.get(path)).text for path in ("/metrics", "/api/v1/health", "/readyz")]
            for command in (("config", "show"), ("doctor",), ("user", "list")):
                ran = await multiplayer(*command, "--data-dir", str(house.data_dir), environment=settings)
                shown.append(ran.out + ran.err)
            shown += processes_of(tmp_path)
        shown.append(house.log.read_text())
        shown += [path.read_text() for path in house.data_dir.glob("*.json")]
    # And when nobody answers there.
    gone = await multiplayer("serve", "--port", "0", "--data-dir", str(tmp_path / "other"), environment={**settings})
    assert gone.code == 1
    assert "Traceback" not in gone.err
    shown.append(gone.out + gone.err)
    for text in shown:
        assert not [secret for secret in (password, PROVIDER_KEY) if secret in text], text


async def test_settings_that_cannot_be_are_named_without_their_values(tmp_path: Path) -> None:
    bad = (
        {"OPENAI_BASE_URL": "http://user:canarypass@127.0.0.1/v1", "OPENAI_API_KEY": PROVIDER_KEY},
        {"OPENAI_API_KEY": PROVIDER_KEY},
        {"DATABASE_URL": "mysql://user:canarypass@127.0.0.1/db"},
        {"SUPABASE_JWT_SECRET": "canarypass"},
        {"SUPABASE_URL": "https://user:canarypass@project.example"},
        {"MULTIPLAYER_PORT": "canarypass"},
    )
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(
                multiplayer(
                    *("serve", "--data-dir", str(tmp_path / str(number))),
                    *(() if "MULTIPLAYER_PORT" in settings else ("--port", "0")),
                    environment=environment(tmp_path, **settings),
                )
            )
            for number, settings in enumerate(bad)
        ]
    for settings, task in zip(bad, running, strict=True):
        ran = task.result()
        assert ran.code in {1, 2}, (settings, ran)
        assert not [secret for secret in ("canarypass", PROVIDER_KEY) if secret in ran.out + ran.err], ran.err
        assert "Traceback" not in ran.err
        assert "unexpected" not in ran.err, ran.err
