"""Hostile commands against other processes and what processes share: signals, tracing, memory, queues, terminals."""

from typing import Final

from tests.redteam.attack import Attack, python, shell

IPC: Final = (
    Attack(
        name="signals",
        control=True,
        code=python(
            "for number in 0, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL, signal.SIGHUP: attempt(number, os.kill, @VICTIM@, number)"
        ),
    ),
    Attack(
        name="signals-to-the-server",
        proves_little="as root the server has another uid",
        code=python(
            "for number in 0, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL: attempt(number, os.kill, @SERVER@, number)"
        ),
    ),
    Attack(
        name="signals-to-everybody",
        code=shell(
            "trap '' TERM HUP INT USR1; kill -TERM -1; kill -HUP -1; kill -USR1 -1; kill -INT -1; echo signalled"
        ),
        says="signalled",
    ),
    Attack(
        name="signals-to-groups",
        code=shell(
            "trap '' TERM; kill -TERM 0; kill -KILL -- -@VICTIM@ -@SERVER@; for p in $(seq 2 60); do kill -STOP -- -$p; done 2>/dev/null; true"
        ),
    ),
    Attack(
        name="killed-by-name",
        control=True,
        code=shell(
            "if command -v pkill >/dev/null; then pkill -KILL -f 'canar[y]-argument'; else kill -9 @VICTIM@; fi; true"
        ),
    ),
    Attack(
        name="queued-and-thread-signals",
        control=True,
        code=python(
            "number = lambda x86, arm: arm if ARM else x86\ninfo = struct.pack('iii', 9, 0, -1) + bytes(116)\n"
            "attempt('sigqueue', syscall, number(129, 138), @VICTIM@, 9, info)\nattempt('tgkill', syscall, number(234, 131), @VICTIM@, @VICTIM@, 9)\n"
            "attempt('tkill', syscall, number(200, 130), @VICTIM@, 9)\nattempt('tgsigqueue', syscall, number(297, 240), @VICTIM@, @VICTIM@, 9, info)",
        ),
    ),
    Attack(
        name="signals-by-pidfd",
        control=True,
        code=python(
            "def killed(): signal.pidfd_send_signal(os.pidfd_open(@VICTIM@), signal.SIGKILL)\nattempt('pidfd', killed)"
        ),
    ),
    Attack(
        name="signals-by-file-owner",
        control=True,
        code=python(
            "import fcntl\ndef owned():\n    a, b = socket.socketpair()\n    fcntl.fcntl(a, fcntl.F_SETSIG, signal.SIGKILL)\n"
            "    fcntl.fcntl(a, fcntl.F_SETOWN, @VICTIM@)\n    fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)\n    b.send(b'x'); time.sleep(0.1)\n"
            "    fcntl.fcntl(a, fcntl.F_SETOWN, -@VICTIM@); b.send(b'x'); time.sleep(0.1)\n"
            "try: owned()\nexcept OSError as error: refused('F_SETOWN', error)",
        ),
    ),
    Attack(
        name="descriptors-of-others",
        control=True,
        needs="tracing",
        code=python(
            "for pid in @VICTIM@, @SERVER@:\n    for fd in 0, 1, 78: attempt('pidfd_getfd', lambda: syscall(438, os.pidfd_open(pid), fd, 0))"
        ),
    ),
    Attack(
        name="tracing",
        control=True,
        needs="tracing",
        code=python(
            "for name, request in ('attach', 16), ('seize', 0x4206): attempt(name, checked, libc.ptrace, request, @VICTIM@, 0, 0)\n"
            "attempt('traceme', checked, libc.ptrace, 0, 0, 0, 0)",
        ),
    ),
    Attack(
        name="tracing-the-server",
        proves_little="as root the server has another uid",
        code=python(
            "for name, request in ('attach', 16), ('seize', 0x4206): attempt(name, checked, libc.ptrace, request, @SERVER@, 0, 0)\n"
            "attempt('mem', os.open, '/proc/@SERVER@/mem', os.O_RDWR)\nattempt('prlimit', resource.prlimit, @SERVER@, resource.RLIMIT_NOFILE, (0, 0))",
        ),
    ),
    Attack(
        name="memory-across-processes",
        control=True,
        needs="tracing",
        code=python(
            "try: place = int(open('/proc/@VICTIM@/maps').readline().split('-')[0], 16)\nexcept OSError as error: refused('maps', error); place = 0x400000\n"
            "buffer = ctypes.create_string_buffer(64)\nlocal = struct.pack('PQ', ctypes.addressof(buffer), 64); far = struct.pack('PQ', place, 64)\n"
            "attempt('readv', syscall, 270 if ARM else 310, @VICTIM@, local, 1, far, 1, 0)\n"
            "attempt('writev', syscall, 271 if ARM else 311, @VICTIM@, local, 1, far, 1, 0)\n"
            "def pidfd(): return syscall(440, os.pidfd_open(@VICTIM@), far, 1, 20, 0)\nattempt('madvise', pidfd)",
        ),
        reasons=frozenset({"EFAULT"}),
    ),
    Attack(
        name="memory-written-by-proc",
        control=True,
        needs="tracing",
        code=python(
            "attempt('mem', os.open, '/proc/@VICTIM@/mem', os.O_RDWR)\nattempt('server', os.open, '/proc/@SERVER@/mem', os.O_RDWR)"
        ),
    ),
    Attack(
        name="knobs-of-the-victim",
        control=True,
        code=python(
            "for name in 'oom_score_adj', 'coredump_filter', 'comm', 'clear_refs', 'timerslack_ns', 'autogroup':\n"
            "    attempt(name, os.open, f'/proc/@VICTIM@/{name}', os.O_WRONLY)",
        ),
    ),
    Attack(
        name="limits-of-the-victim",
        control=True,
        code=python(
            "attempt('prlimit', resource.prlimit, @VICTIM@, resource.RLIMIT_NOFILE, (0, 0))\nattempt('cpu', resource.prlimit, @VICTIM@, resource.RLIMIT_CPU, (1, 1))",
        ),
    ),
    Attack(
        name="priority-of-the-victim",
        control=True,
        code=python(
            "attempt('nice', os.setpriority, os.PRIO_PROCESS, @VICTIM@, 19)\nattempt('affinity', os.sched_setaffinity, @VICTIM@, {0})\n"
            "attempt('batch', os.sched_setscheduler, @VICTIM@, os.SCHED_IDLE, os.sched_param(0))\nattempt('ioprio', syscall, 30 if ARM else 251, 1, @VICTIM@, (3 << 13))",
        ),
    ),
    Attack(
        name="kernel-s-view-of-others",
        control=True,
        needs="tracing",
        code=python(
            "attempt('kcmp', syscall, 272 if ARM else 312, os.getpid(), @VICTIM@, 0, 0, 0)\n"
            "attempt('migrate_pages', syscall, 238 if ARM else 256, @VICTIM@, 1, 0, 0)\nattempt('move_pages', syscall, 239 if ARM else 279, @VICTIM@, 0, 0, 0, 0, 0)",
        ),
    ),
    Attack(
        name="shared-memory-of-the-host",
        control=True,
        code=python(
            "libc.shmat.restype = ctypes.c_long\nattempt('by key', checked, libc.shmget, @KEY@, 0, 0)\n"
            "def attached():\n    at = checked(libc.shmat, @SHM@, None, 0)\n    tell(ctypes.string_at(at, 64)); ctypes.memset(at, 65, 8)\nattempt('by id', attached)\n"
            "attempt('removed', checked, libc.shmctl, @SHM@, 0, None)",
        ),
        # In a namespace of its own there is no such id at all.
        reasons=frozenset({"EINVAL", "EIDRM"}),
    ),
    Attack(
        name="semaphores-of-the-host",
        control=True,
        code=python(
            "attempt('by key', checked, libc.semget, @KEY@, 0, 0)\nattempt('by id', checked, libc.semop, @SEM@, struct.pack('Hhh', 0, -1, 0), 1)\n"
            "attempt('set', checked, libc.semctl, @SEM@, 0, 16, 99)",
        ),
        reasons=frozenset({"EINVAL", "EIDRM"}),
    ),
    Attack(
        name="messages-of-the-host",
        control=True,
        code=python(
            "attempt('by key', checked, libc.msgget, @KEY@, 0)\nbuffer = ctypes.create_string_buffer(256)\n"
            "def taken(): checked(libc.msgrcv, @MSG@, buffer, 200, 0, 0o4000); tell(buffer.raw)\nattempt('taken', taken)\n"
            "attempt('sent', checked, libc.msgsnd, @MSG@, struct.pack('l', 1) + b'x', 1, 0o4000)",
        ),
        reasons=frozenset({"EINVAL", "EIDRM"}),
    ),
    Attack(
        name="queue-of-the-host",
        control=True,
        code=python(
            "def taken():\n    fd = checked(libc.mq_open, b'@QUEUE@', os.O_RDWR | os.O_NONBLOCK)\n    buffer = ctypes.create_string_buffer(8192)\n"
            "    checked(libc.mq_receive, fd, buffer, 8192, None); tell(buffer.raw.strip(b'\\0'))\nattempt('mq', taken)",
        ),
    ),
    Attack(
        name="left-behind-in-system-v",
        code=python(
            "for name, act in ('shm', lambda: checked(libc.shmget, 0x1234567, 4096, 0o1666)), ('sem', lambda: checked(libc.semget, 0x1234567, 1, 0o1666)), ('msg', lambda: checked(libc.msgget, 0x1234567, 0o1666)):\n"
            "    try: print(name, act())\n    except OSError as error: refused(name, error)",
        ),
    ),
    Attack(
        name="left-behind-in-posix",
        code=python(
            "for name, act in ('shm', lambda: checked(libc.shm_open, b'/rt-left', 0o102, 0o666)), ('mq', lambda: checked(libc.mq_open, b'/rt-left', 0o102, 0o666, None)),\\\n"
            "    ('tmp', lambda: os.open('/tmp/rt-left', os.O_CREAT | os.O_RDWR)), ('var', lambda: os.open('/var/tmp/rt-left', os.O_CREAT | os.O_RDWR)):\n"
            "    try: print(name, act())\n    except OSError as error: refused(name, error)",
        ),
        reasons=frozenset({"EMFILE", "ENFILE", "ENOMEM", "EINVAL"}),
    ),
    Attack(
        name="typing-into-the-terminal",
        code=python(
            "import fcntl\nfor fd in 0, 1, 2:\n    for name, command in ('TIOCSTI', 0x5412), ('TIOCLINUX', 0x541C), ('high', 0xFFFFFFFF00005412), ('high2', 0x100005412):\n"
            "        attempt(name, checked, libc.ioctl, fd, ctypes.c_ulong(command), b'x')\n    attempt('TIOCSCTTY', checked, libc.ioctl, fd, ctypes.c_ulong(0x540E), 1)",
        ),
        reasons=frozenset({"ENOTTY"}),
    ),
    Attack(
        name="typing-into-an-own-terminal",
        code=python(
            "try: master, slave = os.openpty()\nexcept OSError as error: refused('pty', error)\nelse:\n"
            "    for command in 0x5412, 0x541C, 0xFFFFFFFF00005412: attempt(hex(command), checked, libc.ioctl, slave, ctypes.c_ulong(command), b'x')",
        ),
    ),
    Attack(
        name="joining-a-group-or-session",
        code=python(
            "attempt('setpgid', os.setpgid, 0, @VICTIM@)\nattempt('of the server', os.setpgid, @VICTIM@, 0)\nattempt('tcsetpgrp', os.tcsetpgrp, 0, @VICTIM@)"
        ),
        reasons=frozenset({"ENOTTY"}),
    ),
)
