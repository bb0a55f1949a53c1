"""A room's files over real HTTP: what each role may, what hostile paths come to, and that nothing is lost or served as a page."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast
from urllib.parse import quote

import httpx
import pytest

from multiplayer.live.workspace_door import MAX_UPLOAD_BYTES
from multiplayer.live.workspace_reports import MAX_DIFF_BYTES, MAX_READ_BYTES
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.tools.files.writes import sha256_of
from multiplayer.tools.limits import MIB
from tests.live.test_storage_faults import FailingStorage
from tests.support.people import person
from tests.support.server import Known, RunningServer, running_server

Json = dict[str, object]
_numbers = count()
NOWHERE = RoomId("01ARZ3NDEKTSV4RRFFQ69G5FAV")


class Writer(ScriptedModel):
    """Writes a file each time it is asked."""

    def __init__(self) -> None:
        write: list[Step] = [Call("write_file", {"path": "by-ai.txt", "content": "by the AI\n"})]
        super().__init__([write, [Say("Written.")]] * 50)


@dataclass(frozen=True)
class Stage:
    """A server whose workspaces lie in `folder`, beside a file that nobody may reach."""

    server: RunningServer
    storage: FailingStorage
    folder: Path

    async def desk(self, who: Known | None = None, *, of: "Desk | None" = None, role: Role | None = None) -> "Desk":
        """Return someone's place at a room: their own new one, or that of `of`, as a member with `role`."""
        who = who or await self.server.know(f"someone-{next(_numbers)}")
        room_id = of.room_id if of is not None else await self.server.room(who)
        if of is not None and role is not None:
            await self.server.add(room_id, of.who, who, role)
        return Desk(self.server, who, room_id, self.folder / room_id)


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("data") / "workspaces"
    (folder.parent / "outside.txt").write_text("canary")
    storage = FailingStorage()
    async with running_server(folder, model=Writer(), storage=storage) as running:
        yield Stage(running, storage, folder)


