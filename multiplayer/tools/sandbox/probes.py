"""The questions a sandbox must answer before it is trusted, asked through the real launcher."""

import asyncio
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.launch import ENVIRONMENT, Command, Launch, build_launch
from multiplayer.tools.sandbox.launchers import StrictLauncher
from multiplayer.tools.sandbox.processes import is_first_of_a_namespace, tree_of
from multiplayer.tools.sandbox.spawn import Spawned, chunks
from multiplayer.tools.sandbox.supervise import Exit
from multiplayer.tools.workspace import Workspace

# One launch answers nearly all; bash itself does most, so that few programs are needed.
_SCRIPT = r"""
say() { if [ "$2" = 0 ]; then echo "$1=ok"; else echo "$1=$3"; fi; }
echo "begin=@NONCE@"
[ ! -e '@CANARY@' ] && ! cat '@CANARY@' >/dev/null 2>&1; say outside_unreadable $? 'a file outside can be read'
! { echo x >'@CANARY@'; } 2>/dev/null && ! { echo x >/usr/.probe; } 2>/dev/null && ! { echo x >/etc/.probe; } 2>/dev/null
say outside_unwritable $? 'a file outside can be written'
! { exec 9<>/dev/tcp/127.0.0.1/@PORT@; } 2>/dev/null && [ "$(readlink /proc/self/ns/net)" != '@NET@' ]
say network_unreachable $? 'a listener of the host can be reached'
[ "$(readlink /proc/self/ns/pid)" != '@PID@' ] && ! kill -0 @TARGET@ 2>/dev/null
say signals_stay_inside $? 'a process outside can be signalled'
command -v unshare >/dev/null && ! unshare --user true 2>/dev/null && ! unshare --mount true 2>/dev/null
say no_new_namespaces $? 'a new namespace can be made'
new= filter= capabilities=
while read -r key value _; do
  case $key in NoNewPrivs:) new=$value ;; Seccomp:) filter=$value ;; CapEff:) capabilities=$value ;; esac
done </proc/self/status
[ "$new" = 1 ]; say no_new_privileges $? "NoNewPrivs is $new"
[ "$filter" = 2 ]; say system_calls_filtered $? "Seccomp is $filter"
[ "$capabilities" = 0000000000000000 ]; say no_capabilities $? "CapEff is $capabilities"
extra=$(env | grep -cvE '^(@NAMES@|PWD|OLDPWD|SHLVL|_)=')
[ "$extra" = 0 ]; say environment_ours $? "$extra variables too many"
first=$(tr '\0' '\n' </proc/1/environ 2>/dev/null); [ -z "$first" ]; say launcher_environment_empty $? 'process 1 has an environment'
open=; for fd in /proc/$$/fd/*; do n=${fd##*/}; [ "$n" -gt 2 ] && [ -L "$fd" ] && open="$open $n"; done
[ -z "$open" ]; say no_inherited_descriptors $? "descriptors$open are open"
[ "$(ulimit -u)" = @PROCESSES@ ]; limited=$?
prlimit --nproc=1 timeout 5 true 2>/dev/null; [ $? = 125 ] && [ "$limited" = 0 ]
say process_limit $? 'the process limit does not hold'
! { echo x >/dev/.probe; } 2>/dev/null; say devices_read_only $? '/dev can be written'
: >.probe && echo "end=@NONCE@"
"""
NAMES = (
    "outside_unreadable",
    "outside_unwritable",
    "network_unreachable",
    "signals_stay_inside",
    "no_new_namespaces",
    "no_new_privileges",
    "system_calls_filtered",
    "no_capabilities",
    "environment_ours",
    "launcher_environment_empty",
    "no_inherited_descriptors",
    "process_limit",
    "devices_read_only",
)
_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One answer; `finding` is empty when it is the right one."""

    name: str
    finding: str

    @property
    def passed(self) -> bool:
        return not self.finding


async def ask_strict(launcher: StrictLauncher, limits: Limits, workspace: Workspace) -> list[Probe]:
    """Ask everything that mode `strict` must hold. Lets `SandboxFailed` and `OSError` rise."""
    probes = await _ask_inside(launcher, limits, workspace)
    if all(probe.passed for probe in probes):
        command = Command(workspace, "echo begin; exec sleep 30", limits)
        build = partial(build_launch, launcher.binaries, command)
        probes.append(await dies_with_parent(build, launcher.binaries.bash, is_first_of_a_namespace))
    return probes


async def _ask_inside(launcher: StrictLauncher, limits: Limits, workspace: Workspace) -> list[Probe]:
    """Run the questions in the sandbox, with a canary and a listener outside."""
    nonce = secrets.token_hex(8)
    said = bytearray()

    async def hear(data: bytes) -> None:
        said.extend(data)

    with tempfile.TemporaryDirectory(prefix="multiplayer-probe-") as folder, socket.socket() as listener:
        canary = everyones_file(Path(folder), nonce)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        values = {
            "NONCE": nonce,
            "CANARY": str(canary),
            "PORT": str(listener.getsockname()[1]),
            "NET": os.readlink("/proc/self/ns/net"),  # noqa: PTH115 - a magic link, not a path
            "PID": os.readlink("/proc/self/ns/pid"),  # noqa: PTH115
            # Small numbers may exist inside as well.
            "TARGET": str(os.getpid() if os.getpid() > 1000 else 2**22 - 1),
            "NAMES": "|".join(ENVIRONMENT),
            "PROCESSES": str(limits.processes),
        }
        exit_ = await launcher.run(Command(workspace, filled_in(_SCRIPT, values), limits), hear)
        is_canary_whole = await asyncio.to_thread(canary.read_text) == nonce
        is_reached = was_reached(listener)
    return _judged(said.decode(errors="replace"), nonce, exit_, workspace, is_canary_whole, is_reached)


def filled_in(script: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        script = script.replace(f"@{name}@", value)
    return script


def everyones_file(folder: Path, text: str) -> Path:
    """A file that plain permissions let everyone read and write."""
    folder.chmod(0o755)
    canary = folder / "canary"
    canary.write_text(text)
    canary.chmod(0o666)
    return canary


def was_reached(listener: socket.socket) -> bool:
    """Whether anybody has connected; `listener` must not block."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _judged(
    said: str, nonce: str, exit_: Exit, workspace: Workspace, is_canary_whole: bool, is_reached: bool
) -> list[Probe]:
    answers = dict(line.partition("=")[::2] for line in said.splitlines())
    ran = answers.get("begin") == nonce and answers.get("end") == nonce and exit_.status == 0
    probes = [Probe("command_runs", "" if ran else f"the probe did not run to its end: {exit_}, {said[-200:]!r}")]
    for name in NAMES:
        answer = answers.get(name, "no answer")
        probes.append(Probe(name, "" if answer == "ok" else answer))
    probes.append(Probe("canary_whole", "" if is_canary_whole else "a file outside was changed"))
    probes.append(Probe("listener_alone", "" if not is_reached else "a listener of the host was reached"))
    try:
        owner = os.stat(".probe", dir_fd=workspace.fd, follow_symlinks=False).st_uid
    except OSError as error:
        probes.append(Probe("host_uid", f"the command could not write its workspace: {error.strerror}"))
    else:
        probes.append(Probe("host_uid", "" if owner == workspace.uid != 0 else f"the command has host uid {owner}"))
    return probes


