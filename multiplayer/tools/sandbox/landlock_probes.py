"""The questions that mode `landlock` must answer: some inside, some by looking at its process from outside."""

import asyncio
import os
import secrets
import signal
import socket
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox.landlock import build_landlock_launch, environment
from multiplayer.tools.sandbox.launch import Command
from multiplayer.tools.sandbox.launchers import LandlockLauncher
from multiplayer.tools.sandbox.probes import Probe, dies_with_parent, everyones_file, filled_in, was_reached
from multiplayer.tools.sandbox.processes import lives_as, of_uid
from multiplayer.tools.workspace import Workspace

_SCRIPT: Final = r"""
say() { if [ "$2" = 0 ]; then echo "$1=ok"; else echo "$1=$3"; fi; }
echo "begin=@NONCE@"
! cat '@CANARY@' >/dev/null 2>&1 && ! ls / >/dev/null 2>&1 && ! cat /proc/1/cmdline >/dev/null 2>&1
say outside_unreadable $? 'a file outside can be read'
! { echo x >'@CANARY@'; } 2>/dev/null && ! { echo x >'@CANARY@.new'; } 2>/dev/null && ! ln '@CANARY@' .probe-link 2>/dev/null
say outside_unwritable $? 'a file outside can be written'
! { exec 9<>/dev/tcp/127.0.0.1/@PORT@; } 2>/dev/null; say network_unreachable $? 'a listener of the host can be reached'
! kill -0 @TARGET@ 2>/dev/null && ! kill -0 $PPID 2>/dev/null; say signals_stay_inside $? 'a process outside can be signalled'
command -v unshare >/dev/null && ! unshare --user true 2>/dev/null && ! unshare --mount true 2>/dev/null
say no_new_namespaces $? 'a new namespace can be made'
command -v setsid >/dev/null && ! setsid true 2>/dev/null; say no_new_sessions $? 'a command can leave its session'
extra=$(env | grep -cvE '^(@NAMES@|PWD|OLDPWD|SHLVL|_)=')
[ "$extra" = 0 ]; say environment_ours $? "$extra variables too many"
! { : </proc/$PPID/environ; } 2>/dev/null; say launcher_environment_empty $? 'the environment of the launcher can be read'
[ "$(ulimit -u)" = @PROCESSES@ ]; limited=$?
prlimit --nproc=1 timeout 5 true 2>/dev/null; [ $? = 125 ] && [ "$limited" = 0 ]
say process_limit $? 'the process limit does not hold'
: >.probe && : >"$TMPDIR/probe" && cd ~ && [ -e .probe ]; say home_usable $? 'HOME or TMPDIR cannot be used'
( sleep 60 & ) ; sleep 60 &
echo "look=$$"; kill -STOP $$
echo "end=@NONCE@"
"""
NAMES: Final = (
    *("tcp_scoped", "abstract_sockets_unreachable", "signals_scoped"),
    *("outside_unreadable", "outside_unwritable", "network_unreachable", "signals_stay_inside", "no_new_namespaces"),
    *("no_new_sessions", "environment_ours", "launcher_environment_empty", "process_limit", "home_usable"),
)
_SEEN: Final = ("no_new_privileges", "system_calls_filtered", "no_capabilities", "host_uid", "no_inherited_descriptors")
_STOP_LOOKS, _STOP_S = 500, 0.01


async def ask_landlock(launcher: LandlockLauncher, limits: Limits, workspace: Workspace) -> list[Probe]:
    """Ask everything that mode `landlock` must hold. Lets `SandboxFailed` and `OSError` rise."""
    probes = await _ask_inside(launcher, limits, workspace)
    left = await asyncio.to_thread(of_uid, workspace.uid)
    probes.append(Probe("nothing_survives", f"{len(left)} processes outlived the command" if left else ""))
    if all(probe.passed for probe in probes):
        code = "echo begin; (trap '' TERM; sleep 30) & exec sleep 30"
        async with launcher.turn(workspace.uid) as lock_fd:
            build = partial(build_landlock_launch, launcher.parts, Command(workspace, code, limits), lock_fd=lock_fd)
            is_inside = partial(lives_as, uid=workspace.uid)
            probes.append(await dies_with_parent(build, launcher.parts.bash, is_inside))
    return probes


