"""Hostile commands that call the kernel where it is weakest: rare calls, unknown ones, those of other machines."""

from typing import Final

from tests.redteam.attack import FORKED, Attack, python

# name: (x86_64, aarch64), as the kernel's own tables have them.
_KERNEL: Final = {
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "memfd_secret": (447, 447),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mbind": (237, 235),
    "move_pages": (279, 239),
    "vhangup": (153, 58),
}

KERNEL: Final = (
    Attack(
        name="kernel-attack-surface",
        code=python(
            f"{FORKED}\nfor name, numbers in {_KERNEL!r}.items():\n"
            "    forked(name, lambda: syscall(numbers[ARM], 0, 0, 0, 0, 0, 0))",
        ),
    ),
    Attack(
        name="old-x86-calls",
        code=python(
            f"{FORKED}\nif not ARM:\n"
            "    for name, number in dict(iopl=172, ioperm=173, modify_ldt=154, uselib=134, sysfs=139, create_module=174, ustat=136, nfsservctl=180, lookup_dcookie=212).items():\n"
            "        forked(name, lambda: syscall(number, 3, 3, 1, 0, 0, 0))",
        ),
    ),
    Attack(
        name="unknown-calls",
        code=python(
            f"{FORKED}\nfor number in [*range(463, 620), 1000, 4096, 0x3FFFFFFF, 0x7FFFFFFF & ~0x40000000]:\n"
            "    forked(number, lambda: syscall(number, 0, 0, 0, 0, 0, 0))",
        ),
    ),
    Attack(
        name="x32-calls",
        says="killed by SIGSYS|REFUSED x32 none",
        reasons=frozenset({"SIGSYS", "none"}),
        code=python(
            f"{FORKED}\nif ARM: print('REFUSED x32 none')\nelse:\n    for number in 0, 39, 41, 56, 101, 272, 520, 545:\n"
            "        forked(f'x32 {number}', lambda: syscall(0x40000000 | number, 0, 0, 0, 0, 0, 0))",
        ),
    ),
    Attack(
        name="calls-of-the-32-bit-machine",
        says="killed by SIG(SYS|SEGV)|REFUSED int80 none",
        # A kernel built without it answers by SIGSEGV.
        reasons=frozenset({"SIGSYS", "SIGSEGV", "none"}),
        code=python(
            f"{FORKED}\nif ARM: print('REFUSED int80 none')\nelse:\n    for number in 20, 26, 102, 120, 310, 21:\n"
            "        forked(f'int80 {number}', lambda: machine_code(b'\\xb8' + struct.pack('I', number) + b'\\x31\\xdb\\x31\\xc9\\x31\\xd2\\xcd\\x80\\xc3')())",
        ),
    ),
    Attack(
        name="personalities",
        code=python(
            f"{FORKED}\nfor persona in 0x0040000, 0x0400000, 0x0100000, 0x4000000, 0x40000 | 0x400000:\n"
            "    forked(hex(persona), lambda: checked(libc.personality, ctypes.c_ulong(persona)))",
        ),
    ),
    Attack(
        name="filter-taken-off",
        code=python(
            "attempt('no_new_privs', checked, libc.prctl, 38, 0, 0, 0, 0)\nattempt('disabled', checked, libc.prctl, 22, 0, 0, 0, 0)\n"
            "allow = struct.pack('HBBI', 6, 0, 0, 0x7FFF0000); code = ctypes.create_string_buffer(allow)\n"
            "program = struct.pack('HxxxxxxP', 1, ctypes.addressof(code))\nchecked(libc.prctl, 22, 2, program, 0, 0)\n"
            "attempt('unshare', checked, libc.unshare, 0x10000000)\nattempt('ptrace', checked, libc.ptrace, 16, @VICTIM@, 0, 0)\n"
            "if libc.prctl(39, 0, 0, 0, 0) != 1: print('BREACH new privileges')",
        ),
        reasons=frozenset({"EINVAL"}),
    ),
    Attack(
        name="memory-locked-and-huge",
        code=python(
            "import mmap\npage = mmap.mmap(-1, 8 << 20)\naddress = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
            "attempt('mlock', checked, libc.mlock, ctypes.c_void_p(address), 8 << 20)\n"
            "attempt('hugepages', lambda: mmap.mmap(-1, 2 << 20, flags=0x40000 | mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))\n"
            "attempt('shm huge', checked, libc.shmget, 0, 2 << 20, 0o4000 | 0o1600)",
        ),
        reasons=frozenset({"ENOMEM", "EAGAIN", "EINVAL"}),
    ),
)
