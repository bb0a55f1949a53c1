"""What `doctor` examines, one function each; nothing here changes anything but a probe file or folder that it removes."""

import platform
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import asyncpg
import httpx

from multiplayer.cli.failures import explain
from multiplayer.cli.server_file import running_url
from multiplayer.compose import database_address
from multiplayer.models.openai_compatible import check_address
from multiplayer.settings import Settings
from multiplayer.storage import migrate, runtime_dir
from multiplayer.storage.database import connect, parse_dsn
from multiplayer.storage.port import StorageUnavailable, UnfitDatabase
from multiplayer.tools.sandbox.sandbox import Sandbox
from multiplayer.tools.workspace import Workspaces

State = Literal["ok", "warning", "failed"]
OLDEST_YEAR = 2025
SKEW_S = 5.0


@dataclass(frozen=True)
class Check:
    name: str
    state: State
    finding: str
    fix: str = ""


async def all_checks(settings: Settings) -> list[Check]:
    folder = check_folder(settings)
    return [
        check_python(),
        check_platform(),
        folder,
        await check_database(settings) if folder.state != "failed" else Check("database", "warning", "not looked at"),
        check_ai(settings),
        await check_sandbox(settings),
        check_clock(),
        await check_server(settings),
    ]


def check_python() -> Check:
    # Somebody may have forced the installation.
    if tuple(int(part) for part in platform.python_version_tuple()[:2]) < (3, 11):
        return Check("python", "failed", platform.python_version(), "install Python 3.11 or newer")
    return Check("python", "ok", platform.python_version())


def check_platform() -> Check:
    found = f"{platform.system()} {platform.machine()}"
    if platform.system() == "Linux":
        return Check("platform", "ok", found)
    return Check("platform", "warning", f"{found}: the AI has no terminal here", "run the server on Linux")


def check_folder(settings: Settings) -> Check:
    folder = settings.folder
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        if existing == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
        else:
            # Some places seem writable and take no folders; trying is the only way to know.
            with tempfile.TemporaryDirectory(dir=existing, prefix=".multiplayer-doctor-"):
                pass
    except OSError as error:
        return Check(
            "data folder",
            "failed",
            f"{folder}: {error.strerror or error}" if existing == folder else f"{folder} cannot be made in {existing}",
            "give this account the folder, or set --data-dir",
        )
    return Check("data folder", "ok", str(folder) if existing == folder else f"{folder} (will be made)")


async def check_database(settings: Settings) -> Check:
    if settings.database_url is None and not (settings.folder / "postgres").exists():
        # Looking must not make one.
        return Check("database", "ok", "built-in PostgreSQL, made at the first start")
    try:
        async with database_address(settings) as dsn:
            connection = await connect(parse_dsn(dsn))
            try:
                began = datetime.now(UTC)
                version = await connection.fetchval("SHOW server_version")
                took_ms = (datetime.now(UTC) - began).total_seconds() * 1000
                waiting = await migrate.pending(connection)
            finally:
                await connection.close()
    except (
        StorageUnavailable,
        UnfitDatabase,
        runtime_dir.PostgresFailed,
        runtime_dir.DataDirBusy,
        migrate.DatabaseTooNew,
        migrate.MigrationChanged,
        asyncpg.PostgresError,
        OSError,
        ValueError,
    ) as error:
        where = "DATABASE_URL" if settings.database_url is not None else "the data folder's log"
        return Check("database", "failed", explain(error).message, f"see {where}")
    found = f"PostgreSQL {version}, answers in {took_ms:.1f} ms"
    if waiting:
        return Check("database", "warning", f"{found}, {len(waiting)} migrations pending", "multiplayer migrate")
    return Check("database", "ok", found)


def check_ai(settings: Settings) -> Check:
    if settings.deepseek_api_key is not None:
        return Check("ai", "ok", f"DeepSeek ({settings.deepseek_model})")
    if settings.openai_base_url is not None:
        try:
            check_address(settings.openai_base_url, allows_plain_http=settings.openai_allow_http)
        except ValueError as error:
            return Check("ai", "failed", f"OPENAI_BASE_URL: {error}", "set it up to and with /v1, or take it out")
        return Check("ai", "ok", f"{settings.openai_model} at {httpx.URL(settings.openai_base_url).host}")
    return Check(
        "ai",
        "warning",
        "the built-in demo (no key is set)",
        "set DEEPSEEK_API_KEY, or OPENAI_BASE_URL + OPENAI_API_KEY",
    )


async def check_sandbox(settings: Settings) -> Check:
    if not settings.terminal:
        return Check("sandbox", "warning", "switched off", "set MULTIPLAYER_TERMINAL=true to let the AI run commands")
    folder = settings.folder
    with tempfile.TemporaryDirectory(prefix="multiplayer-doctor-") as temporary:
        # Where the server would work, if that is there; looking must not make it.
        root = folder / "workspaces" if folder.exists() else Path(temporary)
        status = await Sandbox(Workspaces(root, settings.room_uid_base), private_paths=[folder]).preflight()
    if status.mode != "off":
        limits = f"; limits by {status.limits_by}" + (f" ({status.limits_note})" if status.limits_note else "")
        return Check("sandbox", "ok", f"{status.mode}: {status.reason}{limits}")
    return Check(
        "sandbox",
        "warning",
        f"off, so the AI has no terminal: {status.reason}",
        "allow user namespaces, or run as root with a data folder that others can pass through (chmod 711)",
    )


def check_clock() -> Check:
    now = datetime.now(UTC)
    if now.year < OLDEST_YEAR:
        return Check("clock", "failed", f"it says {now:%Y-%m-%d}", "set the clock: tokens and times depend on it")
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


async def check_server(settings: Settings) -> Check:
    url = running_url(settings)
    if url is None:
        return Check("server", "ok", "not running")
    try:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
            answer = await http.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return Check(
            "server",
            "failed",
            f"{url} does not answer: {str(error) or type(error).__name__}",
            "look at its log; start it again",
        )
    if answer.status_code != httpx.codes.OK:
        return Check("server", "failed", f"{url}/readyz answers {answer.status_code}", "look at its log")
    said = answer.headers.get("date")
    skew_s = abs((datetime.now(UTC) - parsedate_to_datetime(said)).total_seconds()) if said else 0.0
    if skew_s > SKEW_S:
        return Check("server", "warning", f"{url} is ready, its clock is {skew_s:.0f} s off", "set the clocks")
    return Check("server", "ok", f"{url} is ready")
