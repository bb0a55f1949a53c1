"""Stands between the server and a command in mode `landlock`. A program of its own, with nothing but Python's library.

`python -I -S trampoline.py FD` reads what to do from FD, as root. It starts the command below a room's uid, behind all
layers, stays its keeper, and ends when nothing of that uid lives: after the command, on SIGTERM, or when the server dies.
"""

import ctypes
import marshal
import os
import resource
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Final, TypedDict


class Orders(TypedDict):
    """What the server says; marshalled, between two runs of one interpreter."""

    uid: int
    bash: str
    code: str
    environment: dict[str, str]
    """HOME and TMPDIR are added here."""
    folders: tuple[str, ...]
    workspace_fd: int
    status_fd: int
    other_fds: tuple[int, ...]
    mount_point: str
    """Where the workspace is mounted, for this command alone; empty if any uid reaches it where it is."""
    rules: tuple[tuple[str, int], ...]
    workspace_access: int
    handled: tuple[int, int, int]
    """All accesses to files and TCP that are denied but by a rule, and the scopes."""
    filter: bytes
    limits: tuple[tuple[int, int, int], ...]
    joins: tuple[str, ...]
    probe: tuple[int, str] | None
    """A TCP port and the name of an abstract socket, both to be found unreachable by Landlock alone."""


_SET_PDEATHSIG: Final = 1
_SET_SECCOMP: Final = 22
_CAPBSET_DROP: Final = 24
_SET_CHILD_SUBREAPER: Final = 36
_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same numbers on every architecture
_CAPABILITIES_3: Final = 0x20080522
_CLONE_NEWNS: Final = 0x20000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_ON_A_FILE: Final = 0x1 | 0x2 | 0x4 | 0x4000
"""Execute, write, read, truncate: a rule on a file may name no other access."""
_TEMPORARY: Final = ".tmp"
_AGAIN_S: Final = 0.5
_SWEEPS: Final = 16  # in all less than the server has patience

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(what: str, option: int, first: int, second: ctypes.Array[ctypes.c_char] | int = 0) -> None:
    second_word = ctypes.c_ulong(second) if isinstance(second, int) else second
    result = _libc.prctl(option, ctypes.c_ulong(first), second_word, ctypes.c_ulong(0), ctypes.c_ulong(0))
    _checked(what, result)


def drop_root(uid: int) -> None:
    """Become `uid` for good, with no group and no capability. Raises if any of that did not come true."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # A process may have been told to keep its capabilities over a change of uid.
    header = struct.pack("Ii", _CAPABILITIES_3, 0)
    _checked("capset", _libc.capset(ctypes.create_string_buffer(header, 8), ctypes.create_string_buffer(24)))
    if uid == 0 or os.getresuid() != (uid,) * 3 or os.getresgid() != (uid,) * 3 or os.getgroups():
        raise OSError("the uid was not dropped")


def _mount(workspace_fd: int, at: str) -> None:
    """Make the workspace reachable below `at`, in a mount namespace of our own."""
    # The old namespace's mounts cannot be bound through a descriptor in the new one: by path, then, and compared.
    path = os.readlink(f"/proc/self/fd/{workspace_fd}")  # noqa: PTH115 - a magic link
    try:
        _checked("unshare", _libc.unshare(_CLONE_NEWNS))
        _checked("mount", _libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
        _checked("mount", _libc.mount(path.encode(), at.encode(), None, ctypes.c_ulong(_MS_BIND), None))
    except OSError as error:
        raise OSError(f"{_closed_above(path)} is closed to others, and nothing can be mounted: {error}") from error
    if not os.path.samestat(os.stat(at), os.fstat(workspace_fd)):  # noqa: PTH116 - a descriptor has no pathlib
        raise OSError("another folder was mounted than the workspace")


def _closed_above(path: str) -> str:
    while path != "/":
        path = os.path.dirname(path)  # noqa: PTH120
        if not os.stat(path).st_mode & 1:  # noqa: PTH116
            return path
    return "a folder above it"


def _ruleset(orders: Orders) -> int:
    attributes = struct.pack("QQQ", *orders["handled"])
    ruleset = _checked(
        "landlock", _libc.syscall(ctypes.c_long(_LANDLOCK_CREATE), attributes, ctypes.c_size_t(len(attributes)), 0)
    )
    _allow(ruleset, orders["workspace_fd"], orders["workspace_access"])
    for path, access in orders["rules"]:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        _allow(ruleset, fd, access if os.path.isdir(path) else access & _ON_A_FILE)  # noqa: PTH112
        os.close(fd)
    return ruleset


def _allow(ruleset: int, fd: int, access: int) -> None:
    rule = struct.pack("=Qi", access, fd)
    _checked("landlock rule", _libc.syscall(ctypes.c_long(_LANDLOCK_ADD), ruleset, 1, rule, 0))


def _go_to(orders: Orders) -> str:
    """Change to the folder to run in, following no link; returns the workspace's path."""
    if orders["mount_point"]:
        os.chdir(orders["mount_point"])
    else:
        os.fchdir(orders["workspace_fd"])
    home = os.getcwd()  # noqa: PTH109
    with suppress(OSError):  # it is there, or the command will see for itself
        os.mkdir(_TEMPORARY, 0o700)  # noqa: PTH102
    for name in orders["folders"]:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.fchdir(fd)
        os.close(fd)
    return home


