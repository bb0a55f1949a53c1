"""A workspace that a folder elsewhere follows, over real HTTP: headers, ranges, hostile requests, and flat memory."""

import asyncio
import hashlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import httpx
import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.workspace_sync import MAX_ASKED_CONTENTS, MAX_SYNC_CHANGES
from multiplayer.tools.files.writes import sha256_of
from multiplayer.tools.limits import MIB, Limits
from multiplayer.transports.routes import CONTENTS_BURST
from multiplayer.transports.workspace_sync_api import MAX_CHANGES_BYTES
from tests.support.pods import system_clock
from tests.support.server import Known, RunningServer, running_server

Json = dict[str, object]
_numbers = count()
NONE = "0" * 64


@dataclass(frozen=True)
class Desk:
    """Someone at a room of their own."""

    server: RunningServer
    who: Known
    room_id: RoomId
    folder: Path

    async def ask(
        self,
        method: str,
        what: str,
        *,
        json: object = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        path = f"/api/v1/rooms/{self.room_id}/workspace/{what}"
        given = {**self.who.bearer, **(headers or {})}
        if json is not None:
            return await self.server.http.request(method, path, json=json, headers=given)
        return await self.server.http.request(method, path, content=content, headers=given)

    async def send(self, data: bytes) -> str:
        sha256 = sha256_of(data)
        answer = await self.ask("PUT", f"contents/{sha256}", content=data)
        assert (answer.status_code, answer.json()) == (200, {"sha256": sha256, "size": len(data)}), answer.text
        return sha256

    async def change(self, *changes: Mapping[str, str]) -> Json:
        answer = await self.ask("POST", "changes", json={"changes": changes})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def write(self, path: str, data: bytes) -> str:
        sha256 = await self.send(data)
        done = await self.change({"type": "write", "path": path, "sha256": sha256})
        assert done["outcomes"] == [{"path": path, "state": "done", "sha256": sha256}]
        return sha256


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path_factory.mktemp("data") / "workspaces") as running:
        yield running


