"""Builds everything; the only file that knows every concrete class."""

import asyncio
import json
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import structlog
from ulid import ULID

from multiplayer.ai.agent import TurnLimits
from multiplayer.ai.plain_results import PlainResults
from multiplayer.ai.tokens import TokenCounters
from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.identify import AnyToken
from multiplayer.auth.local import LocalAccounts, SignIns
from multiplayer.auth.passwords import Passwords
from multiplayer.auth.signing_keys import SigningKeys
from multiplayer.auth.supabase import SupabaseTokens, check_supabase_url, keys_url
from multiplayer.auth.tickets import Tickets
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.door import Door, DoorLimits
from multiplayer.live.lobby import Lobby
from multiplayer.live.pod import Pod, PodLimits, ServiceHealth, SignInDoors
from multiplayer.live.registry import Sessions
from multiplayer.live.session import SessionLimits
from multiplayer.live.turns import Turns
from multiplayer.live.watch import Watch
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible, deepseek
from multiplayer.models.port import ChatModel
from multiplayer.models.pricing import list_prices
from multiplayer.models.retry import Retrying
from multiplayer.models.scripted import DemoModel
from multiplayer.rooms.limits import RoomLimits
from multiplayer.settings import BadSettings, Settings
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.database import connect, parse_dsn
from multiplayer.storage.embedded import DataDirBusy, DataDirLock, EmbeddedPostgres
from multiplayer.storage.migrate import migrate
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.storage.runtime_dir import PostgresFailed
from multiplayer.telemetry.metrics import Metrics
from multiplayer.tools.offered import build_tools
from multiplayer.tools.sandbox import Sandbox
from multiplayer.tools.workspace import Workspaces

BUSY_WAIT_S = 60.0
PREFLIGHT_S = 3_600.0
SERVER_FILE = "server.json"
EXTERNAL_FILE = "external-database"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Running:
    """A whole server, short of its sockets."""

    pod: Pod
    settings: Settings
    ai_name: str
    database_name: str
    sandbox: Sandbox
    folder: Path

    def write_server_file(self, url: str) -> None:
        """Tell command lines beside us where the server and its database are; only this account can read it."""
        path = self.folder / SERVER_FILE
        held = json.loads(path.read_text()) if path.exists() else {}
        _write_private(path, json.dumps({**held, "url": url}))


@asynccontextmanager
async def server(settings: Settings) -> AsyncIterator[Running]:
    """Everything for `serve`: the folder, the database (migrated), the pod with its AI. Ends in the other order."""
    async with AsyncExitStack() as stack:
        folder = settings.folder
        lock = await DataDirLock.acquire(folder)
        stack.callback(lock.release)
        dsn, database_name = await stack.enter_async_context(_own_database(settings, lock))
        storage = await stack.enter_async_context(_storage(dsn, ephemeral=settings.ephemeral))
        clock = _clock()
        workspaces = Workspaces(folder / "workspaces", settings.room_uid_base)
        sandbox = Sandbox(workspaces, private_paths=[folder])
        if settings.terminal:
            await sandbox.preflight()
        model, ai_name = _model(settings, clock, stack)
        counter = TokenCounters().counter_for(model.model_name)
        prices = list_prices()
        seat = AiSeat(
            model=model,
            tools=build_tools(sandbox, _secret_values(settings)),
            workspaces=workspaces,
            counter=counter,
            storage=storage,
            clock=clock,
            secret=await _server_secret(storage),
            limits=TurnLimits(
                first_token_s=settings.turn_first_token_s,
                progress_s=settings.turn_progress_s,
                turn_s=settings.turn_s,
                tool_steps=settings.turn_tool_steps,
            ),
            price=lambda usage: prices.cost(usage, model.model_name),
        )

        def services() -> Sequence[ServiceHealth]:
            return (
                ServiceHealth("ai", is_up=True, detail=ai_name),
                ServiceHealth(
                    "sandbox", sandbox.status.mode == "strict", f"{sandbox.status.mode}: {sandbox.status.reason}"
                ),
            )

        pod = await stack.enter_async_context(await _pod(settings, storage, clock, stack, seat, services))
        await pod.lobby.ensure_built_ins()
        pod.spawn(partial(_look_at_sandbox_again, sandbox), broke=sandbox.distrust)
        yield Running(pod, settings, ai_name, database_name, sandbox, folder)