@dataclass(frozen=True)
class Desk:
    """Someone at a room's files, which lie in `folder` once they were looked at."""

    server: RunningServer
    who: Known
    room_id: RoomId
    folder: Path

    async def ask(
        self,
        method: str,
        what: str,
        *,
        content: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> httpx.Response:
        return await self.server.http.request(
            method,
            f"/api/v1/rooms/{self.room_id}/{what}",
            params=query,
            content=content,
            headers={**self.who.bearer, **(headers or {})},
        )

    async def put(self, path: str, content: bytes, if_match: str | None = None) -> httpx.Response:
        headers = {} if if_match is None else {"If-Match": if_match}
        return await self.ask("PUT", "workspace/file", content=content, headers=headers, path=path)

    async def get(self, path: str) -> httpx.Response:
        return await self.ask("GET", "workspace/file", path=path)

    async def delete(self, path: str, recursive: str = "false") -> httpx.Response:
        return await self.ask("DELETE", "workspace/file", path=path, recursive=recursive)

    async def move(self, source: str, destination: str) -> httpx.Response:
        return await self.server.http.post(
            f"/api/v1/rooms/{self.room_id}/workspace/move",
            json={"source": source, "destination": destination},
            headers=self.who.bearer,
        )

    async def names(self, path: str = "") -> dict[str, object]:
        answer = await self.ask("GET", "workspace", path=path)
        assert answer.status_code == 200, answer.text
        return {entry["name"]: entry for entry in answer.json()["entries"]}


def said(answer: httpx.Response) -> tuple[int, object]:
    """The status and, of a problem, its code."""
    is_problem = answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else None


async def test_files_are_written_listed_read_moved_and_removed(stage: Stage) -> None:
    alice = await stage.desk()
    data = "Grüße\n".encode()
    put = await alice.put("docs/notes ü.txt", data)
    assert put.status_code == 200, put.text
    assert put.headers["etag"] == f'"{sha256_of(data)}"'
    [change] = put.json()["changes"]
    assert (change["path"], change["kind"], change["added_lines"]) == ("docs/notes ü.txt", "added", 1)
    listing = (await alice.ask("GET", "workspace")).json()
    assert [(one["name"], one["kind"], one["size"]) for one in listing["entries"]] == [("docs", "folder", 0)]
    assert (listing["files"], listing["quota_files"], listing["quota_bytes"]) == (2, 20_000, 512 * MIB)
    assert 0 < listing["used_bytes"] < 100_000
    [entry] = (await alice.names("docs/")).values()
    assert isinstance(entry, dict)
    assert (entry["kind"], entry["size"], entry["modified_at"][-1]) == ("file", len(data), "Z")
    got = await alice.get("./docs//notes ü.txt")
    assert (got.content, got.headers["etag"]) == (data, put.headers["etag"])
    assert (await alice.move("docs/notes ü.txt", "notes.txt")).status_code == 200
    assert set(await alice.names()) == {"docs", "notes.txt"}
    taken = await alice.move("docs", "notes.txt")
    assert said(taken) == (409, "conflict")
    removed = await alice.delete("notes.txt")
    assert [change["kind"] for change in removed.json()["changes"]] == ["removed"]
    assert said(await alice.delete("notes.txt")) == (404, "not_found")
    assert (await alice.delete("docs")).status_code == 200, "an empty folder needs no further word"
    assert await alice.names() == {}


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("page.html", b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
        ("picture.svg", b"<svg onload='alert(1)'/>", "text/plain; charset=utf-8"),
        ("x.js", b"alert(1)", "text/plain; charset=utf-8"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0", "application/octet-stream"),
        ("latin1.txt", "Grüße".encode("latin-1"), "application/octet-stream"),
        ("paper.pdf", b"%PDF-1.7 ...", "application/octet-stream"),
        ("empty", b"", "text/plain; charset=utf-8"),
        ('a"; filename=evil.exe; x=".txt', b"x", "text/plain; charset=utf-8"),
        ("two\r\nSet-Cookie: a=b", b"x", "text/plain; charset=utf-8"),
        ("\u202egpj.exe", b"x", "text/plain; charset=utf-8"),
    ],
)
async def test_whatever_a_file_is_it_comes_as_a_download_and_never_as_a_page(
    stage: Stage, path: str, content: bytes, kind: str
) -> None:
    alice = await stage.desk()
    assert (await alice.put(path, content)).status_code == 200
    got = await alice.get(path)
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, content, kind)
    assert got.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(path, safe='')}"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("default-src 'none'")
    assert got.headers["cache-control"] == "no-store"
    assert "set-cookie" not in got.headers


async def test_only_the_version_that_was_read_is_replaced_or_removed(stage: Stage) -> None:
    alice = await stage.desk()
    first = (await alice.put("a.txt", b"1")).headers["etag"]
    assert said(await alice.put("a.txt", b"2")) == (409, "conflict"), "without If-Match only a new file is made"
    second = (await alice.put("a.txt", b"2", first)).headers["etag"]
    stale = await alice.put("a.txt", b"3", first)
    assert said(stale) == (409, "conflict")
    assert "read it again" in stale.json()["detail"]
    assert said(await alice.ask("DELETE", "workspace/file", path="a.txt", headers={"If-Match": first}))[0] == 409
    assert (await alice.get("a.txt")).content == b"2"
    again = await alice.put("a.txt", b"2", first)
    assert (again.status_code, "seq" in again.json()) == (200, False), "what stands there already is fine"
    assert (await alice.put("a.txt", b"3", second.strip('"'))).status_code == 200, "quotes may be left out"
    assert (await alice.put("a.txt", b"4", "*")).status_code == 200
    for nonsense in ('W/"x"', f"W/{second}", '"x"', "", f"{first}, {second}", "A" * 64):
        assert said(await alice.put("a.txt", b"5", nonsense)) == (400, "malformed"), nonsense
    assert (await alice.get("a.txt")).content == b"4"


NOT_NAMES = [
    "../outside.txt", "..", "a/../../outside.txt", "/etc/passwd", "//etc/passwd", "..\\outside.txt", "a\\b",
    "x" * 300, "x/" * 600, "docs/..", "./../x", "/", ".", "./", "a/" * 200 + "deep",
]  # fmt: skip
NOT_THERE = [
    "%2e%2e/outside.txt",
    "..%2foutside.txt",
    "\uff0e\uff0e/outside.txt",
    "~/x",
    "$HOME/x",
    "\u2024\u2024/x",
    "... /x",
]


