"""Builds everything; the only package that knows every concrete class."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from ulid import ULID

from multiplayer.ai.budget import Purse
from multiplayer.ai.turn_setup import TurnLimits
from multiplayer.blobs.port import Blobs
from multiplayer.compose.database import SERVER_FILE, open_storage, own_database, shared_database, write_private
from multiplayer.compose.database import database_address as database_address
from multiplayer.compose.doors import sign_in_doors
from multiplayer.compose.models import Patience, ProfiledBrains
from multiplayer.compose.stores import open_blobs
from multiplayer.compose.toolshed import Toolshed, bare_toolshed, open_toolshed
from multiplayer.compose.voice import open_transcriber
from multiplayer.compose.web import web_place
from multiplayer.live.ai_keys import KeyFiles
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.door import Door, DoorLimits
from multiplayer.live.erasure import Erasures
from multiplayer.live.file_services import FileServices, files_on
from multiplayer.live.first_room import FirstRoom
from multiplayer.live.housekeeping import Housekeeping
from multiplayer.live.insight import insights_on
from multiplayer.live.job_files import JobFiles
from multiplayer.live.listening import Listener
from multiplayer.live.lobby import Lobby
from multiplayer.live.mirroring import Mirror
from multiplayer.live.pod import Pod, PodLimits, ServiceHealth
from multiplayer.live.profile_file import BadProfileFile
from multiplayer.live.profiles import Profiles
from multiplayer.live.registry import Sessions
from multiplayer.live.retention import Retentions
from multiplayer.live.room_jobs import RoomJobs
from multiplayer.live.schedules import Schedules, known_zones
from multiplayer.live.session import SessionLimits
from multiplayer.live.store_watch import StoreWatch
from multiplayer.live.transcription import Transcriptions
from multiplayer.live.turns import Turns
from multiplayer.live.undoing import Undos
from multiplayer.live.uploads import FileLimits
from multiplayer.live.watch import Watch
from multiplayer.live.workspace_services import workspace_on
from multiplayer.models.pricing import list_prices
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.rooms.limits import RoomLimits
from multiplayer.settings import BadSettings, Settings
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.embedded import DataDirLock, PostgresKilled
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.telemetry.metrics import Metrics
from multiplayer.tools.extraction.extraction import Extractor
from multiplayer.tools.offered import RUNS_COMMANDS
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.transports.config import WebPlace

__all__ = ["Running", "StartStopped", "command_line", "database_address", "server"]

PREFLIGHT_S = 3_600.0
FIRST_ROOM_S = 20.0
START_AGAIN_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""After so long a start is begun again in which the database that it had just started has died."""
_PASSING = (StorageUnavailable, OutcomeUnknown, PostgresKilled)
_log = structlog.get_logger(__name__)


class StartStopped(Exception):  # noqa: N818 - says what happened
    """Somebody asked the server to end before it had started."""


@dataclass(frozen=True)
class Running:
    """A whole server, short of its sockets."""

    pod: Pod
    settings: Settings
    ai_name: str
    database_name: str
    sandbox: Sandbox
    folder: Path
    web: WebPlace | None
    """None: the web interface is not built."""

    def write_server_file(self, url: str) -> None:
        """Tell command lines beside us where the server and its database are; only this account can read it."""
        path = self.folder / SERVER_FILE
        held = json.loads(path.read_text()) if path.exists() else {}
        write_private(path, json.dumps({**held, "url": url, "sandbox": self.sandbox.status.mode}))


@asynccontextmanager
async def server(settings: Settings, stop: asyncio.Event | None = None) -> AsyncIterator[Running]:
    """Everything for `serve`: the folder, the database (migrated), the pod with its AIs. Ends in the other order.

    A start that has to begin again does so until `stop` is set; then it raises `StartStopped`.
    """
    async with AsyncExitStack() as stack:
        yield await _started(settings, stack, stop or asyncio.Event())