@asynccontextmanager
async def command_line(settings: Settings) -> AsyncIterator[Pod]:
    """A short-lived pod for one command: beside a running server, or alone on the folder. No AI speaks here."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(_shared_database(settings))
        storage = await stack.enter_async_context(_storage(dsn, ephemeral=True))
        pod = await stack.enter_async_context(await _pod(settings, storage, _clock(), stack, None, tuple))
        await pod.lobby.ensure_built_ins()
        yield pod


@asynccontextmanager
async def database_address(settings: Settings) -> AsyncIterator[str]:
    """The address of this folder's database, not migrated by us: for `migrate` and `doctor`."""
    async with _shared_database(settings, migrates=False) as dsn:
        yield dsn


@asynccontextmanager
async def _own_database(settings: Settings, lock: DataDirLock) -> AsyncIterator[tuple[str, str]]:
    """The database of a server that holds `lock`, migrated; a bundled one is watched and started again if it dies."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        await _migrate(dsn)
        _write_private(lock.data_dir / SERVER_FILE, json.dumps({"pid": os.getpid(), "database": dsn}))
        _write_private(lock.data_dir / EXTERNAL_FILE, "This folder's database is the one that DATABASE_URL named.\n")
        try:
            yield dsn, "PostgreSQL at DATABASE_URL"
        finally:
            (lock.data_dir / SERVER_FILE).unlink(missing_ok=True)
        return
    postgres = EmbeddedPostgres(lock.data_dir, durable=not settings.ephemeral)
    address = await postgres.start(lock)
    try:
        await _migrate(address.dsn)
        _write_private(lock.data_dir / SERVER_FILE, json.dumps({"pid": os.getpid(), "database": address.dsn}))
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_keep_running(postgres, lock))
            try:
                yield address.dsn, "built-in PostgreSQL"
            finally:
                watching.cancel()
    finally:
        (lock.data_dir / SERVER_FILE).unlink(missing_ok=True)
        await postgres.stop()


async def _keep_running(postgres: EmbeddedPostgres, lock: DataDirLock) -> None:
    while True:
        code = await postgres.wait()
        _log.warning("database_ended", code=code)
        pause_s = 0.1
        while True:
            try:
                await postgres.start(lock)
            except PostgresFailed as failed:
                # Until it comes back rooms answer "unavailable"; who is connected stays.
                _log.error("database_does_not_start", reason=str(failed), next_try_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(10.0, pause_s * 2)
            else:
                break
        _log.info("database_started_again")


@asynccontextmanager
async def _shared_database(settings: Settings, *, migrates: bool = True) -> AsyncIterator[str]:
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        if migrates:
            await _migrate(dsn)
        yield dsn
        return
    folder = settings.folder
    give_up_at_s = time.monotonic() + BUSY_WAIT_S
    lock: DataDirLock | None = None
    while lock is None:
        try:
            lock = await DataDirLock.acquire(folder)
        except DataDirBusy:
            held = _database_of_running_server(folder)
            if held is not None and await _answers(held):
                yield held
                return
            if time.monotonic() > give_up_at_s:
                raise
            # Another command holds the folder, or a server is just starting: both pass.
            await asyncio.sleep(0.1)
    try:
        if (folder / EXTERNAL_FILE).exists():
            raise BadSettings(f"the database of {folder} is not in it: give DATABASE_URL, as for its server")
        postgres = EmbeddedPostgres(folder)
        address = await postgres.start(lock)
        try:
            if migrates:
                await _migrate(address.dsn)
            yield address.dsn
        finally:
            await postgres.stop()
    finally:
        lock.release()


def _database_of_running_server(folder: Path) -> str | None:
    try:
        held = json.loads((folder / SERVER_FILE).read_text())
    except (OSError, ValueError):
        return None
    dsn = held.get("database") if isinstance(held, dict) else None
    return dsn if isinstance(dsn, str) else None


async def _answers(dsn: str) -> bool:
    try:
        connection = await connect(parse_dsn(dsn))
    except StorageUnavailable:
        return False
    await connection.close()
    return True


async def _migrate(dsn: str) -> None:
    connection = await connect(parse_dsn(dsn))
    try:
        for migration in await migrate(connection):
            _log.info("migrated", number=migration.number, name=migration.name)
    finally:
        await connection.close()


@asynccontextmanager
async def _storage(dsn: str, *, ephemeral: bool) -> AsyncIterator[Storage]:
    async with PostgresStorage.open(dsn, ephemeral=ephemeral) as storage:
        yield storage


async def _pod(
    settings: Settings,
    storage: Storage,
    clock: Clock,
    stack: AsyncExitStack,
    seat: AiSeat | None,
    services: Callable[[], Sequence[ServiceHealth]],
) -> Pod:
    metrics = Metrics()
    room_limits = RoomLimits(members=settings.room_members)
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
    name = f"pod-{secrets.token_hex(4)}"
    return Pod(
        name=name,
        storage=storage,
        directory=directory,
        sessions=sessions,
        door=door,
        lobby=Lobby(storage, directory, clock, room_limits),
        turns=Turns(seat, directory, storage, metrics, name),
        watch=Watch(storage, directory, sessions, cache, clock, epoch=await storage.epoch()),
        doors=await _sign_in_doors(settings, storage, clock, stack),
        clock=clock,
        metrics=metrics,
        cache=cache,
        limits=PodLimits(room=room_limits, session=session_limits),
        services=services,
    )


async def _sign_in_doors(settings: Settings, storage: Storage, clock: Clock, stack: AsyncExitStack) -> SignInDoors:
    access_tokens = AccessTokens(storage, now=clock.now, new_id=clock.new_id)
    sign_ins = SignIns(storage, now=clock.now, new_id=clock.new_id)
    passwords = Passwords()
    stack.callback(passwords.close)
    supabase: SupabaseTokens | None = None
    if settings.supabase_url is not None:
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        try:
            url = check_supabase_url(settings.supabase_url)
            secret = settings.supabase_jwt_secret
            supabase = SupabaseTokens(
                storage,
                SigningKeys(keys_url(url), http, now=clock.now),
                url=url,
                now=clock.now,
                new_id=clock.new_id,
                shared_secret=secret.get_secret_value() if secret else None,
                allow_anonymous=settings.supabase_allow_anonymous,
            )
        except ValueError as error:
            raise BadSettings(f"SUPABASE_URL or SUPABASE_JWT_SECRET: {error}") from None
    return SignInDoors(
        authenticator=AnyToken(access_tokens, sign_ins, supabase),
        access_tokens=access_tokens,
        sign_ins=sign_ins,
        local=LocalAccounts(storage, passwords, sign_ins, now=clock.now),
        tickets=Tickets(storage, now=clock.now),
        has_supabase=supabase is not None,
    )


def _model(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[ChatModel, str]:
    """Return the AI's model and its name for people: DeepSeek, else any OpenAI-compatible one, else the demo."""
    if settings.deepseek_api_key is not None:
        endpoint, key = deepseek(settings.deepseek_model), settings.deepseek_api_key
        name = f"DeepSeek ({settings.deepseek_model})"
    elif settings.openai_base_url is not None and settings.openai_api_key is not None:
        endpoint = Endpoint(
            settings.openai_base_url,
            settings.openai_model,
            settings.openai_context_tokens,
            allows_plain_http=settings.openai_allow_http,
        )
        key = settings.openai_api_key
        name = f"{settings.openai_model} at {httpx.URL(settings.openai_base_url).host}"
    else:
        return PlainResults(DemoModel()), "the built-in demo (no key is set)"
    try:
        provider = OpenAICompatible(endpoint, key.get_secret_value(), now=clock.now, make_id=clock.new_id)
    except ValueError as error:
        raise BadSettings(f"the AI provider: {error}") from None
    stack.push_async_callback(provider.aclose)
    return Retrying(provider, asyncio.sleep, clock.monotonic_s, random.random), name


def _clock() -> Clock:
    return Clock(now=_now, monotonic_s=time.monotonic, new_id=lambda: str(ULID()))


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def _server_secret(storage: Storage) -> bytes:
    """Return the secret that all pods of this database share; the first start makes it."""
    kept = await storage.setting("envelope_secret")
    if kept is None:
        await storage.put_setting("envelope_secret", secrets.token_hex(32))
        kept = await storage.setting("envelope_secret")
        assert kept is not None, "it was just put there"
    return bytes.fromhex(kept)


def _secret_values(settings: Settings) -> list[str]:
    held = (settings.deepseek_api_key, settings.openai_api_key, settings.supabase_jwt_secret, settings.database_url)
    return [secret.get_secret_value() for secret in held if secret is not None]


async def _look_at_sandbox_again(sandbox: Sandbox) -> None:
    """The machine may change under us: look each hour; a second look can only switch the terminal off."""
    while True:
        await asyncio.sleep(PREFLIGHT_S)
        before = sandbox.status.mode
        if before == "strict" and (await sandbox.preflight()).mode != before:
            _log.warning("sandbox_off", reason=sandbox.status.reason)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
