"""The naive peer: Starlette and asyncpg on stock uvicorn; one commit per message, one awaited send per member.

It is what a good programmer writes in an afternoon, and it is durable and ordered: the seq comes from the room's row in
the transaction that inserts the message, and a lock per room keeps commit and fan-out of two messages apart (without
it nothing says that two fan-outs do not cross). It has no sign-in, no limits, no members' rights and no answer to slow readers.
"""

import argparse
import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from ulid import ULID

from multiplayer.storage.embedded import DataDirLock, EmbeddedPostgres

DATABASE_FILE = "database"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rooms (id text PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    room_id text NOT NULL, seq bigint NOT NULL, event_id text NOT NULL, at timestamptz NOT NULL,
    actor_id text NOT NULL, type text NOT NULL, body text NOT NULL, key text,
    PRIMARY KEY (room_id, seq)
);
CREATE UNIQUE INDEX IF NOT EXISTS events_key ON events (room_id, actor_id, key);
"""


class Post(BaseModel):
    id: str
    key: str
    room_id: str
    text: str


@dataclass(eq=False)
class Room:
    sockets: set[WebSocket] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Chat:
    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._rooms: defaultdict[str, Room] = defaultdict(Room)

    async def serve(self, socket: WebSocket) -> None:
        room_id, account_id = socket.path_params["room_id"], socket.path_params["account_id"]
        await socket.accept()
        room = self._rooms[room_id]
        async with self._pool.acquire() as connection:
            await connection.execute("INSERT INTO rooms VALUES ($1, 0) ON CONFLICT DO NOTHING", room_id)
        room.sockets.add(socket)
        try:
            await socket.send_text('{"type":"joined"}')
            while True:
                post = Post.model_validate_json(await socket.receive_text())
                async with room.lock:
                    await self._say(room, socket, account_id, post)
        except WebSocketDisconnect:
            pass
        finally:
            room.sockets.discard(socket)

    async def _say(self, room: Room, sender: WebSocket, account_id: str, post: Post) -> None:
        event_id, at = str(ULID()), datetime.now(UTC)
        async with self._pool.acquire() as connection, connection.transaction():
            seq = await connection.fetchval(
                "UPDATE rooms SET seq = seq + 1 WHERE id = $1 RETURNING seq",
                post.room_id,
            )
            line = json.dumps(
                {
                    "room_id": post.room_id,
                    "seq": seq,
                    "id": event_id,
                    "at": at.isoformat(timespec="milliseconds"),
                    "actor_id": account_id,
                    "type": "message_posted",
                    "message": {"id": event_id, "text": post.text},
                    "mentions": [],
                },
                separators=(",", ":"),
            )
            await connection.execute(
                "INSERT INTO events VALUES ($1, $2, $3, $4, $5, 'message_posted', $6, $7)",
                post.room_id,
                seq,
                event_id,
                at,
                account_id,
                line,
                post.key,
            )
        await sender.send_text(json.dumps({"type": "accepted", "re": post.id, "seq": seq}, separators=(",", ":")))
        for socket in tuple(room.sockets):
            try:
                await socket.send_text(line)
            except (WebSocketDisconnect, RuntimeError):
                # Gone, or already closed by us: the others still want the message.
                room.sockets.discard(socket)


def build_app(data_dir: Path) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        lock = await DataDirLock.acquire(data_dir)
        postgres = EmbeddedPostgres(data_dir)
        try:
            address = await postgres.start(lock)
            async with asyncpg.create_pool(address.dsn) as pool:
                await pool.execute(_SCHEMA)
                (data_dir / DATABASE_FILE).write_text(address.dsn)
                app.state.chat = Chat(pool)
                yield
        finally:
            await postgres.stop()
            lock.release()

    async def serve(socket: WebSocket) -> None:
        chat: Chat = socket.app.state.chat
        await chat.serve(socket)

    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(
        lifespan=lifespan,
        routes=[WebSocketRoute("/ws/{room_id}/{account_id}", serve), Route("/readyz", ready)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.naive_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    asked = parser.parse_args()
    uvicorn.run(build_app(asked.data_dir), host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