@pytest.mark.parametrize("path", NOT_NAMES)
async def test_a_path_that_is_no_name_in_the_workspace_is_malformed_for_every_change(stage: Stage, path: str) -> None:
    alice = await stage.desk()
    await alice.put("a.txt", b"kept")
    for answer in (
        await alice.put(path, b"x", "*"),
        await alice.delete(path, recursive="true"),
        await alice.move("a.txt", path),
        await alice.move(path, "b.txt"),
    ):
        assert said(answer) == (400, "malformed"), answer.text
    assert set(await alice.names()) == {"a.txt"}
    got = await alice.get(path)
    # The workspace itself, and what lies too deep, can be looked for.
    assert said(got) in {(400, "malformed"), (409, "conflict"), (404, "not_found")}
    assert "canary" not in got.text
    assert "root:" not in got.text


@pytest.mark.parametrize("path", NOT_THERE)
async def test_what_only_looks_like_a_way_out_is_a_name_like_any_other(stage: Stage, path: str) -> None:
    alice = await stage.desk()
    assert said(await alice.get(path)) == (404, "not_found")
    assert (await alice.put(path, b"x")).status_code == 200
    assert (await alice.get(path)).content == b"x"
    [top] = await alice.names()
    assert top == path.partition("/")[0]
    assert (stage.folder.parent / "outside.txt").read_text() == "canary"


async def test_a_path_with_nul_or_broken_utf8_reaches_no_file(stage: Stage) -> None:
    alice = await stage.desk()
    await alice.put("a", b"x")
    base = f"/api/v1/rooms/{alice.room_id}/workspace/file?path="
    for raw, status in (("a%00b", 400), ("a%00", 400), ("%ED%A0%80", 404), ("%ff", 404), ("a&path=b", 400)):
        answer = await stage.server.http.get(base + raw, headers=alice.who.bearer)
        assert answer.status_code == status, raw
    moved = await stage.server.http.post(
        f"/api/v1/rooms/{alice.room_id}/workspace/move",
        content=b'{"source":"a","destination":"b\\u0000c"}',
        headers={**alice.who.bearer, "Content-Type": "application/json"},
    )
    assert moved.status_code == 400
    assert set(await alice.names()) == {"a"}


async def test_links_pipes_hard_links_and_folders_lead_nowhere(stage: Stage) -> None:
    alice = await stage.desk()
    await alice.put("inside.txt", b"inside")
    outside, folder = stage.folder.parent / "outside.txt", alice.folder
    (folder / "link").symlink_to(outside)
    (folder / "up").symlink_to("..")
    (folder / "proc").symlink_to("/proc/self")
    (folder / "within").symlink_to("inside.txt")
    (folder / "hard").hardlink_to(outside)
    os.mkfifo(folder / "pipe")
    kinds = {name: cast("Json", entry)["kind"] for name, entry in (await alice.names()).items()}
    assert kinds == {
        "inside.txt": "file", "link": "link", "up": "link", "proc": "link", "within": "link", "hard": "file",
        "pipe": "special",
    }  # fmt: skip
    for path in ("link", "up/outside.txt", "proc/environ", "hard", "pipe", "up"):
        got = await alice.get(path)
        assert said(got) == (409, "conflict"), path
        assert "canary" not in got.text
        assert said(await alice.put(path, b"x", "*")) == (409, "conflict"), path
    for path in ("up", "proc", "link"):
        assert said(await alice.ask("GET", "workspace", path=path))[0] == 409
    assert (await alice.get("within")).content == b"inside", "a link that stays inside may be read"
    for path in ("within", "link"):
        assert said(await alice.put(path, b"x", "*")) == (409, "conflict"), "but nothing is written over one"
    assert said(await alice.move("inside.txt", "up/moved.txt")) == (409, "conflict")
    assert said(await alice.move("up/outside.txt", "mine.txt")) == (409, "conflict")
    assert said(await alice.delete("up/outside.txt")) == (409, "conflict")
    for path in ("link", "up", "proc", "pipe"):
        assert (await alice.delete(path)).status_code == 200, "the name itself may go"
    assert outside.read_text() == "canary"
    assert set(await alice.names()) == {"inside.txt", "within", "hard"}