async def dies_with_parent(build: Callable[[int], Launch], shell: Path, is_inside: Callable[[int], bool]) -> Probe:
    """Start a sandbox under a shell, kill the shell, and see that the sandbox ends as well.

    What `build` makes must say "begin" and then go on for longer than anybody waits.
    """
    # The reading end stays open: a launcher that cannot report dies half-way, and may leave its child waiting.
    status_read, status_write = os.pipe()
    output_read, output_write = os.pipe()
    with ExitStack() as fds:
        for fd in (status_read, status_write, output_read):
            fds.callback(os.close, fd)
        os.set_blocking(output_read, False)
        try:
            with build(status_write) as launch:
                line = (str(shell), "-p", "-c", '"$@" & wait', "parent", *launch.argv)
                parent = Spawned(line, output=output_write, pass_fds=launch.pass_fds)
        finally:
            os.close(output_write)
        return Probe("dies_with_parent", await _outlived(parent, output_read, is_inside))


async def _outlived(parent: Spawned, output: int, is_inside: Callable[[int], bool]) -> str:
    """Kill `parent` and say what is wrong if its sandbox lives on."""
    inside: list[int] = []
    said = b""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            async for data in chunks(output):
                said += data
                if not inside:
                    below = await asyncio.to_thread(tree_of, parent.pid)
                    if not said.startswith(b"begin") or not any(is_inside(pid) for pid in below):
                        return f"the sandbox did not start under a shell: {said[-200:]!r}"
                    inside = [os.pidfd_open(pid) for pid in below if is_inside(pid)]
                    await parent.end()
            # The pipe has ended: so has the last process of the sandbox.
    except TimeoutError:
        return "the sandbox outlived the process that started it"
    finally:
        for pidfd in inside:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        await parent.end()
    return "" if inside else "the sandbox did not start under a shell"
