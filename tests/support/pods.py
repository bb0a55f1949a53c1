"""A pod without sockets: real rooms, sessions and AI seats on the in-memory storage, for tests of what is live."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from ulid import ULID

from multiplayer.ai.brain import Brains
from multiplayer.ai.budget import Purse
from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.identify import AnyToken
from multiplayer.auth.local import LocalAccounts, SignIns
from multiplayer.auth.passwords import Passwords
from multiplayer.auth.tickets import Tickets
from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import Blobs
from multiplayer.compose.models import ProfiledBrains
from multiplayer.live.ai_keys import KeyFiles
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.door import Door, DoorLimits
from multiplayer.live.erasure import Erasures
from multiplayer.live.file_services import files_on
from multiplayer.live.housekeeping import Housekeeping
from multiplayer.live.insight import insights_on
from multiplayer.live.job_files import JobFiles
from multiplayer.live.listening import Listener
from multiplayer.live.lobby import Lobby
from multiplayer.live.pod import Pod, PodLimits, SignInDoors
from multiplayer.live.profiles import Profiles
from multiplayer.live.registry import Sessions
from multiplayer.live.retention import Retentions
from multiplayer.live.room_jobs import JobNews, RoomJobs
from multiplayer.live.schedules import Schedules
from multiplayer.live.session import Session
from multiplayer.live.toolbox import Toolbox
from multiplayer.live.transcription import TranscriptionPace, Transcriptions
from multiplayer.live.turns import Turns
from multiplayer.live.undoing import Undos
from multiplayer.live.uploads import FileLimits
from multiplayer.live.watch import Watch
from multiplayer.live.workbench import Workbench
from multiplayer.live.workspace_services import workspace_on
from multiplayer.models.port import ChatModel
from multiplayer.models.scripted import ScriptedModel
from multiplayer.models.transcriber import Transcriber
from multiplayer.protocol.codec import JsonValue, decode_line
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account
from multiplayer.protocol.requests import Hello
from multiplayer.settings import Settings
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from multiplayer.telemetry.metrics import Metrics
from multiplayer.tools.checkpoints.checkpoints import Checkpoints
from multiplayer.tools.extraction.extraction import Extractor
from multiplayer.tools.limits import Limits
from multiplayer.tools.mcp.opening import McpServing
from multiplayer.tools.offered import build_tools
from multiplayer.tools.registry import ToolRegistry
from multiplayer.tools.sandbox.preflight import SandboxStatus
from multiplayer.tools.terminal.jobs import Jobs
from multiplayer.tools.workspace import Workspaces
from tests.support.brains import GivenBrains, brain_of

Line = Mapping[str, JsonValue]
PATIENCE_S = 30.0
"""How long a test waits for what must come; only a broken server takes as long."""


def system_clock() -> Clock:
    def now() -> datetime:
        at = datetime.now(UTC)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    return Clock(now=now, monotonic_s=time.monotonic, new_id=lambda: str(ULID()))


@asynccontextmanager
async def memory_pod(
    workspaces: Path,
    *,
    model: ChatModel | None = None,
    brains: Brains | None = None,
    storage: Storage | None = None,
    clock: Clock | None = None,
    limits: PodLimits | None = None,
    door_limits: DoorLimits | None = None,
    turn_limits: TurnLimits | None = None,
    tools: ToolRegistry | None = None,
    outside: McpServing | None = None,
    jobs: Jobs | None = None,
    news: JobNews | None = None,
    blobs: Blobs | None = None,
    file_limits: FileLimits | None = None,
    extractor: Extractor | None = None,
    transcriber: Transcriber | None = None,
    transcription_pace: TranscriptionPace | None = None,
    listening_pauses_s: tuple[float, ...] = (0.0, 0.0, 0.0),
    name: str = "pod-test",
) -> AsyncIterator[Pod]:
    """A pod on `storage` (a new in-memory one by default). All AIs are `model`, or what `brains` says.

    `jobs` tell `news` what becomes of them.
    """
    storage = storage or MemoryStorage()
    clock = clock or system_clock()
    limits = limits or PodLimits()
    metrics = Metrics()
    cache = CachedLog(storage)
    directory = Directory(storage, cache, clock, metrics, limits.room)
    sessions = Sessions(storage, limits.session)
    passwords = Passwords()
    access_tokens = AccessTokens(storage, now=clock.now, new_id=clock.new_id)
    sign_ins = SignIns(storage, now=clock.now, new_id=clock.new_id)
    checkpoints = Checkpoints(workspaces.with_name(f"{workspaces.name}-checkpoints"), Limits())
    workbench = Workbench(Workspaces(workspaces), checkpoints, storage, jobs.running if jobs else lambda _: {})
    job_files = JobFiles(workbench, directory) if jobs is not None else None
    if job_files is not None and news is not None:
        news.directory, news.files, workbench.tell = directory, job_files, job_files.tell
    toolbox = Toolbox(tools or build_tools(None), workbench, outside)
    files = files_on(
        storage,
        LocalBlobs(workspaces.with_name(f"{workspaces.name}-blobs")) if blobs is None else blobs,
        directory,
        clock,
        workspaces.parent,
        file_limits or FileLimits(),
        extractor,
    )
    listener = (
        None
        if transcriber is None
        else Listener(transcriber, storage, files.blobs, workspaces.parent, listening_pauses_s)
    )
    seat = AiSeat(
        files=files,
        brains=brains or GivenBrains(brain_of(model or ScriptedModel([]))),
        toolbox=toolbox,
        workbench=workbench,
        storage=storage,
        clock=clock,
        secret=b"a secret of the tests",
        limits=turn_limits or TurnLimits(),
        purse=Purse(storage, clock.now, clock.new_id),
    )
    keys = KeyFiles(workspaces.with_name(f"{workspaces.name}-secrets") / "ai")
    profiled = ProfiledBrains(storage, keys, Settings.model_construct(), clock)
    room_jobs = RoomJobs(jobs, job_files, toolbox, directory)
    insights = insights_on(seat, directory)
    pod = Pod(
        name=name,
        storage=storage,
        directory=directory,
        sessions=sessions,
        door=Door(directory, storage, clock, door_limits or DoorLimits(), sessions.tell),
        lobby=Lobby(storage, directory, clock, limits.room),
        profiles=Profiles(storage, keys, profiled, clock),
        turns=Turns(seat, directory, storage, metrics, name),
        insights=insights,
        workspace=workspace_on(
            seat,
            directory,
            insights.turns,
            lambda: SandboxStatus("off", "no sandbox in this test"),
            workspaces.with_name(f"{workspaces.name}-incoming"),
        ),
        files=files,
        erasures=Erasures(storage, directory, files, sessions, clock, name),
        transcriptions=Transcriptions(listener, directory, clock, transcription_pace),
        retention=Retentions(storage, directory, clock, limits.room),
        schedules=Schedules(storage, directory, clock),
        jobs=room_jobs,
        housekeeping=Housekeeping(workbench, clock, 3600.0),
        undos=Undos(workbench, directory),
        watch=Watch(storage, directory, sessions, cache, clock, profiled, room_jobs, epoch=await storage.epoch()),
        doors=SignInDoors(
            authenticator=AnyToken(access_tokens, sign_ins, None),
            access_tokens=access_tokens,
            sign_ins=sign_ins,
            local=LocalAccounts(storage, passwords, sign_ins, now=clock.now),
            tickets=Tickets(storage, now=clock.now),
        ),
        clock=clock,
        metrics=metrics,
        cache=cache,
        limits=limits,
        services=tuple,
    )
    try:
        async with pod:
            yield pod
    finally:
        passwords.close()
        await profiled.aclose()


class Guest:
    """Someone at a session without a socket: says lines, and hears what its outbox would have sent."""

    def __init__(self, pod: Pod, session: Session) -> None:
        self.pod = pod
        self.session = session
        self.heard: list[Line] = []
        self._next_id = 0

    @classmethod
    async def enter(cls, pod: Pod, handle: str) -> "Guest":
        """Open a session for the account of this name; make the account if there is none."""
        found = await pod.storage.find_account_by_handle(handle)
        account = found.account if found else await pod.lobby.create_account(handle, origin="cli")
        token = await pod.doors.access_tokens.create(account.id, "test", None)
        identity = await pod.doors.of_credential(Hello.model_validate({"token": token.text}))
        return cls(pod, await pod.open_session(identity, address="127.0.0.1", origin="ws"))

    @property
    def account(self) -> Account:
        return self.session.account

    @property
    def id(self) -> AccountId:
        return self.session.account.id

    async def say(self, **line: object) -> str:
        """Send one line; return its id."""
        self._next_id += 1
        line_id = str(self._next_id)
        request = decode_line(json.dumps({"id": line_id, **line}))
        assert not isinstance(request, Hello)
        await self.session.handle(request)
        return line_id

    async def ask(self, **line: object) -> Line:
        """Send one line and return its answer."""
        line_id = await self.say(**line)
        return await self.expect(lambda heard: heard.get("re") == line_id)

    async def join(self, room_id: RoomId, **after: object) -> Line:
        return await self.ask(type="join", room_id=room_id, **({"after": after} if after else {}))

    async def post(self, room_id: RoomId, text: str, **more: object) -> Line:
        return await self.ask(type="post_message", room_id=room_id, text=text, **more)

    async def read(self) -> None:
        """Take one frame's worth from the outbox."""
        for chunk in await self.session.outbox.take():
            self.heard += [cast("Line", json.loads(line)) for line in chunk.data.split(b"\n")]

    async def expect(self, is_it: Callable[[Line], bool], *, start: int = 0, within_s: float = PATIENCE_S) -> Line:
        """Return the first line from `start` on for which `is_it` holds; wait for it."""
        seen = start
        async with asyncio.timeout(within_s):
            while True:
                for line in self.heard[seen:]:
                    if is_it(line):
                        return line
                seen = len(self.heard)
                if self.session.outbox.is_closed:
                    await self.read()
                    assert len(self.heard) > seen, f"the session ended before it came; heard {self.heard[-5:]}"
                else:
                    await self.read()

    async def expect_type(self, kind: str, *, start: int = 0, **fields: object) -> Line:
        return await self.expect(
            lambda line: line["type"] == kind and all(line.get(name) == value for name, value in fields.items()),
            start=start,
        )

    def seqs(self, room_id: RoomId) -> Sequence[int]:
        """The seqs of the room's events heard so far, in the order they came."""
        return [
            int(cast("int", line["seq"]))
            for line in self.heard
            if line.get("room_id") == room_id and "actor_id" in line and "seq" in line
        ]

    def leave(self) -> None:
        self.pod.close_session(self.session)