async def test_what_is_too_big_is_refused_on_both_ways_with_the_number(stage: Stage) -> None:
    alice = await stage.desk()
    most = b"x" * MAX_UPLOAD_BYTES
    assert (await alice.put("most.bin", most)).status_code == 200
    assert (await alice.get("most.bin")).content == most

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_UPLOAD_BYTES // 65_536 + 2):
            yield b"y" * 65_536

    for content in (most + b"x", endless()):
        big = await alice.ask("PUT", "workspace/file", content=content, path="big.bin")
        assert said(big) == (413, "too_big")
        assert str(MAX_UPLOAD_BYTES) in big.json()["detail"]
    with (alice.folder / "huge.bin").open("wb") as huge:
        huge.truncate(MAX_READ_BYTES + 1)
    got = await alice.get("huge.bin")
    assert said(got) == (413, "too_big")
    assert str(MAX_READ_BYTES) in got.json()["detail"]
    assert set(await alice.names()) == {"most.bin", "huge.bin"}


@pytest.mark.parametrize("is_seen", [False, True])
async def test_a_guest_sees_the_workspace_only_where_the_room_lets_guests_and_changes_nothing(
    stage: Stage, *, is_seen: bool
) -> None:
    alice = await stage.desk()
    made = (await alice.put("a.txt", b"of the room")).json()
    settings = {"guests_see_workspace": is_seen}
    patched = await stage.server.http.patch(
        f"/api/v1/rooms/{alice.room_id}", json={"settings": settings}, headers=alice.who.bearer
    )
    assert patched.status_code == 200
    gus = await stage.desk(of=alice, role=Role.GUEST)
    expected = (200, None) if is_seen else (403, "forbidden")
    for answer in (
        await gus.ask("GET", "workspace"),
        await gus.get("a.txt"),
        await gus.ask("GET", "workspace/diff", before=made["before"], after=made["after"]),
        await gus.ask("GET", "jobs"),
    ):
        assert said(answer) == expected
        assert is_seen or "of the room" not in answer.text
    for answer in (await gus.put("b.txt", b"x"), await gus.delete("a.txt"), await gus.move("a.txt", "c.txt")):
        assert said(answer) == (403, "forbidden")
    assert set(await alice.names()) == {"a.txt"}


async def test_to_an_outsider_the_files_of_a_room_are_as_those_of_a_room_that_is_not_there(stage: Stage) -> None:
    alice = await stage.desk()
    made = (await alice.put("a.txt", b"secret")).json()
    mallory = await stage.server.know(f"mallory-{next(_numbers)}")
    here, nowhere = (Desk(stage.server, mallory, room_id, alice.folder) for room_id in (alice.room_id, NOWHERE))
    asks: Sequence[Callable[[Desk], Awaitable[httpx.Response]]] = (
        lambda desk: desk.get("a.txt"),
        lambda desk: desk.put("a.txt", b"x", "*"),
        lambda desk: desk.put("a.txt", b"x" * (MAX_UPLOAD_BYTES + 1), "*"),
        lambda desk: desk.delete("a.txt"),
        lambda desk: desk.move("a.txt", "b.txt"),
        lambda desk: desk.ask("GET", "workspace/diff", before=made["before"], after=made["after"]),
    )
    for ask in asks:
        one, other = await ask(here), await ask(nowhere)
        assert (one.status_code, one.content) == (404, other.content)
    assert (await alice.get("a.txt")).content == b"secret"


async def test_while_the_database_is_away_a_file_is_put_back_and_the_answer_is_503(stage: Stage) -> None:
    alice = await stage.desk()
    etag = (await alice.put("a.txt", b"before")).headers["etag"]
    stage.storage.faults = ["unavailable"]
    away = await alice.put("a.txt", b"after", etag)
    assert said(away) == (503, "unavailable")
    assert "retry-after" in away.headers
    assert (await alice.get("a.txt")).content == b"before"
    assert (await alice.put("a.txt", b"after", etag)).status_code == 200, "the same request again succeeds"