async def _started(settings: Settings, stack: AsyncExitStack, stop: asyncio.Event) -> Running:
    """Start; again if our own database died meanwhile. One that somebody else runs is waited for by whoever runs us."""
    for pause_s in START_AGAIN_S:
        try:
            return await stack.enter_async_context(_server(settings))
        except (*_PASSING, ExceptionGroup) as error:
            passing, others = error.split(_PASSING) if isinstance(error, ExceptionGroup) else (error, None)
            if settings.database_url is not None or passing is None or others is not None:
                raise
            _log.warning("start_begins_again", reason=str(error), in_s=pause_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await stop.wait()
        if stop.is_set():
            raise StartStopped
    return await stack.enter_async_context(_server(settings))


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        folder = settings.folder
        lock = await DataDirLock.acquire(folder)
        stack.callback(lock.release)
        dsn, database_name = await stack.enter_async_context(own_database(settings, lock))
        storage = await stack.enter_async_context(open_storage(dsn, ephemeral=settings.ephemeral))
        clock = _clock()
        keys, brains = _brains(settings, storage, clock, stack)
        brains.check_environment()
        shed = await open_toolshed(settings, storage, clock, stack, [*_secret_values(settings), *keys.all_values()])
        sandbox = shed.sandbox
        built_in = AccountId("")
        blobs = await open_blobs(settings, stack)
        store = StoreWatch(blobs)

        def services() -> Sequence[ServiceHealth]:
            status = brains.status(built_in)
            return (
                ServiceHealth("ai", is_up=not status.problem, detail=status.answers_with or status.problem),
                ServiceHealth("files", is_up=not store.problem, detail=store.said),
                ServiceHealth(
                    "sandbox", sandbox.status.mode in RUNS_COMMANDS, f"{sandbox.status.mode}: {sandbox.status.reason}"
                ),
            )

        pod = await _pod(settings, storage, clock, stack, shed, blobs, services, keys, brains, speaks=True)
        built_in = (await pod.lobby.ensure_built_ins())[1].id
        try:
            await pod.profiles.take_file(settings.ai_file)
        except BadProfileFile as bad:
            raise BadSettings(f"MULTIPLAYER_AI_FILE: {bad}") from None
        await stack.enter_async_context(pod)
        pod.spawn(partial(_look_at_sandbox_again, sandbox), broke=sandbox.distrust)
        pod.spawn(store.run, broke=_nothing)
        pod.spawn(brains.keep_closing, broke=_nothing)
        status = brains.status(built_in)
        web = await web_place(settings, blobs)
        if settings.begins_with_a_room:
            await _begin_with_a_room(pod, is_demo=status.is_demo, has_terminal=sandbox.status.mode in RUNS_COMMANDS)
        yield Running(pod, settings, status.answers_with or status.problem, database_name, sandbox, folder, web)


async def _begin_with_a_room(pod: Pod, *, is_demo: bool, has_terminal: bool) -> None:
    """Have the first room of a new database ready before anybody comes in; a start never fails by it."""
    room = FirstRoom(pod.storage, pod.directory, pod.lobby, pod.workspace.door)
    try:
        async with asyncio.timeout(FIRST_ROOM_S):
            await room.prepare(is_demo=is_demo, has_terminal=has_terminal)
    except (Refused, StorageUnavailable, OutcomeUnknown, TimeoutError) as error:
        _log.warning("first_room_unfinished", reason=str(error) or "it took too long", hint="the next start goes on")


@asynccontextmanager
async def command_line(settings: Settings) -> AsyncIterator[Pod]:
    """A short-lived pod for one command: beside a running server, or alone on the folder. No AI speaks here."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(shared_database(settings))
        storage = await stack.enter_async_context(open_storage(dsn, ephemeral=True))
        clock = _clock()
        keys, brains = _brains(settings, storage, clock, stack)
        # To look at what AIs do, not to speak.
        shed = bare_toolshed(settings, storage, clock)
        pod = await _pod(
            settings, storage, clock, stack, shed, await open_blobs(settings, stack), tuple, keys, brains, speaks=False
        )
        await stack.enter_async_context(pod)
        await pod.lobby.ensure_built_ins()
        await brains.refresh()
        yield pod


def _brains(
    settings: Settings, storage: Storage, clock: Clock, stack: AsyncExitStack
) -> tuple[KeyFiles, ProfiledBrains]:
    keys = KeyFiles(settings.folder / "secrets" / "ai")
    patience = Patience(settings.turn_first_token_s, settings.turn_progress_s, settings.turn_s)
    brains = ProfiledBrains(storage, keys, settings, clock, patience)
    stack.push_async_callback(brains.aclose)
    return keys, brains


async def _seat(
    settings: Settings,
    storage: Storage,
    clock: Clock,
    brains: ProfiledBrains,
    shed: Toolshed,
    files: FileServices,
) -> AiSeat:
    return AiSeat(
        brains=brains,
        toolbox=shed.toolbox,
        workbench=shed.workbench,
        storage=storage,
        files=files,
        clock=clock,
        secret=await _server_secret(storage),
        limits=TurnLimits(
            first_token_s=settings.turn_first_token_s,
            progress_s=settings.turn_progress_s,
            turn_s=settings.turn_s,
            tool_steps=settings.turn_tool_steps,
        ),
        purse=Purse(storage, clock.now, clock.new_id, currency=list_prices().currency),
    )


async def _pod(
    settings: Settings,
    storage: Storage,
    clock: Clock,
    stack: AsyncExitStack,
    shed: Toolshed,
    blobs: Blobs,
    services: Callable[[], Sequence[ServiceHealth]],
    keys: KeyFiles,
    brains: ProfiledBrains,
    *,
    speaks: bool,
) -> Pod:
    metrics = Metrics()
    room_limits = RoomLimits(members=settings.room_members, zones=known_zones(), retention_days=settings.retention_days)
    session_limits = SessionLimits(
        commands_per_s=settings.commands_per_s,
        commands_burst=2 * settings.commands_per_s,
        sessions_per_account=settings.sessions_per_account,
        sessions_per_address=settings.sessions_per_address,
    )
    cache = CachedLog(storage)
    directory = Directory(storage, cache, clock, metrics, room_limits)
    sessions = Sessions(storage, session_limits)
    door = Door(directory, storage, clock, DoorLimits(settings.messages_per_min), sessions.tell)
    shed.news.directory = directory
    job_files = JobFiles(shed.workbench, directory) if shed.jobs is not None else None
    if job_files is not None:
        shed.news.files, shed.workbench.tell = job_files, job_files.tell
    room_jobs = RoomJobs(shed.jobs, job_files, shed.toolbox, directory)
    files = files_on(
        storage,
        blobs,
        directory,
        clock,
        settings.folder,
        FileLimits(file=settings.file_bytes, room=settings.room_file_bytes, account=settings.account_file_bytes),
        Extractor() if speaks else None,
        by_link=settings.files_by_link,
    )
    transcriber = open_transcriber(settings, stack) if speaks else None
    listener = Listener(transcriber, storage, files.blobs, settings.folder) if transcriber is not None else None
    seat = await _seat(settings, storage, clock, brains, shed, files)
    insights = insights_on(seat, directory)
    name = f"pod-{secrets.token_hex(4)}"
    if speaks and settings.mirrors_workspaces:
        mirror = Mirror(
            shed.workbench, storage, blobs, clock, name, count=lambda came: metrics.mirror.labels(came).inc()
        )
        # Before the pod begins, and left when it has ended: by then nobody changes files any more.
        shed.workbench.mirror = await stack.enter_async_context(mirror)
    return Pod(
        name=name,
        storage=storage,
        directory=directory,
        sessions=sessions,
        door=door,
        lobby=Lobby(storage, directory, clock, room_limits),
        profiles=Profiles(storage, keys, brains, clock),
        turns=Turns(seat if speaks else None, directory, storage, metrics, name),
        insights=insights,
        workspace=workspace_on(
            seat, directory, insights.turns, lambda: shed.sandbox.status, settings.folder / "incoming"
        ),
        files=files,
        erasures=Erasures(storage, directory, files, sessions, clock, name),
        transcriptions=Transcriptions(listener, directory, clock, serves=speaks),
        retention=Retentions(storage, directory, clock, room_limits),
        schedules=Schedules(storage, directory, clock) if speaks else None,
        jobs=room_jobs,
        housekeeping=Housekeeping(seat.workbench if speaks else None, clock, settings.workspace_idle_days * 24 * 3600),
        undos=Undos(seat.workbench if speaks else None, directory),
        watch=Watch(storage, directory, sessions, cache, clock, brains, room_jobs, epoch=await storage.epoch()),
        doors=await sign_in_doors(settings, storage, clock, stack),
        clock=clock,
        metrics=metrics,
        cache=cache,
        limits=PodLimits(room=room_limits, session=session_limits),
        services=services,
        sandbox_mode=lambda: shed.sandbox.status.mode,
    )


def _clock() -> Clock:
    return Clock(now=_now, monotonic_s=time.monotonic, new_id=lambda: str(ULID()))


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def _server_secret(storage: Storage) -> bytes:
    """Return the secret that all pods of this database share; the first start makes it."""
    return bytes.fromhex(await storage.keep_setting("envelope_secret", secrets.token_hex(32)))


def _secret_values(settings: Settings) -> list[str]:
    held = (
        settings.deepseek_api_key,
        settings.openai_api_key,
        settings.supabase_jwt_secret,
        settings.database_url,
        settings.oss_access_key_secret,
        settings.s3_secret_access_key,
        settings.azure_access_key,
        settings.transcriber_key,
    )
    return [secret.get_secret_value() for secret in held if secret is not None]


async def _look_at_sandbox_again(sandbox: Sandbox) -> None:
    """The machine may change under us: look each hour; a second look can only switch the terminal off."""
    while True:
        await asyncio.sleep(PREFLIGHT_S)
        before = sandbox.status.mode
        if before in RUNS_COMMANDS and (await sandbox.preflight()).mode != before:
            _log.warning("sandbox_off", reason=sandbox.status.reason)


def _nothing() -> None:
    """What broke is in the log."""
