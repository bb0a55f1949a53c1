"""The seccomp filter of a sandboxed command, as classic BPF: a deny-list under a ceiling of reviewed calls."""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LAST_REVIEWED: Final = 462
"""Higher system call numbers do not exist for the command, until someone has looked at them."""

# name: (x86_64, aarch64), None where the architecture has no such call
_DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "get_mempolicy": (239, 236),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "syslog": (103, 116),
    "memfd_secret": (447, 447),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "create_module": (174, None),
    "get_kernel_syms": (177, None),
    "query_module": (178, None),
}
# What can be denied on top of that, by name.
_FURTHER: Final[dict[str, tuple[int | None, int | None]]] = {
    "socket": (41, 198),
    "setsid": (112, 157),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_notify": (244, 184),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "memfd_create": (319, 279),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
}
UNCOUNTED_MEMORY: Final = ("memfd_create", "shmget")
"""Calls that take memory which no look at the processes finds: to deny where no cgroup counts it."""
_NAMESPACES: Final = 0x7E020000
"""All CLONE_NEW* flags that clone() takes."""
_SOCKET_FAMILIES: Final = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_TERMINAL_INJECTION: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_PERSONALITIES: Final = (0x0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)  # as Docker's default profile
_PUNCH_HOLE: Final = 0x03  # with KEEP_SIZE, without which it cannot be
_X32: Final = 0x40000000

_LOAD, _JUMP, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET, _RETURN = 0x20, 0x05, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24  # low halves: both machines are little-endian
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000


@dataclass(frozen=True, slots=True)
class _Machine:
    column: int
    audit: int
    ioctl: int
    socket: int
    socketpair: int
    clone: int
    personality: int
    fallocate: int
    has_x32: bool


_MACHINES: Final = {
    "x86_64": _Machine(
        0, 0xC000003E, ioctl=16, socket=41, socketpair=53, clone=56, personality=135, fallocate=285, has_x32=True
    ),
    "aarch64": _Machine(
        1, 0xC00000B7, ioctl=29, socket=198, socketpair=199, clone=220, personality=92, fallocate=47, has_x32=False
    ),
}
_CLONE3: Final = 435


class _Program:
    """Instructions with named targets, put together at the end."""

    def __init__(self) -> None:
        self._code: list[tuple[int, str, str, int]] = []
        self._labels: dict[str, int] = {}

    def add(self, code: int, value: int, *, then: str = "", other: str = "") -> None:
        self._code.append((code, then, other, value))

    def mark(self, label: str) -> None:
        self._labels[label] = len(self._code)

    def _distance(self, at: int, label: str) -> int:
        if not label:
            return 0
        distance = self._labels[label] - at - 1
        assert 0 <= distance <= 255, f"{label} is {distance} instructions away"
        return distance

    def to_bytes(self) -> bytes:
        return b"".join(
            struct.pack("=HBBI", code, self._distance(at, then), self._distance(at, other), value)
            for at, (code, then, other, value) in enumerate(self._code)
        )


def filter_for(machine: str, further: Sequence[str] = ()) -> bytes | None:
    """The filter for `bwrap --add-seccomp-fd`, or None for a machine (as `uname -m` names it) not reviewed.

    `further` names calls to deny on top of what always is.
    """
    of = _MACHINES.get(machine)
    if of is None:
        return None
    program = _Program()
    program.add(_LOAD, _ARCHITECTURE)
    program.add(_JUMP_EQUAL, of.audit, other="kill")
    program.add(_LOAD, _NUMBER)
    if of.has_x32:
        program.add(_JUMP_SET, _X32, then="kill")
    program.add(_JUMP_GREATER, LAST_REVIEWED, then="missing")
    program.add(_JUMP_EQUAL, _CLONE3, then="missing")  # its flags lie in memory, out of a filter's sight
    for numbers in (*_DENIED.values(), *(_FURTHER[name] for name in further)):
        number = numbers[of.column]
        if number is not None:
            program.add(_JUMP_EQUAL, number, then="denied")
    program.add(_JUMP_EQUAL, of.ioctl, then="ioctl")
    program.add(_JUMP_EQUAL, of.socket, then="socket")
    program.add(_JUMP_EQUAL, of.socketpair, then="socket")
    program.add(_JUMP_EQUAL, of.clone, then="clone")
    program.add(_JUMP_EQUAL, of.personality, then="personality")
    program.add(_JUMP_EQUAL, of.fallocate, then="fallocate")
    program.add(_RETURN, _ALLOW)

    # The kernel reads 32 bits of an ioctl command: comparing all 64 would let high bits slip past.
    program.mark("ioctl")
    program.add(_LOAD, _ARGUMENT_1)
    for command in _TERMINAL_INJECTION:
        program.add(_JUMP_EQUAL, command, then="denied")
    program.add(_RETURN, _ALLOW)

    program.mark("socket")
    program.add(_LOAD, _ARGUMENT_0)
    for family in _SOCKET_FAMILIES:
        program.add(_JUMP_EQUAL, family, then="allowed")
    program.add(_RETURN, _ERRNO | errno.EAFNOSUPPORT)

    # It takes a disk's space at once, and past RLIMIT_FSIZE. So answered, programs write zeros instead, as over NFS.
    program.mark("fallocate")
    program.add(_LOAD, _ARGUMENT_1)
    program.add(_JUMP_EQUAL, _PUNCH_HOLE, then="allowed")
    program.add(_RETURN, _ERRNO | errno.EOPNOTSUPP)

    program.mark("clone")
    program.add(_LOAD, _ARGUMENT_0)
    program.add(_JUMP_SET, _NAMESPACES, then="denied")
    program.add(_RETURN, _ALLOW)

    program.mark("personality")
    program.add(_LOAD, _ARGUMENT_0)
    for persona in _PERSONALITIES:
        program.add(_JUMP_EQUAL, persona, then="allowed")

    program.mark("denied")
    program.add(_RETURN, _ERRNO | errno.EPERM)
    program.mark("missing")
    program.add(_RETURN, _ERRNO | errno.ENOSYS)
    program.mark("kill")
    program.add(_RETURN, _KILL)
    program.mark("allowed")
    program.add(_RETURN, _ALLOW)
    return program.to_bytes()