async def test_everyone_in_the_room_hears_who_changed_what_and_an_ais_turn_is_undone_by_its_event(stage: Stage) -> None:
    alice = await stage.desk()
    bob = await stage.desk(of=alice, role=Role.MEMBER)
    async with person(stage.server, alice.who, "websocket") as listener:
        await listener.join(alice.room_id)
        made = (await bob.put("bob.txt", b"by hand\n")).json()
        told = await listener.expect_type("files_changed")
        assert (told["actor_id"], told["seq"]) == (bob.who.id, made["seq"])
        assert "turn_id" not in told
        await listener.post(alice.room_id, "@ai write it down")
        by_ai = await listener.expect_type("files_changed", start=listener.heard.index(told) + 1)
        turn_id = str(by_ai["turn_id"])
        await listener.expect_type("turn_ended", turn_id=turn_id)
        changes = (await bob.ask("GET", f"turns/{turn_id}/changes")).json()
        [call] = changes["calls"]
        assert (changes["ai_id"], changes["undo"], changes["may_undo"]) == (by_ai["actor_id"], "possible", False)
        assert (call["asked_by"], call["changes"][0]["path"]) == ([alice.who.id], "by-ai.txt")
        diff = await bob.ask("GET", "workspace/diff", before=call["before"], after=call["after"], path="by-ai.txt")
        assert diff.json()["diff"].endswith("+by the AI\n")
        undone = await listener.ask(alice.room_id, "undo_turn", turn_id=turn_id)
        assert undone["type"] == "accepted", undone
        assert (await listener.expect_type("turn_undone"))["is_ok"] is True
    assert set(await bob.names()) == {"bob.txt"}
    after = (await alice.ask("GET", f"turns/{turn_id}/changes")).json()
    assert (after["undo"], after["undo_by"]) == ("done", alice.who.id)


async def test_a_diff_is_bounded_and_what_is_no_tree_is_not_there(stage: Stage) -> None:
    alice = await stage.desk()
    last = (await alice.put("0.txt", b"")).json()
    empty = last["before"]
    for n in range(1, 5):
        last = (await alice.put(f"{n}.txt", f"{n} line\n".encode() * 15_000)).json()
    whole = (await alice.ask("GET", "workspace/diff", before=empty, after=last["after"])).json()
    assert len(whole["diff"].encode()) < MAX_DIFF_BYTES + 1_000
    assert (len(whole["changes"]), whole["left_out"] > 0) == (5, True)
    nothing = await alice.ask("GET", "workspace/diff", before=empty, after=last["after"], path="../outside.txt")
    assert (nothing.status_code, nothing.json()["diff"]) == (200, "")
    assert said(await alice.ask("GET", "workspace/diff", before=empty, after="a" * 64)) == (404, "not_found")
    for wrong in ("x", "../" * 10, "A" * 64, "a" * 63):
        assert said(await alice.ask("GET", "workspace/diff", before=empty, after=wrong)) == (400, "malformed")


async def test_who_is_kept_from_the_history_learns_nothing_of_turns_before_they_came(stage: Stage) -> None:
    alice = await stage.desk()
    settings = {"guests_see_history": False, "guests_see_workspace": True}
    await stage.server.http.patch(
        f"/api/v1/rooms/{alice.room_id}", json={"settings": settings}, headers=alice.who.bearer
    )
    async with person(stage.server, alice.who, "websocket") as listener:
        await listener.join(alice.room_id)
        await listener.post(alice.room_id, "@ai write it down")
        turn_id = str((await listener.expect_type("turn_ended"))["turn_id"])
    gus = await stage.desk(of=alice, role=Role.GUEST)
    hidden, nowhere = await gus.ask("GET", f"turns/{turn_id}/changes"), await gus.ask("GET", f"turns/{NOWHERE}/changes")
    assert (hidden.status_code, hidden.content) == (404, nowhere.content)
    assert set(await gus.names()) == {"by-ai.txt"}, "what lies there now they see"


async def test_one_account_is_slowed_down_before_it_keeps_the_disk_busy(stage: Stage) -> None:
    alice = await stage.desk()
    answers = await asyncio.gather(*(alice.ask("GET", "workspace") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
