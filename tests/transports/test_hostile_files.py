"""The corpus of hostile files through the front door: each is kept and handed out, harms nobody, and lies about nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from multiplayer.live.uploads import FileLimits
from multiplayer.tools.extraction.extraction import Extractor
from tests.support.file_corpus import SAMPLES, Sample
from tests.support.server import Known, RunningServer, running_server

GIB = 1024**3
SHOWN_IN_A_PAGE = {
    "application/octet-stream",
    "application/pdf",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
}


@dataclass(frozen=True)
class House:
    server: RunningServer
    alice: Known
    room_id: str

    async def send(self, name: str, data: bytes, **headers: str) -> httpx.Response:
        return await self.server.http.post(
            f"/api/v1/rooms/{self.room_id}/files",
            params={"name": name},
            content=data,
            headers={**self.alice.bearer, "Content-Type": "application/octet-stream", **headers},
        )

    async def declared(self, size: int) -> str:
        """Say that so many bytes come, send none of them, and return what is answered to that."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.http.base_url.port)
        try:
            lines = [
                f"POST /api/v1/rooms/{self.room_id}/files?name=huge.bin HTTP/1.1",
                "Host: 127.0.0.1",
                f"Authorization: {self.alice.bearer['Authorization']}",
                "Content-Type: application/octet-stream",
                f"Content-Length: {size}",
            ]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            async with asyncio.timeout(20):
                return (await reader.readuntil(b"}")).decode()
        finally:
            writer.close()

    async def begin(self, size: int, sha256: str | None = None) -> httpx.Response:
        body = {"name": "data.bin", "size": size, "sha256": sha256}
        return await self.server.http.post(
            f"/api/v1/rooms/{self.room_id}/uploads", json=body, headers=self.alice.bearer
        )

    async def get(self, path: str, **params: str) -> httpx.Response:
        return await self.server.http.get(f"/api/v1/{path}", headers=self.alice.bearer, params=params)


@asynccontextmanager
async def house(folder: Path, extractor: Extractor | None = None) -> AsyncIterator[House]:
    limits = FileLimits(file=2 * GIB, room=20 * GIB, account=10 * GIB)
    async with running_server(folder / "w", file_limits=limits, extractor=extractor) as server:
        alice = await server.know("alice")
        yield House(server, alice, await server.room(alice))


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_hostile_file_is_kept_as_it_is_and_never_becomes_a_page(tmp_path: Path) -> None:
    async with house(tmp_path, Extractor()) as at:
        for sample in SAMPLES:
            await _check(at, sample)
        assert (await at.server.http.get("/readyz")).status_code == 200


async def _check(at: House, sample: Sample) -> None:
    data = sample.make()
    answer = await at.send(sample.name, data)
    assert answer.status_code == 201, (sample.name, answer.text)
    file = answer.json()["attachment"]
    assert (file["state"], file["size"]) == ("ready", len(data)), sample.name
    assert file["content_type"] == sample.content_type, sample.name
    inline = await at.get(f"files/{file['id']}", inline="true")
    assert (inline.status_code, inline.content) == (200, data), sample.name
    headers = inline.headers
    assert headers["content-type"].split(";")[0] in SHOWN_IN_A_PAGE, (sample.name, headers["content-type"])
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    if b"<script>" in data or b"<?php" in data:
        # Only as a picture, which a browser that heeds nosniff takes for nothing else.
        is_picture = headers["content-type"].startswith("image/")
        assert is_picture or headers["content-disposition"].startswith("attachment"), sample.name
    text = await at.get(f"files/{file['id']}/text")
    assert text.status_code in {200, 404}, (sample.name, text.text)
    if text.status_code == 200:
        assert not set(text.text) & {"\0", "\x1b", "\u202e", "\u2066"}, sample.name


async def test_a_file_of_no_bytes_is_a_file_whole_or_in_parts(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        sent = (await at.send("empty.txt", b"")).json()["attachment"]
        assert (sent["state"], sent["size"]) == ("ready", 0)
        begun = (await at.begin(0, hashlib.sha256(b"").hexdigest())).json()
        if begun["attachment"]["state"] != "ready":
            path = f"/api/v1/uploads/{begun['attachment']['id']}/complete"
            begun = (await at.server.http.post(path, headers=at.alice.bearer)).json()
        assert (begun["attachment"]["state"], begun["attachment"]["size"]) == ("ready", 0)
        for file in (sent, begun["attachment"]):
            got = await at.get(f"files/{file['id']}")
            assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")


async def test_five_gigabytes_that_are_only_declared_are_refused_before_a_byte_is_taken(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        begun = await at.begin(5 * GIB)
        assert (begun.status_code, begun.json()["code"]) == (413, "too_big")
        said = await at.declared(5 * GIB)
        assert said.startswith("HTTP/1.1 413 ")
        assert '"code":"too_big"' in said
        assert not [path for path in (tmp_path / "w-blobs").rglob("*") if path.is_file() and path.stat().st_size]


async def test_a_file_that_is_shorter_than_was_declared_is_never_ready(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        begun = (await at.begin(GIB)).json()
        upload = f"/api/v1/uploads/{begun['attachment']['id']}"
        part = await at.server.http.put(f"{upload}/parts/1", content=b"short", headers=at.alice.bearer)
        assert part.status_code in {400, 409, 413, 422}, part.text
        done = await at.server.http.post(f"{upload}/complete", headers=at.alice.bearer)
        assert done.json().get("attachment", {}).get("state") != "ready", done.text
        assert (await at.get(f"files/{begun['attachment']['id']}")).status_code in {404, 409}
