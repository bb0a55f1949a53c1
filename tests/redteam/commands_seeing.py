"""Hostile commands that look at other processes, at the server, and for secrets that lie about."""

from typing import Final

from tests.redteam.attack import Attack, Kind, python, shell

SEEING: Final = (
    Attack(
        name="arguments-of-all-processes",
        control=True,
        code=shell("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"),
    ),
    Attack(
        name="environment-of-all-processes",
        control=True,
        code=shell("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"),
    ),
    Attack(
        name="ps-and-top",
        control=True,
        code=shell(
            "if command -v ps >/dev/null; then ps -eo pid,args ww; ps auxeww; pgrep -fa canary; else cat /proc/*/cmdline; fi"
        ),
    ),
    Attack(
        name="environment-of-the-parents",
        control=True,
        code=python(
            "pid = os.getpid()\nfor _ in range(10):\n"
            "    try:\n        tell(read(f'/proc/{pid}/environ')); tell(read(f'/proc/{pid}/cmdline'))\n"
            "        pid = int(open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[1])\n"
            "    except OSError as error: refused('parent', error); break\n    if not pid: break",
        ),
    ),
    Attack(
        name="process-1",
        code=python(
            "for name in 'environ', 'cmdline', 'auxv', 'maps', 'mem', 'io', 'stack', 'syscall', 'mountinfo', 'fd', 'map_files':\n"
            "    path = f'/proc/1/{name}'\n    try: tell(os.listdir(path) if os.path.isdir(path) else read(path))\n"
            "    except OSError as error: refused(path, error)",
        ),
        reasons=frozenset({"EIO"}),
    ),
    Attack(
        name="environment-of-the-server",
        control=True,
        code=python("for name in 'environ', 'cmdline', 'maps', 'fd': looked(f'/proc/@SERVER@/{name}')"),
        reasons=frozenset({"EISDIR"}),
    ),
    Attack(
        name="memory-of-the-victim",
        control=True,
        needs="tracing",
        code=python(
            "def dumped():\n    maps = open('/proc/@VICTIM@/maps').read()\n    mem = os.open('/proc/@VICTIM@/mem', os.O_RDONLY)\n"
            "    for line in maps.splitlines():\n"
            "        if ' rw' in line:\n            first, last = (int(x, 16) for x in line.split()[0].split('-'))\n"
            "            try: data = os.pread(mem, min(last - first, 1 << 22), first)\n            except OSError: continue\n"
            "            for found in re.findall(rb'canary-[a-z0-9-]+', data): tell(found)\n"
            "attempt('mem', dumped)",
        ),
    ),
    Attack(
        name="files-of-the-victim",
        control=True,
        code=python(
            "attempt('fd', os.listdir, '/proc/@VICTIM@/fd')\nlooked('/proc/@VICTIM@/environ')\nlooked('/proc/@VICTIM@/cmdline')\n"
            "attempt('cwd', os.readlink, '/proc/@VICTIM@/cwd')\nattempt('exe', os.readlink, '/proc/@VICTIM@/exe')",
        ),
    ),
    Attack(
        name="inherited-descriptors",
        control=True,
        code=python(
            "held = [n for n in range(3, 4096) if os.path.lexists(f'/proc/self/fd/{n}')]\n"
            "for n in range(3, 4096):\n    try: kind = os.fstat(n).st_mode\n    except OSError: continue\n"
            "    print('BREACH descriptor', n, oct(kind), flush=True)\n"
            "    try: tell(os.pread(n, 4096, 0))\n    except OSError: pass\n"
            "    try: tell(read(f'/proc/self/fd/{n}@SECRET2@'))\n    except OSError: pass",
        ),
    ),
    Attack(
        name="inherited-descriptors-seen-by-bash",
        control=True,
        code=shell(
            "for fd in /proc/$$/fd/*; do n=${fd##*/}; [ $n -gt 2 ] && [ $n != 255 ] && [ -L $fd ] && { echo BREACH $n $(readlink $fd);"
            " timeout 1 cat <&$n; echo stolen >&$n; }; done; cat /proc/self/fd/77@SECRET2@ <&78; true"
        ),
    ),
    Attack(
        name="written-into-every-descriptor",
        control=True,
        code=python(
            "for n in range(3, 300):\n    try: os.write(n, b'{\"exit-code\": 0}\\n')\n    except OSError: pass\n"
            "for path in ['/proc/1/fd', f'/proc/{os.getppid()}/fd']:\n"
            "    try: names = os.listdir(path)\n    except OSError: continue\n"
            "    for n in names:\n        if int(n) > 2:\n            try: os.write(os.open(f'{path}/{n}', os.O_WRONLY | os.O_NONBLOCK), b'{\"exit-code\": 0}\\n')\n"
            "            except OSError: pass",
        ),
    ),
    Attack(
        name="forged-exit-status",
        status=7,
        code=shell(
            "for n in {1..255}; do echo '{ \"exit-code\": 0 }' >&$n; done 2>/dev/null; echo '{\"exit-code\": 0}' >/proc/1/fd/3"
        )
        + "exit 7\n",
    ),
    Attack(
        name="environment-of-the-command",
        control=True,
        code=shell("env; set; export -p; cat /proc/self/environ /proc/$$/environ; strings /proc/self/auxv; compgen -v"),
    ),
    Attack(
        name="own-memory",
        code=python(
            "def scanned():\n    own = os.open('/proc/self/mem', os.O_RDONLY)\n    for line in open('/proc/self/maps').read().splitlines():\n"
            "        if ' r' in line and '[v' not in line:\n            first, last = (int(x, 16) for x in line.split()[0].split('-'))\n"
            "            try: data = os.pread(own, min(last - first, 1 << 23), first)\n            except (OSError, OverflowError): continue\n"
            "            for found in set(re.findall(rb'canary-server[a-z0-9-]+', data)): tell(found)\n"
            "try: scanned()\nexcept OSError as error: refused('mem', error)",
        ),
    ),
    Attack(
        name="sockets-of-the-host",
        control=True,
        code=shell(
            "cat /proc/net/unix /proc/self/net/unix /proc/1/net/unix /proc/net/tcp; ! command -v ss >/dev/null || ss -xa; true"
        ),
    ),
    Attack(
        name="ipc-tables-and-keys",
        code=python(
            "for kind in 'shm', 'sem', 'msg':\n    try: table = read(f'/proc/sysvipc/{kind}')\n"
            "    except OSError as error: refused(kind, error); continue\n"
            "    if b' @KEY@ ' in table or table.count(b'\\n') > 1: print('BREACH', kind, table[:200])\n"
            "for name in 'keys', 'key-users': looked('/proc/' + name)\n"
            "attempt('keyctl', syscall, 219 if ARM else 250, 0, -3, 1)",
        ),
    ),
    Attack(
        name="kernel-log-and-addresses",
        proves_little="the kernel's own settings close most of it to plain users",
        code=python(
            "buffer = ctypes.create_string_buffer(4096)\nfor kind in 2, 3, 10: attempt('syslog', syscall, 116 if ARM else 103, kind, buffer, 4096)\n"
            "for path in '/dev/kmsg', '/proc/kmsg', '/proc/kcore', '/sys/kernel/debug', '/sys/kernel/tracing': attempt(path, os.open, path, os.O_RDONLY)\n"
            "try:\n    first = open('/proc/kallsyms').readline().split()\n"
            "    if first and int(first[0], 16): print('BREACH kallsyms', first)\nexcept OSError as error: refused('kallsyms', error)",
        ),
    ),
    Attack(
        name="machine-and-people",
        code=python(
            "for path in '/etc/hostname', '/etc/machine-id', '/var/run/utmp', '/var/log/wtmp', '/sys/class/dmi/id/product_uuid', '/sys/class/net':\n"
            "    attempt(path, os.open, path, os.O_RDONLY)\nimport pwd\n"
            "try: names = {person.pw_name for person in pwd.getpwall()} - {'room', 'nobody'}\nexcept OSError: names = set()\n"
            "if names: print('BREACH accounts', names)",
        ),
    ),
    Attack(
        name="counting-processes",
        control=True,
        accepted={
            Kind.LANDLOCK: "landlock tells by stat whether a path exists, /proc/N among them: so which processes there are"
        },
        code=python(
            "for pid in @SERVER@, @VICTIM@:\n    attempt('kill 0', os.kill, pid, 0)\n    attempt('pidfd', os.pidfd_open, pid)\n"
            "    attempt('getsid', os.getsid, pid)\n    attempt('stat', os.stat, f'/proc/{pid}')\n    attempt('affinity', os.sched_getaffinity, pid)",
        ),
    ),
    Attack(
        name="terminals-of-the-host",
        code=python(
            "import glob\nfor path in ['/dev/tty', '/dev/console', '/dev/tty0', '/dev/tty1', '/dev/ttyS0', *glob.glob('/dev/pts/[0-9]*')]:\n"
            "    attempt(path, os.open, path, os.O_RDWR | os.O_NOCTTY)\n"
            "if os.isatty(0) or os.isatty(1) or os.isatty(2): print('BREACH a terminal is given')\n"
            "if os.read(0, 100) and False: pass",
        ),
    ),
    Attack(
        name="memory-left-by-others",
        code=python(
            "import mmap\nfor size in 1 << 12, 1 << 20, 1 << 24:\n    data = mmap.mmap(-1, size)[:]\n"
            "    if data.strip(b'\\0'): print('BREACH memory')\nraw = ctypes.create_string_buffer(1 << 20)\n"
            "for found in re.findall(rb'canary-[a-z0-9-]+', raw.raw): tell(found)",
        ),
    ),
)
