"""Processes around an attack: a victim that it would see, stop or kill, and what it leaves alive."""

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Victim:
    """A process of the attacker's own uid, with a secret in its memory, its environment and its arguments."""

    process: subprocess.Popen[bytes]
    before: tuple[str, ...] = ()

    @classmethod
    def start(cls, uid: int | None, held: str, environ: str, argument: str) -> "Victim":
        """`uid` None: our own."""
        as_uid = {} if uid is None else {"user": uid, "group": uid, "extra_groups": list[int]()}
        script = 'read -r held; while read -r asked; do [ "$asked" = ping ] && echo pong; done'
        process = subprocess.Popen(
            ["/bin/bash", "--norc", "-c", script, "victim", argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"VICTIM_TOKEN": environ, "PATH": "/usr/bin:/bin"},
            cwd="/",
            start_new_session=True,
            **as_uid,  # type: ignore[call-overload]  # the same keywords, with or without
        )
        victim = cls(process)
        victim._tell(held)
        assert victim._answers(), "the victim does not run"
        victim.before = victim._looks()
        return victim

    @property
    def pid(self) -> int:
        return self.process.pid

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def _answers(self) -> bool:
        assert self.process.stdout is not None
        try:
            self._tell("ping")
        except BrokenPipeError:
            return False
        return self.process.stdout.readline() == b"pong\n"

    def _looks(self) -> tuple[str, ...]:
        """What an attacker may have turned: limits, priority, processors, name, session, readiness to be killed."""
        proc = Path("/proc", str(self.pid))
        stat = (proc / "stat").read_text().rpartition(")")[2].split()
        names = ("limits", "comm", "oom_score_adj", "coredump_filter")
        status = [line for line in (proc / "status").read_text().splitlines() if line.startswith("Cpus_allowed:")]
        return (
            *((proc / name).read_text() for name in names),
            *status,
            f"group {stat[2]}, session {stat[3]}, priority {stat[15:17]}, policy {stat[38]}",
        )

    def trips(self) -> list[str]:
        if self.process.poll() is not None:
            return [f"the victim was killed ({self.process.returncode})"]
        state = Path("/proc", str(self.pid), "stat").read_text().rpartition(")")[2].split()[0]
        if state in {"T", "t", "Z"}:
            return [f"the victim was stopped (state {state})"]
        if not self._answers():
            return ["the victim does not answer"]
        now = self._looks()
        return [
            f"the victim was changed: {was!r} -> {new!r}"
            for was, new in zip(self.before, now, strict=True)
            if was != new
        ]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def processes_of(uid: int | None, marker: str) -> list[int]:
    """Processes of this uid, or, of whatever uid, with the marker in their command line or environment."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if not name.isdecimal():
            continue
        proc = f"/proc/{name}"
        with contextlib.suppress(OSError):
            if uid is not None:
                if os.stat(proc).st_uid == uid:  # noqa: PTH116 - a path object for each takes longer than the call
                    found.append(int(name))
                continue
            for part in ("cmdline", "environ"):
                with open(f"{proc}/{part}", "rb") as file:  # noqa: PTH123 - as above
                    if marker.encode() in file.read():
                        found.append(int(name))
                        break
    return found


def until_gone(uid: int | None, marker: str, spared: set[int], patience_s: float = 5.0) -> list[str]:
    """Wait for those that are being killed; return what still lives then. The dead are for process 1 to reap."""
    deadline = time.monotonic() + patience_s
    while True:
        left = [pid for pid in processes_of(uid, marker) if pid not in spared and _lives(pid)]
        if not left or time.monotonic() > deadline:
            return [f"process {pid} is left: {_named(pid)}" for pid in left]
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def _named(pid: int) -> str:
    try:
        proc = Path("/proc", str(pid))
        return f"{(proc / 'stat').read_text()[:40]!r} {(proc / 'cmdline').read_bytes()[-80:]!r}"
    except OSError:
        return "gone now"


def ipc_of(uid: int) -> list[str]:
    """SysV objects and files in shared memory that belong to this uid on the host."""
    found = []
    for kind in ("shm", "sem", "msg"):
        with contextlib.suppress(OSError):
            head, *lines = Path("/proc/sysvipc", kind).read_text().splitlines()
            column = head.split().index("uid")
            found += [f"SysV {kind}: {line.split()[1]}" for line in lines if int(line.split()[column]) == uid]
    for folder in ("/dev/shm", "/dev/mqueue", tempfile.gettempdir(), "/var/tmp"):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == uid:
                        found.append(f"left on the host: {entry.path}")
    return found
