"""Hostile commands that use up the machine, or stay on it: bombs, fills, daemons, hangs. All with reduced limits."""

from dataclasses import replace
from typing import Final

from tests.redteam.attack import MIB, QUICK, Attack, StoppedBy, armed, python, shell

_SOON: Final = replace(QUICK, wall_s=1.2)
_FEW: Final = replace(QUICK, processes=40)
_SMALL: Final = replace(QUICK, resident_bytes=96 * MIB)
_AT_THE_LIMIT: Final = frozenset(
    {"EAGAIN", "EMFILE", "ENFILE", "ENOSPC", "EFBIG", "ENOMEM", "E2BIG", "EDQUOT", "ENOTSUP", "EINVAL"}
)

RESOURCES: Final = (
    Attack(
        name="fork-bomb",
        limits=_FEW,
        reasons=_AT_THE_LIMIT,
        code=python(
            "n = 0\ntry:\n    while n < 400:\n        if os.fork() == 0: time.sleep(60)\n        n += 1\n"
            "except OSError as error: refused('fork', error)\nif n >= 40: print('BREACH forks', n)",
        ),
    ),
    Attack(
        name="fork-bomb-of-bash",
        limits=replace(_SOON, processes=40),
        stopped_by=StoppedBy.WALL_TIME,
        code=shell(
            "echo armed\\-@NONCE@; f() { f | f & }; f 2>/dev/null; while :; do sleep 60 & done 2>/dev/null; wait"
        ),
    ),
    Attack(
        name="doubling-processes",
        limits=replace(_SOON, processes=40),
        stopped_by=StoppedBy.WALL_TIME,
        code=armed("arm()\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"),
    ),
    Attack(
        name="spawn-bomb",
        limits=_FEW,
        reasons=_AT_THE_LIMIT,
        code=python(
            "n = 0\ntry:\n    while n < 400: os.posix_spawn('/bin/sleep', ['sleep', '60'], {}); n += 1\n"
            "except OSError as error: refused('spawn', error)\nif n >= 40: print('BREACH spawned', n)",
        ),
    ),
    Attack(
        name="thread-bomb",
        limits=_FEW,
        says="no more threads",
        code=python(
            "import threading\nn = 0\ntry:\n    while n < 400: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); n += 1\n"
            "except RuntimeError: print('no more threads')\nif n >= 40: print('BREACH threads', n)\n"
            "print('end-' '@NONCE@', flush=True); os._exit(0)",
        ),
    ),
    Attack(
        name="memory-of-one-process",
        limits=replace(QUICK, data_bytes=96 * MIB),
        says="no more memory",
        code=python(
            "held = []\ntry:\n    while len(held) < 40: held.append(bytearray(10 << 20))\nexcept MemoryError: print('no more memory')\n"
            "if len(held) >= 10: print('BREACH memory', len(held))",
        ),
    ),
    Attack(
        name="memory-by-break-and-mapping",
        limits=replace(QUICK, data_bytes=96 * MIB),
        reasons=_AT_THE_LIMIT,
        code=python(
            "import mmap\nfor name, size in ('private', 200 << 20), ('written', 120 << 20):\n"
            "    attempt(name, lambda: mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))\n"
            "libc.sbrk.restype = ctypes.c_long\nattempt('sbrk', checked, libc.sbrk, 200 << 20)",
        ),
    ),
    Attack(
        name="memory-of-many-processes",
        limits=_SMALL,
        stopped_by=StoppedBy.MEMORY,
        code=armed(
            "arm()\nfor _ in range(6):\n    if os.fork() == 0: held = b'x' * (30 << 20); time.sleep(60)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="shared-mapping",
        limits=_SMALL,
        stopped_by=StoppedBy.MEMORY,
        code=armed(
            "import mmap\nheld = mmap.mmap(-1, 200 << 20)\narm()\nfor at in range(0, 200 << 20, 4096): held[at] = 1\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="memory-behind-descriptors",
        limits=_SMALL,
        reasons=_AT_THE_LIMIT,
        may_be_stopped_by=StoppedBy.MEMORY,
        code=python(
            "print('armed-' '@NONCE@', flush=True)\nheld, total, block = [], 0, bytes(1 << 20)\ntry:\n    for _ in range(30):\n        fd = os.memfd_create('held'); held.append(fd)\n"
            "        for _ in range(15): total += os.write(fd, block)\nexcept OSError as error: refused('memfd', error)\n"
            "time.sleep(0.8)\nif total > 128 << 20: print('BREACH memory in memfds', total)",
        ),
    ),
    Attack(
        name="memory-behind-system-v",
        limits=_SMALL,
        reasons=_AT_THE_LIMIT,
        may_be_stopped_by=StoppedBy.MEMORY,
        code=python(
            "print('armed-' '@NONCE@', flush=True)\nlibc.shmat.restype = ctypes.c_long\ntotal = 0\ntry:\n    for _ in range(8):\n        held = checked(libc.shmget, 0, 32 << 20, 0o1600); at = checked(libc.shmat, held, None, 0)\n"
            "        ctypes.memset(at, 1, 32 << 20); libc.shmdt(ctypes.c_void_p(at)); total += 32 << 20\n"
            "except OSError as error: refused('shmget', error)\ntime.sleep(0.8)\nif total > 128 << 20: print('BREACH memory in System V', total)",
        ),
    ),
    Attack(
        name="shared-mapping-given-back",
        limits=_SMALL,
        stopped_by=StoppedBy.MEMORY,
        # The pages stay, but are no longer counted to the process.
        needs_cgroup=True,
        code=armed(
            "import mmap\nheld = mmap.mmap(-1, 200 << 20)\narm()\nfor at in range(0, 200 << 20, 1 << 20):\n"
            "    held[at : at + (1 << 20)] = b'x' * (1 << 20); held.madvise(mmap.MADV_DONTNEED, at, 1 << 20)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="memory-behind-pipes-and-sockets",
        limits=replace(_SMALL, open_files=256),
        reasons=_AT_THE_LIMIT,
        may_be_stopped_by=StoppedBy.MEMORY,
        code=python(
            "print('armed-' '@NONCE@', flush=True)\nheld, total = [], 0\ntry:\n    while True:\n        a, b = socket.socketpair(); a.setblocking(False); held.append((a, b))\n        try:\n"
            "            while True: total += a.send(bytes(65536))\n        except BlockingIOError: pass\nexcept OSError as error: refused('sockets', error)\n"
            "if total > 128 << 20: print('BREACH memory in sockets', total)",
        ),
    ),
    Attack(
        name="one-huge-file",
        says="status 153",
        code=shell(
            "head -c 64000000 /dev/zero >big; echo status $?; [ $(stat -c %s big) -le 16777216 ] || echo BREACH size"
        ),
    ),
    Attack(
        name="sparse-and-preallocated-files",
        reasons=_AT_THE_LIMIT,
        code=python(
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfd = os.open('f', os.O_CREAT | os.O_RDWR)\n"
            "attempt('truncate', os.ftruncate, fd, 1 << 40)\nattempt('far', os.pwrite, fd, b'x', 1 << 40)\nattempt('fallocate', os.posix_fallocate, fd, 0, 20 << 30)\n"
            "for mode in 1, 0x10, 0x11, 0x20: attempt(f'mode {mode}', syscall, 47 if ARM else 285, fd, mode, 0, 64 << 20)",
        ),
    ),
    Attack(
        name="disk-taken-between-two-looks",
        reasons=_AT_THE_LIMIT,
        may_be_stopped_by=StoppedBy.WORKSPACE,
        code=python(
            "print('armed-' '@NONCE@', flush=True)\ntotal = 0\ntry:\n    for i in range(64):\n        fd = os.open(f'f{i}', os.O_CREAT | os.O_RDWR)\n        syscall(47 if ARM else 285, fd, 0, 0, 15 << 20); os.close(fd); total += 15 << 20\n"
            "except OSError as error: refused('fallocate', error)\nif total > 320 << 20: print('BREACH allocated', total)",
        ),
    ),
    Attack(
        name="workspace-filled",
        stopped_by=StoppedBy.WORKSPACE,
        code=armed(
            "arm()\nblock = bytes(range(256)) * 4096\nfor i in range(48): open(f'f{i}', 'wb').write(block)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="workspace-filled-by-deleted-files",
        stopped_by=StoppedBy.WORKSPACE,
        limits=replace(QUICK, wall_s=6.0),
        code=armed(
            "arm()\nblock, held = bytes(range(256)) * 4096, []\nfor i in range(60):\n    f = open('f', 'wb', 0); held.append(f); os.unlink('f'); f.write(block)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="workspace-filled-by-deleted-files-of-a-thread",
        stopped_by=StoppedBy.WORKSPACE,
        limits=replace(QUICK, wall_s=6.0),
        # A table of descriptors that the process itself does not show.
        code=armed(
            "import threading\narm()\nblock, held = bytes(range(256)) * 4096, []\ndef fill():\n    syscall(436, 1000, 1000, 2)\n"
            "    for i in range(60):\n        f = open('f', 'wb', 0); held.append(f); os.unlink('f'); f.write(block)\n    time.sleep(60)\n"
            "threading.Thread(target=fill).start()\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="workspace-filled-by-deleted-files-of-a-closed-process",
        stopped_by=StoppedBy.WORKSPACE,
        limits=replace(QUICK, wall_s=6.0),
        code=armed(
            "checked(libc.prctl, 4, 0, 0, 0, 0)\narm()\nblock, held = bytes(range(256)) * 4096, []\nfor i in range(60):\n"
            "    f = open('f', 'wb', 0); held.append(f); os.unlink('f'); f.write(block)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="workspace-filled-by-files-without-a-name",
        stopped_by=StoppedBy.WORKSPACE,
        limits=replace(QUICK, wall_s=6.0),
        code=armed(
            "arm()\nblock, held = bytes(range(256)) * 4096, []\nfor i in range(60):\n"
            "    fd = os.open('.', os.O_TMPFILE | os.O_WRONLY); held.append(fd); os.write(fd, block)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="inode-flood",
        stopped_by=StoppedBy.WORKSPACE,
        code=armed("arm()\nfor i in range(6000): os.close(os.open(f'f{i}', os.O_CREAT | os.O_WRONLY))\ntime.sleep(60)"),
    ),
    Attack(
        name="link-and-folder-flood",
        stopped_by=StoppedBy.WORKSPACE,
        code=armed(
            "arm()\nopen('f', 'w').close()\nfor i in range(1500): os.link('f', f'h{i}'); os.symlink('f', f's{i}'); os.mkdir(f'd{i}')\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="deep-tree",
        stopped_by=StoppedBy.WORKSPACE,
        code=armed(
            "arm()\nfor i in range(2500): os.mkdir('d'); os.chdir('d')\nopen('f', 'w').write('x')\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="folders-closed-to-the-count",
        stopped_by=StoppedBy.WORKSPACE,
        # As root the count sees into them all the same, so there is more in them than the quota.
        code=armed(
            "arm()\nblock = bytes(range(256)) * 4096\nfor n in range(5):\n    os.mkdir(f'd{n}')\n    for i in range(10): open(f'd{n}/f{i}', 'wb').write(block)\n"
            "    os.chmod(f'd{n}', 0)\nos.chmod('.', 0o300)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="files-growing-in-a-closed-folder",
        stopped_by=StoppedBy.WORKSPACE,
        limits=replace(QUICK, wall_s=6.0),
        # Its names can be read, and nothing of what they name.
        code=armed(
            "arm()\nos.mkdir('d')\nheld = [open(f'd/f{i}', 'wb', 0) for i in range(60)]\nos.chmod('d', 0o400)\n"
            "for f in held: f.write(bytes(range(256)) * 4096)\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="workspace-closed-to-the-server",
        # A plain user's server has no more right to it than the command.
        may_be_stopped_by=StoppedBy.WORKSPACE,
        code=armed(
            "arm()\nos.mkdir('d'); os.chmod('d', 0); os.chmod('.', 0)\ntime.sleep(0.8)\nprint('end-' '@NONCE@')"
        ),
    ),
    Attack(
        name="shared-memory-and-temporary-folders-filled",
        reasons=_AT_THE_LIMIT,
        code=python(
            "block = bytes(1 << 20)\nfor folder in '/dev/shm', '/tmp', '/dev', '/var/tmp', '/run', '/':\n    total = 0\n    try:\n        for i in range(12):\n"
            "            fd = os.open(f'{folder}/rt{i}', os.O_CREAT | os.O_WRONLY)\n            for _ in range(15): total += os.write(fd, block)\n"
            "    except OSError as error: refused(folder, error)\n    if total > 70 << 20: print('BREACH', folder, total)",
        ),
    ),
    Attack(
        name="tmpfs-inode-flood",
        reasons=_AT_THE_LIMIT,
        limits=replace(QUICK, wall_s=60.0),
        code=python(
            "for folder in '/dev/shm', '/tmp':\n    made = 0\n    try:\n        for i in range(3000): os.close(os.open(f'{folder}/rt{i}', os.O_CREAT | os.O_WRONLY)); made += 1\n"
            "    except OSError as error: refused(folder, error)\n    print(folder, made)",
        ),
    ),
    Attack(
        name="descriptor-flood",
        limits=replace(QUICK, open_files=128),
        reasons=_AT_THE_LIMIT,
        code=python(
            "held = []\ntry:\n    while len(held) < 1000: held.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError as error: refused('open', error)\nif len(held) > 128: print('BREACH descriptors', len(held))"
        ),
    ),
    Attack(
        name="terminal-flood",
        limits=replace(QUICK, open_files=256),
        reasons=_AT_THE_LIMIT | {"EIO"},
        code=python(
            "held = []\ntry:\n    while len(held) < 2000: held.append(os.openpty())\nexcept OSError as error: refused('pty', error)\nif len(held) > 128: print('BREACH terminals', len(held))"
        ),
    ),
    Attack(
        name="watch-and-epoll-flood",
        limits=replace(QUICK, open_files=256),
        reasons=_AT_THE_LIMIT,
        code=python(
            "import select\nheld = []\ntry:\n    while len(held) < 2000: held += [select.epoll(), checked(libc.inotify_init), checked(libc.eventfd, 0, 0)]\n"
            "except OSError as error: refused('fds', error)\nif len(held) > 256: print('BREACH', len(held))",
        ),
    ),
    Attack(
        name="argument-flood",
        reasons=_AT_THE_LIMIT,
        code=python(
            "for arguments in ['x' * (1 << 20)], ['x' * 100000] * 100: attempt('exec', os.execv, '/bin/true', ['true', *arguments])"
        ),
    ),
    Attack(
        name="spinning-processor",
        limits=replace(QUICK, cpu_s=1),
        says="status 152",
        code=shell("python3 -c 'while True: pass'; echo status $?"),
    ),
    Attack(
        name="spinning-processor-deaf-to-warnings",
        limits=replace(QUICK, cpu_s=1),
        says="status 137",
        code=shell("(trap '' XCPU; exec python3 -c 'while True: pass'); echo status $?"),
    ),
    Attack(
        name="zip-bomb-in-one-file",
        reasons=_AT_THE_LIMIT,
        code=python(
            "import zipfile\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nwith zipfile.ZipFile('b.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:\n"
            "    with z.open('big', 'w') as f:\n        for _ in range(40): f.write(bytes(1 << 20))\n"
            "attempt('extract', zipfile.ZipFile('b.zip').extractall, 'out')",
        ),
    ),
    Attack(
        name="zip-bomb-in-many-files",
        stopped_by=StoppedBy.WORKSPACE,
        code=armed(
            "import zipfile\nwith zipfile.ZipFile('b.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:\n    for i in range(8): z.writestr(f'f{i}', bytes(8 << 20))\n"
            "arm()\nzipfile.ZipFile('b.zip').extractall('out')\ntime.sleep(60)"
        ),
    ),
    Attack(
        name="gzip-and-tar-bombs",
        says="status 153",
        code=shell(
            "head -c 40000000 /dev/zero | gzip -1 >b.gz; gzip -dc b.gz >out; echo status $?; rm -f out; head -c 9000000 /dev/zero >z; tar -czf t.tgz z z z; rm z; tar -xzf t.tgz; ls -l"
        ),
    ),
)
