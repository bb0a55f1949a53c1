"""The extraction process gives up everything but its memory and the descriptors that it has, before it sees the file.

Nothing can be opened, connected, started or signalled afterwards: what is to be imported is imported before.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
from typing import Final

from multiplayer.tools.extraction.job import ExtractionLimits
from multiplayer.tools.sandbox.trampoline import drop_root

_SET_PDEATHSIG: Final = 1
_SET_DUMPABLE: Final = 4
_SET_SECCOMP: Final = 22
_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same numbers on every architecture

# name: (x86_64, aarch64). All that reading from a descriptor, memory, and the end of a process need.
_ALLOWED: Final = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_DENY: Final = 0x00050001  # EPERM

_libc = ctypes.CDLL(None, use_errno=True)


class NotConfined(Exception):  # noqa: N818 - it names what is missing
    """The process cannot be shut in on this machine; the file was not looked at."""


def bound(limits: ExtractionLimits) -> None:
    """Set what imports may not exceed either; to be called first."""
    for number, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
    ):
        resource.setrlimit(number, (soft, hard))


def confine(uid: int | None, landlock_abi: int, parent: int) -> None:
    """Shut this process in, for good. Raises `NotConfined` and `OSError`."""
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - a count
        raise NotConfined("a library has started threads, which no filter would hold")
    _prctl(_SET_NO_NEW_PRIVS, 1)
    ruleset = _ruleset(landlock_abi) if landlock_abi > 0 else None
    if uid is not None:
        drop_root(uid)
    elif os.geteuid() == 0:
        raise NotConfined("a file of a stranger's is not read as root")
    for number in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        resource.setrlimit(number, (0, 0))  # no more than there are: also no thread, and no descriptor
    _prctl(_SET_DUMPABLE, 0)
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)  # a change of uid clears it
    if os.getppid() != parent:
        raise NotConfined("the server is gone")
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if ruleset is not None:
        _checked(_libc.syscall(ctypes.c_long(_LANDLOCK_RESTRICT), ruleset, 0))
        os.close(ruleset)
    filter_bytes = _filter_for(platform.machine())
    if filter_bytes is not None:
        _install(filter_bytes)
    elif ruleset is None:
        raise NotConfined("there is neither Landlock nor a reviewed system call filter for this machine")


def _ruleset(abi: int) -> int:
    """Landlock without a single rule: every access that this kernel can deny is denied."""
    files = 0x1FFF | (0x2000 if abi >= 2 else 0) | (0x4000 if abi >= 3 else 0) | (0x8000 if abi >= 5 else 0)
    attributes = struct.pack("Q", files)
    attributes += struct.pack("Q", 0b11) if abi >= 4 else b""
    attributes += struct.pack("Q", 0b11) if abi >= 6 else b""
    length = ctypes.c_size_t(len(attributes))
    return _checked(_libc.syscall(ctypes.c_long(_LANDLOCK_CREATE), attributes, length, 0))


def _filter_for(machine: str) -> bytes | None:
    """Allow what is listed; None for a machine that nobody has reviewed."""
    if machine not in _MACHINES:
        return None
    column, audit = _MACHINES[machine]
    numbers = sorted(pair[column] for pair in _ALLOWED.values())
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_JUMP_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    code += [(_JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    code += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _install(filter_bytes: bytes) -> None:
    program = ctypes.create_string_buffer(filter_bytes, len(filter_bytes))
    fprog = struct.pack("HxxxxxxQ", len(filter_bytes) // 8, ctypes.addressof(program))
    _prctl(_SET_SECCOMP, 2, ctypes.create_string_buffer(fprog, len(fprog)))


def _prctl(option: int, first: int, second: ctypes.Array[ctypes.c_char] | int = 0) -> None:
    word = ctypes.c_ulong(second) if isinstance(second, int) else second
    _checked(_libc.prctl(option, ctypes.c_ulong(first), word, ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