def _become(orders: Orders, keeper: int, decoy: int) -> None:
    """Turn into the command. Returns only by raising."""
    signal.set_wakeup_fd(-1)
    for file in orders["joins"]:
        try:
            with open(file, "w") as procs:  # noqa: PTH123
                procs.write("0")
        except OSError:
            continue  # the limits are looked after from outside as well
    ruleset = _ruleset(orders)
    for number, soft, hard in orders["limits"]:
        resource.setrlimit(number, (soft, hard))
    for capability in range(64):
        _libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(capability), *[ctypes.c_ulong(0)] * 3)  # those that there are
    drop_root(orders["uid"])
    _prctl("death signal", _SET_PDEATHSIG, signal.SIGKILL)  # a change of uid clears it
    if os.getppid() != keeper:
        raise OSError("the keeper is gone")
    os.setpgid(0, 0)
    home = _go_to(orders)
    _prctl("no new privileges", _SET_NO_NEW_PRIVS, 1)
    _checked("landlock", _libc.syscall(ctypes.c_long(_LANDLOCK_RESTRICT), ruleset, 0))
    if orders["probe"] is not None:
        _ask(*orders["probe"], decoy)
    program = ctypes.create_string_buffer(orders["filter"], len(orders["filter"]))
    fprog = struct.pack("HxxxxxxQ", len(orders["filter"]) // 8, ctypes.addressof(program))
    _prctl("system call filter", _SET_SECCOMP, 2, ctypes.create_string_buffer(fprog, len(fprog)))
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGCHLD):  # Python ignores the first two
        signal.signal(number, signal.SIG_DFL)
    environment = {**orders["environment"], "HOME": home, "TMPDIR": f"{home}/{_TEMPORARY}"}
    environment["GIT_CEILING_DIRECTORIES"] = os.path.dirname(home)  # noqa: PTH120 - closed folders stop git's search
    os.execve(orders["bash"], ["bash", "-c", orders["code"]], environment)  # noqa: S606 - it is what this is for


def _ask(port: int, abstract: str, decoy: int) -> None:
    """Say whether Landlock alone holds, before the filter hides that."""
    import socket

    for name, family, address in (
        ("tcp_scoped", socket.AF_INET, ("127.0.0.1", port)),
        ("abstract_sockets_unreachable", socket.AF_UNIX, f"\0{abstract}"),
    ):
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.settimeout(2.0)
            try:
                tried.connect(address)
                answer = "a listener of the host was reached"
            except PermissionError:
                answer = "ok"
            except OSError as error:
                answer = f"not Landlock, but: {error}"
        os.write(1, f"{name}={answer}\n".encode())
    try:
        os.kill(decoy, 0)
        answer = "a process outside with the same uid can be signalled"
    except PermissionError:
        answer = "ok"
    except OSError as error:
        answer = str(error)
    os.write(1, f"signals_scoped={answer}\n".encode())


