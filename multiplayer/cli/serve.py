"""`multiplayer serve`: start everything, say where it is, end it cleanly."""

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvloop
from rich.console import Console

from multiplayer.cli.way_in import way_in
from multiplayer.compose import Running, StartStopped, server
from multiplayer.settings import Settings, load_settings, unknown_names
from multiplayer.telemetry import logs
from multiplayer.transports.app import HttpConfig, build_app
from multiplayer.transports.server import Server, bound, raise_file_limit

_log = structlog.get_logger(__name__)


def run(
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    ephemeral: bool,
) -> None:
    """Serve until Ctrl-C or SIGTERM; a second one ends at once. Raises what could not be started, as a sentence."""
    asked = load_settings(data_dir, host=host, port=port, ephemeral=True if ephemeral else None)
    with _folder(asked.data_dir, is_ephemeral=asked.ephemeral) as folder:
        settings = asked.model_copy(update={"data_dir": folder})
        logs.set_up(settings.log_level)
        raise_file_limit()
        for line in unknown_names():
            _log.warning("unknown_setting", hint=line)
        uvloop.run(_serve(settings))


@contextmanager
def _folder(data_dir: Path | None, *, is_ephemeral: bool) -> Iterator[Path | None]:
    """The data folder. An ephemeral one is new or empty, and is removed with all that was put there."""
    if not is_ephemeral:
        yield data_dir
        return
    if data_dir is None:
        folder = Path(tempfile.mkdtemp(prefix="multiplayer-"))
    else:
        folder = data_dir.expanduser().resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ValueError("with --ephemeral the data folder must be empty: everything in it is removed at the end")
    try:
        yield folder
    finally:
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if data_dir is None:
            folder.rmdir()


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask_to_stop() -> None:
        if stop.is_set():
            # The second time somebody means it. Postgres hears of our end from the kernel and shuts down.
            os._exit(130)
        stop.set()
        sys.stderr.write("\nEnding: turns stop with the words they have. Again to end at once.\n")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    # First of all, so that a port in use is told before anything is made or changed.
    sockets = bound(settings.host, settings.port)
    try:
        await _serve_on(sockets, settings, stop)
    except StartStopped:
        sockets.close()


async def _serve_on(sockets: socket.socket, settings: Settings, stop: asyncio.Event) -> None:
    async with server(settings, stop) as running:
        config = HttpConfig.of(
            public_url=str(settings.public_url) if settings.public_url else None,
            trusted_proxies=settings.trusted_proxies,
            web=running.web,
        )
        listener = Server(
            build_app(running.pod, config), running.pod, host=settings.host, port=settings.port, listener=sockets
        )
        async with listener:
            url = str(settings.public_url).rstrip("/") if settings.public_url else _url(settings.host, listener.port)
            running.write_server_file(_url(settings.host, listener.port))
            await _say_hello(running, url, stop)
            _spare_the_collector()
            await stop.wait()
            running.pod.drain()
        # Here the sockets are closed; leaving the block above ends turns, rooms and the database in order.


def _spare_the_collector() -> None:
    """What is there now stays to the end, and what messages leave behind is freed by counting, not by collecting."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


async def _say_hello(running: Running, url: str, stop: asyncio.Event) -> None:
    """Print where it is, and how the operator gets in."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    status = running.sandbox.status
    terminal = f"sandboxed ({status.mode})" if status.mode != "off" else f"off ({status.reason})"
    console.print(f"\n[bold]Multiplayer[/bold] is at [bold]{url}[/bold]")
    console.print(f"  data      {running.folder}" + ("  (removed at the end)" if running.settings.ephemeral else ""))
    console.print(f"  database  {running.database_name}")
    console.print(f"  AI        {running.ai_name}")
    console.print(f"  terminal  {terminal}")
    if running.web is None:
        console.print("  web       not built (make web)")
    for line in await way_in(running.pod, url, running.folder, stop):
        console.print(line)
    console.print("\n  Ctrl-C ends it.\n")
    sys.stdout.flush()


def _url(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