async def _ask_inside(launcher: LandlockLauncher, limits: Limits, workspace: Workspace) -> list[Probe]:
    nonce = secrets.token_hex(8)
    said = bytearray()
    seen: dict[str, str] = {}

    async def hear(data: bytes) -> None:
        said.extend(data)
        _, found, rest = said.rpartition(b"look=")
        if found and not seen and rest.endswith(b"\n"):
            seen.update(await asyncio.to_thread(_looked_at, int(rest), workspace.uid))

    with (
        tempfile.TemporaryDirectory(prefix="multiplayer-probe-") as folder,
        socket.socket() as listener,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        canary = everyones_file(Path(folder), nonce)
        canary.parent.chmod(0o777)
        listener.bind(("127.0.0.1", 0))
        abstract.bind(f"\0multiplayer-probe-{nonce}")
        for each in (listener, abstract):
            each.listen()
            each.setblocking(False)
        port = int(listener.getsockname()[1])
        values = {
            "NONCE": nonce,
            "CANARY": str(canary),
            "PORT": str(port),
            "TARGET": str(os.getpid()),
            "NAMES": "|".join((*environment(), "HOME", "TMPDIR", "GIT_CEILING_DIRECTORIES")),
            "PROCESSES": str(limits.processes),
        }
        command = Command(workspace, filled_in(_SCRIPT, values), limits)
        exit_ = await launcher.run(command, hear, probe=(port, f"multiplayer-probe-{nonce}"))
        is_whole = await asyncio.to_thread(canary.read_text) == nonce
        is_alone = not was_reached(listener) and not was_reached(abstract)
    text = said.decode(errors="replace")
    answers = {**dict(line.partition("=")[::2] for line in text.splitlines()), **seen}
    ran = answers.get("begin") == nonce and answers.get("end") == nonce and exit_.status == 0
    probes = [Probe("command_runs", "" if ran else f"the probe did not run to its end: {exit_}, {text[-200:]!r}")]
    for name in (*NAMES, *_SEEN):
        answer = answers.get(name, "no answer")
        probes.append(Probe(name, "" if answer == "ok" else answer))
    probes.append(Probe("canary_whole", "" if is_whole else "a file outside was changed"))
    probes.append(Probe("listener_alone", "" if is_alone else "a listener of the host was reached"))
    return probes


def _looked_at(pid: int, uid: int) -> dict[str, str]:
    """Look at the command's shell, which has stopped itself for that, and let it go on."""
    process = Path("/proc", str(pid))
    try:
        status = _stopped(process)
        descriptors = sorted(int(fd.name) for fd in (process / "fd").iterdir())
    except OSError as error:
        return dict.fromkeys(_SEEN, f"the command could not be looked at: {error.strerror}")
    uids, groups = {*status["Uid"], *status["Gid"]}, status["Groups"]
    capabilities = {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    findings = {
        "no_new_privileges": (status["NoNewPrivs"] == ["1"], f"NoNewPrivs is {status['NoNewPrivs']}"),
        "system_calls_filtered": (status["Seccomp"] == ["2"], f"Seccomp is {status['Seccomp']}"),
        "no_capabilities": (capabilities == {"0" * 16}, f"capabilities are {sorted(capabilities)}"),
        "host_uid": (uids == {str(uid)} and uid != 0 and not groups, f"the command has {sorted(uids)} and {groups}"),
        "no_inherited_descriptors": (descriptors == [0, 1, 2], f"descriptors {descriptors} are open"),
    }
    if findings["host_uid"][0]:
        os.kill(pid, signal.SIGCONT)
    return {name: "ok" if is_right else finding for name, (is_right, finding) in findings.items()}


def _stopped(process: Path) -> dict[str, list[str]]:
    status: dict[str, list[str]] = {}
    for _ in range(_STOP_LOOKS):
        lines = (process / "status").read_text(errors="replace").splitlines()
        status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        if status["State"][0] == "T":
            break
        time.sleep(_STOP_S)
    return status