def _decoy(uid: int) -> int:
    """A process of the room's uid outside of its Landlock domain."""
    pid = os.fork()
    if pid == 0:
        try:
            drop_root(uid)
            _prctl("death signal", _SET_PDEATHSIG, signal.SIGKILL)
            time.sleep(10)
        finally:
            os._exit(0)
    return pid


def _sweep(uid: int, wake: int) -> bool:
    """Kill all that has `uid`, and return when no descendant of ours is left; False if some do not end."""
    for _ in range(_SWEEPS):
        killer = os.fork()
        if killer == 0:
            try:
                drop_root(uid)  # or -1 would be everything there is
                os.kill(-1, signal.SIGKILL)  # in one go: nothing can fork meanwhile
            finally:
                os._exit(0)
        until = time.monotonic() + _AGAIN_S
        while time.monotonic() < until:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    select.select([wake], [], [], 0.05)
                    _drain(wake)
            except ChildProcessError:
                return True  # orphans come to us: there is none
    return False


def _drain(wake: int) -> bytes:
    try:
        return os.read(wake, 4096)
    except BlockingIOError:
        return b""


def _keep(child: int, status_fd: int, wake: int) -> int | None:
    """Reap until the command ends, and return how; None if it is to be ended."""
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(status_fd, 0)  # an error there: nobody reads it any more
    while True:
        events = poll.poll()
        is_to_end = signal.SIGTERM in _drain(wake) or any(fd == status_fd for fd, _ in events)
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if pid == 0:
                break
        if is_to_end:
            return None


def _noted(_: int, __: FrameType | None) -> None:
    """The wake-up descriptor has it."""


def main(orders: Orders) -> int:
    for fd in (orders["workspace_fd"], orders["status_fd"], *orders["other_fds"]):
        os.set_inheritable(fd, False)
    os.umask(0o022)
    wake, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _noted)
    signal.signal(signal.SIGCHLD, _noted)
    _prctl("death signal", _SET_PDEATHSIG, signal.SIGTERM)
    _prctl("reaping", _SET_CHILD_SUBREAPER, 1)
    if orders["mount_point"]:
        _mount(orders["workspace_fd"], orders["mount_point"])
    if orders["probe"] is not None:
        import socket  # noqa: F401 - as root: the command's uid may not reach the interpreter
    decoy = _decoy(orders["uid"]) if orders["probe"] is not None else 0
    keeper = os.getpid()
    set_up, set_up_write = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            _become(orders, keeper, decoy)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing may run then
            os.write(set_up_write, str(error).encode(errors="replace")[:400] or b"unknown")
        finally:
            os._exit(1)
    os.close(set_up_write)
    failure = os.read(set_up, 400)  # ends when bash has taken over
    if failure:
        _sweep(orders["uid"], wake)
        os.write(2, failure)
        return 1
    code = _keep(child, orders["status_fd"], wake)
    if not _sweep(orders["uid"], wake):
        os.write(2, b"what the command started does not end")
        return (
            1  # without a word on the command's status: the server looks for itself, and does not believe it ran well
        )
    if code is not None:
        os.write(orders["status_fd"], b'{"exit-code": %d}\n' % code)
    return 0


if __name__ == "__main__":
    with open(int(sys.argv[1]), "rb") as told:  # noqa: PTH123 - a descriptor
        given: Orders = marshal.load(told)  # noqa: S302 - the server's own words, from its memory
    try:
        sys.exit(main(given))
    except OSError as error:
        os.write(2, str(error).encode(errors="replace"))
        sys.exit(1)
