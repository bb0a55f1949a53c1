"""What a hostile command is: its script, what must stop it, and how it proves that it ran."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.sandbox.supervise import StoppedBy


class Kind(StrEnum):
    """Where the corpus runs. `BARE` is the control: no sandbox at all, as a plain user."""

    STRICT_ROOT = "strict-root"
    STRICT_PLAIN = "strict-plain"
    LANDLOCK = "landlock"
    BARE = "bare"


QUICK: Final = Limits(
    wall_s=30.0, file_bytes=16 * MIB, workspace_bytes=32 * MIB, workspace_inodes=3000, output_bytes=4 * MIB
)
"""`wall_s` only ends what hangs by mistake: a machine may be slow."""
REFUSALS: Final = frozenset(
    [
        "EPERM",
        "EACCES",
        "ENOENT",
        "ENOSYS",
        "ESRCH",
        "EROFS",
        "ENXIO",
        "ENODEV",
        "ECONNREFUSED",
        "ENETUNREACH",
        "EADDRNOTAVAIL",
        "EAFNOSUPPORT",
    ]
)
"""Errors that say "you may not" or "there is none". EINVAL, EFAULT and the like say that the attack was wrong."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One hostile command. In `code`, `@NAME@` stands for a planted value, `@NONCE@` for the run's own nonce.

    `code` prints `end-@NONCE@` when all was tried, or `armed-@NONCE@` just before the deed for which a limit kills it;
    `REFUSED what errno` for what the kernel refused, and `BREACH what` for what it should have.
    """

    name: str
    code: str
    limits: Limits = QUICK
    stopped_by: StoppedBy | None = None
    """The limit that must kill it; none: it must come to its own end."""
    may_be_stopped_by: StoppedBy | None = None
    """A limit that may kill it, if it is not refused before."""
    status: int | None = None
    """The exit status it must have."""
    reasons: frozenset[str] = frozenset()
    """Refusals that are right for this attack, beside the usual ones."""
    control: bool = False
    """Whether it runs without a sandbox as well, as a plain user, where it must succeed."""
    needs: str = ""
    """What of the machine it takes for the control to succeed: `ipv6`, `tracing` or `user namespaces`."""
    proves_little: str = ""
    """Why plain permissions would stop it, too."""
    accepted: Mapping[Kind, str] = field(default_factory=dict)
    """Weaknesses that docs/sandbox.md names: there the case is left out."""
    needs_cgroup: bool = False
    """Whether only a control group, or a container, can stop it: a weakness that docs/sandbox.md names."""
    is_dialled: bool = False
    """Whether the host tries to connect to what listens inside, while it runs."""
    by_tool: bool = False
    """Whether it goes through the terminal tool, and is judged by the pieces that it emits."""
    room_sees: tuple[str, ...] = ()
    room_never_sees: str = ""
    """A pattern."""
    says: str = ""
    """A pattern that the raw output must have: for attacks that measure how far they came."""
    most_used_bytes: int = 320 * MIB
    """What the workspace may hold afterwards: a soft quota overshoots by what fits between two looks."""


PRELUDE: Final = """
import ctypes, errno, os, re, resource, signal, socket, stat, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"
def refused(name, error):
    print("REFUSED", name, errno.errorcode.get(error.errno, error.errno), flush=True)
def attempt(name, act, *args):
    try:
        got = act(*args)
    except OSError as error:
        refused(name, error)
        return None
    print("BREACH", name, repr(got)[:120], flush=True)
    return got
def checked(function, *args):
    ctypes.set_errno(0)
    got = function(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if got == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return got
def syscall(number, *args):
    return checked(libc.syscall, number, *args)
def others():
    return [int(p) for p in os.listdir("/proc") if p.isdecimal()]
def read(path, most=1 << 20):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, most)
    finally:
        os.close(fd)
def tell(data):
    sys.stdout.buffer.write(data if isinstance(data, bytes) else str(data).encode(errors="replace"))
    sys.stdout.buffer.write(b"\\n"); sys.stdout.flush()
def looked(path):
    try:
        tell(read(path))
    except OSError as error:
        refused(path, error)
"""

FORKED: Final = """
def forked(name, act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except OSError as error:
            refused(name, error); os._exit(0)
        os._exit(77)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        print("REFUSED", name, "killed by", signal.Signals(os.WTERMSIG(status)).name, flush=True)
    elif os.WEXITSTATUS(status) == 77:
        print("BREACH", name, flush=True)
def machine_code(code):
    import mmap
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
"""
"""To try what may kill the process that tries it."""


def shell(body: str) -> str:
    """A script of bash that says at its end that it came there."""
    return f"{body}\necho end\\-@NONCE@\n"


def python(body: str, *, says_end: bool = True) -> str:
    """A script of the system's Python; an exception it did not expect keeps it from its end."""
    end = 'print("end-" "@NONCE@", flush=True)\n' if says_end else ""
    return f"python3 -I - <<'PYTHON'\n{PRELUDE}\n{body}\n{end}PYTHON\n"


def armed(body: str) -> str:
    """A script of Python that a limit must kill; it says `arm()` before the deed."""
    return python(f'def arm():\n    print("armed-" "@NONCE@", flush=True)\n{body}', says_end=False)


__all__ = [
    "FORKED",
    "KIB",
    "MIB",
    "PRELUDE",
    "QUICK",
    "REFUSALS",
    "Attack",
    "Kind",
    "Limits",
    "StoppedBy",
    "armed",
    "python",
    "shell",
]
