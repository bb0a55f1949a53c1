"""A real server in this process, on a port of its own, over the in-memory storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from multiplayer.ai.brain import Brains
from multiplayer.blobs.port import Blobs
from multiplayer.live.clock import Clock
from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.uploads import FileLimits
from multiplayer.models.port import ChatModel
from multiplayer.models.transcriber import Transcriber
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account, Role
from multiplayer.storage.port import Storage
from multiplayer.tools.extraction.extraction import Extractor
from multiplayer.transports.app import build_app
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.deadlines import Deadlines
from multiplayer.transports.server import Server
from tests.support.pods import memory_pod


@dataclass(frozen=True)
class Known:
    """Someone with an account and a token."""

    account: Account
    token: str
    token_id: str

    @property
    def id(self) -> AccountId:
        return self.account.id

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class RunningServer:
    """`http` follows no redirect and raises nothing for a status."""

    pod: Pod
    server: Server
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.port

    async def know(
        self, handle: str, *, ttl: timedelta | None = None, is_operator: bool = False, password: str | None = None
    ) -> Known:
        """Return the account of this name with a new token; make the account if there is none."""
        found = await self.pod.storage.find_account_by_handle(handle)
        account = (
            found.account
            if found is not None
            else await self.pod.lobby.create_account(handle, is_operator=is_operator, origin="cli")
        )
        if password is not None:
            await self.pod.doors.local.set_password(account.id, password)
        made = await self.pod.doors.access_tokens.create(account.id, "test", ttl)
        return Known(account, made.text, made.row.id)

    async def room(self, owner: Known, *members: Known, name: str = "demo", role: Role = Role.MEMBER) -> RoomId:
        """Make a room with its AI; everyone else is added with `role`."""
        room_id = await self.pod.lobby.create_room(owner.id, name, origin="cli")
        for member in members:
            await self.add(room_id, owner, member, role)
        return room_id

    async def add(self, room_id: RoomId, owner: Known, member: Known, role: Role) -> None:
        answer = await self.http.post(
            f"/api/v1/rooms/{room_id}/members",
            json={"handle": member.account.handle, "role": role.value},
            headers=owner.bearer,
        )
        assert answer.status_code == 201, answer.text


@asynccontextmanager
async def running_server(
    folder: Path,
    *,
    config: HttpConfig | None = None,
    deadlines: Deadlines | None = None,
    model: ChatModel | None = None,
    brains: Brains | None = None,
    storage: Storage | None = None,
    clock: Clock | None = None,
    limits: PodLimits | None = None,
    door_limits: DoorLimits | None = None,
    blobs: Blobs | None = None,
    file_limits: FileLimits | None = None,
    extractor: Extractor | None = None,
    transcriber: Transcriber | None = None,
) -> AsyncIterator[RunningServer]:
    """Serve until the block is left; workspaces are made in `folder`."""
    async with memory_pod(
        folder,
        model=model,
        brains=brains,
        storage=storage,
        clock=clock,
        limits=limits,
        door_limits=door_limits,
        blobs=blobs,
        file_limits=file_limits,
        extractor=extractor,
        transcriber=transcriber,
    ) as pod:
        app = build_app(pod, config or HttpConfig())
        async with (
            Server(app, pod, host="127.0.0.1", port=0, deadlines=deadlines) as server,
            httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as http,
        ):
            yield RunningServer(pod, server, http)