@pytest.fixture
async def desk(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    who = await server.know(f"someone-{next(_numbers)}")
    room_id = await server.room(who)
    return Desk(server, who, room_id, server.pod.workspace.sync._workbench.workspaces.root / room_id)


def said(answer: httpx.Response) -> tuple[int, object]:
    """The status and, of a problem, its code."""
    is_problem = answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else None


async def test_a_tree_comes_once_and_is_not_sent_again_while_it_is_the_same(desk: Desk) -> None:
    sha256 = await desk.write("a/b.txt", b"hello")
    first = await desk.ask("GET", "tree")
    assert first.status_code == 200
    assert first.json() == {
        "tree": first.headers["etag"].strip('"'),
        "entries": [{"path": "a/b.txt", "kind": "file", "sha256": sha256, "size": 5}],
    }
    for etag in (first.headers["etag"], f"W/{first.headers['etag']}"):
        again = await desk.ask("GET", "tree", headers={"If-None-Match": etag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await desk.write("c", b"")
    for etag in (first.headers["etag"], "nonsense", '"' + NONE + '"'):
        other = await desk.ask("GET", "tree", headers={"If-None-Match": etag})
        assert other.status_code == 200
        assert other.headers["etag"] != first.headers["etag"]
        assert other.json()["entries"][1] == {"path": "c", "kind": "file", "sha256": sha256_of(b"")}


async def test_a_content_is_always_a_download_and_comes_from_where_it_broke_off(desk: Desk) -> None:
    data = b"<script>alert(1)</script>"
    sha256 = await desk.write("page.html", data)
    whole = await desk.ask("GET", f"contents/{sha256}")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"] == f'attachment; filename="{sha256}"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["etag"] == f'"{sha256}"'
    rest = await desk.ask("GET", f"contents/{sha256}", headers={"Range": "bytes=8-", "If-Range": f'"{sha256}"'})
    assert (rest.status_code, rest.content) == (206, data[8:])
    assert rest.headers["content-range"] == f"bytes 8-{len(data) - 1}/{len(data)}"
    other = await desk.ask("GET", f"contents/{sha256}", headers={"Range": "bytes=8-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, data)
    head = await desk.ask("HEAD", f"contents/{sha256}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
    same = await desk.ask("GET", f"contents/{sha256}", headers={"If-None-Match": f'"{sha256}"'})
    assert (same.status_code, same.content) == (304, b"")
    for beyond in (len(data), 10**17):
        answer = await desk.ask("GET", f"contents/{sha256}", headers={"Range": f"bytes={beyond}-"})
        assert said(answer) == (416, "malformed")


@pytest.mark.parametrize(
    "name", [NONE, "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "%0a", "%2e%2e", "..%2f" * 10, "%00" * 64]
)
async def test_what_is_no_content_of_the_room_is_not_there(desk: Desk, name: str) -> None:
    answer = await desk.ask("GET", f"contents/{name}")
    assert answer.status_code == 404
    if name != NONE:
        assert (await desk.ask("PUT", f"contents/{name}", content=b"x")).status_code == 404


async def begun(desk: Desk, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A content on its way of which nothing has come but the headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.server.port)
    head = (
        f"PUT /api/v1/rooms/{desk.room_id}/workspace/contents/{NONE} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {desk.who.token}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode())
    return reader, writer


async def test_what_is_sent_is_as_long_as_was_said_and_has_the_checksum_that_was_said(desk: Desk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"

    unsaid = await desk.ask("PUT", f"contents/{NONE}", content=endless())
    assert said(unsaid) == (411, "malformed")
    wrong = await desk.ask("PUT", f"contents/{NONE}", content=b"x")
    assert said(wrong) == (400, "malformed")
    assert "checksum" in wrong.json()["detail"]
    reader, writer = await begun(desk, Limits().file_bytes + 1)
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 413 ")
    writer.close()
    missing = await desk.ask("POST", "contents/missing", json={"sha256s": [NONE]})
    assert missing.json() == {"sha256s": [NONE]}


async def test_a_sender_who_goes_away_leaves_nothing_behind(desk: Desk) -> None:
    _, writer = await begun(desk, 4 * MIB)
    writer.write(b"x" * 3 * MIB)
    await writer.drain()
    incoming = desk.folder.parent.with_name("workspaces-incoming") / desk.room_id
    async with asyncio.timeout(10):
        while not list(incoming.glob("*.part")):  # noqa: ASYNC110 - a folder tells nobody what comes into it
            await asyncio.sleep(0.01)
        writer.close()
        while incoming.exists() and list(incoming.iterdir()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_paths_that_lead_elsewhere_are_refused_one_by_one_over_http_too(desk: Desk) -> None:
    sha256 = await desk.send(b"x")
    paths = ["../up", "/etc/x", ".multiplayer/x", "a\\b", "ok"]
    done = await desk.change(*({"type": "write", "path": path, "sha256": sha256} for path in paths))
    outcomes = done["outcomes"]
    assert isinstance(outcomes, list)
    assert [one["state"] for one in outcomes] == ["refused"] * 4 + ["done"]
    assert sorted(path.name for path in desk.folder.rglob("*")) == ["ok"]
    assert not (desk.folder.parent / "up").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"changes": []},
        {"changes": [{"type": "remove", "path": "x", "expected": NONE}] * (MAX_SYNC_CHANGES + 1)},
        {"changes": [{"type": "write", "path": "", "sha256": NONE}]},
        {"changes": [{"type": "write", "path": "x" * 4097, "sha256": NONE}]},
        {"changes": [{"type": "write", "path": "x", "sha256": "0"}]},
        {"changes": [{"type": "remove", "path": "x"}]},
        {"changes": [{"type": "else", "path": "x", "expected": NONE}]},
    ],
)
async def test_a_request_that_is_none_changes_nothing(desk: Desk, body: Json) -> None:
    assert said(await desk.ask("POST", "changes", json=body)) == (400, "malformed")


async def test_a_request_may_name_a_thousand_long_paths_and_ask_for_two_thousand_contents(desk: Desk) -> None:
    changes = [{"type": "remove", "path": f"{n:04}" + "é" * 1000, "expected": NONE} for n in range(MAX_SYNC_CHANGES)]
    assert len(json.dumps(changes, ensure_ascii=False).encode()) < MAX_CHANGES_BYTES
    done = await desk.change(*changes)
    outcomes = done["outcomes"]
    assert isinstance(outcomes, list)
    assert {one["state"] for one in outcomes} == {"refused"}, "each name alone is too long"
    asked = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(MAX_ASKED_CONTENTS)]
    answer = await desk.ask("POST", "contents/missing", json={"sha256s": asked})
    assert answer.json() == {"sha256s": asked}
    too_many = await desk.ask("POST", "contents/missing", json={"sha256s": [*asked, NONE]})
    assert said(too_many) == (400, "malformed")


@pytest.mark.slow
async def test_contents_have_a_rate_of_their_own_by_which_a_first_sync_gets_on(tmp_path: Path) -> None:
    clock = replace(system_clock(), monotonic_s=lambda: 1.0)
    async with running_server(tmp_path / "workspaces", clock=clock) as server:
        who = await server.know("bob")
        desk = Desk(server, who, await server.room(who), tmp_path)
        for _ in range(int(CONTENTS_BURST)):
            assert (await desk.ask("HEAD", f"contents/{NONE}")).status_code == 404
        for refused in (await desk.ask("GET", f"contents/{NONE}"), await desk.ask("PUT", f"contents/{NONE}")):
            assert said(refused) == (429, "rate_limited")
            assert refused.json()["retry_after_s"] < 0.01, "at once there is room for one more"
        assert said(await desk.ask("GET", "tree")) == (200, None)


@pytest.mark.slow
async def test_a_large_file_goes_in_and_out_without_being_held_in_memory(desk: Desk) -> None:
    size, piece = 160 * MIB, bytes(range(256)) * 1024
    digest = hashlib.sha256()
    for _ in range(size // len(piece)):
        digest.update(piece)
    sha256 = digest.hexdigest()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        sent = await desk.ask("PUT", f"contents/{sha256}", content=pieces(), headers={"Content-Length": str(size)})
        assert sent.status_code == 200, sent.text
        done = await desk.change({"type": "write", "path": "large", "sha256": sha256})
        assert done["outcomes"] == [{"path": "large", "state": "done", "sha256": sha256}]
        back = hashlib.sha256()
        url = f"/api/v1/rooms/{desk.room_id}/workspace/contents/{sha256}"
        async with desk.server.http.stream("GET", url, headers=desk.who.bearer) as answer:
            async for one in answer.aiter_raw():
                back.update(one)
        highest = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert back.hexdigest() == sha256
    assert highest < 48 * MIB, f"{highest / MIB:.0f} MiB"
