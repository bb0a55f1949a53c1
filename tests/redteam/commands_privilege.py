"""Hostile commands that try to gain rights: namespaces, mounts, set-uid, devices, control files, odd system calls."""

from typing import Final

from tests.redteam.attack import FORKED, Attack, python, shell

_PLAIN: Final = "the kernel asks for a capability that no plain uid has"

PRIVILEGE: Final = (
    Attack(
        name="namespaces-by-unshare",
        control=True,
        needs="user namespaces",
        code=python(
            f"{FORKED}\nflags = dict(user=0x10000000, mnt=0x20000, net=0x40000000, ipc=0x8000000, uts=0x4000000, pid=0x20000000, cgroup=0x2000000, time=0x80)\n"
            "for name, flag in flags.items():\n"
            "    forked(name, lambda: checked(libc.unshare, flag))\n    forked('user+' + name, lambda: checked(libc.unshare, flag | 0x10000000))",
        ),
    ),
    Attack(
        name="namespaces-by-clone",
        control=True,
        needs="user namespaces",
        code=python(
            "number = 220 if ARM else 56\nfor flag in 0x10000000, 0x20000, 0x40000000, 0x8000000, 0x4000000, 0x20000000, 0x30020000:\n"
            "    try: got = syscall(number, flag | signal.SIGCHLD, 0, 0, 0, 0)\n"
            "    except OSError as error: refused(hex(flag), error); continue\n"
            "    if got == 0: os._exit(0)\n    os.waitpid(got, 0); print('BREACH clone', hex(flag), flush=True)",
        ),
    ),
    Attack(
        name="namespaces-by-clone3",
        control=True,
        needs="user namespaces",
        code=python(
            "for flag in 0x10000000, 0x20000, 0x40000000, 0x30020000:\n    arguments = struct.pack('8Q', flag, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)\n"
            "    try: got = syscall(435, arguments, 64)\n    except OSError as error: refused(hex(flag), error); continue\n"
            "    if got == 0: os._exit(0)\n    os.waitpid(got, 0); print('BREACH clone3', hex(flag), flush=True)",
        ),
    ),
    Attack(
        name="namespaces-by-program",
        control=True,
        needs="user namespaces",
        code=shell(
            "for o in '-U' '-Ur' '-Urm' '-Urn' '-Urpf' '--map-root-user --mount --propagation slave'; do unshare $o true && echo BREACH $o; done;"
            " ! command -v bwrap >/dev/null || ! bwrap --ro-bind / / true || echo BREACH bwrap"
        ),
    ),
    Attack(
        name="joining-namespaces",
        proves_little=_PLAIN,
        code=python(
            "for pid in '1', '@SERVER@', '@VICTIM@', str(os.getppid()), 'self':\n    for kind in 'user', 'mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup':\n"
            "        try: fd = os.open(f'/proc/{pid}/ns/{kind}', os.O_RDONLY)\n        except OSError as error: refused(kind, error); continue\n"
            "        attempt(kind, checked, libc.setns, fd, 0); os.close(fd)\n"
            "try: attempt('pidfd', checked, libc.setns, os.pidfd_open(@VICTIM@), 0x7E020000)\nexcept OSError as error: refused('pidfd_open', error)",
        ),
    ),
    Attack(
        name="old-mounts",
        proves_little=_PLAIN,
        code=python(
            "os.mkdir('m')\nfor kind in b'tmpfs', b'proc', b'sysfs', b'devpts', b'overlay', b'fuse', b'cgroup', b'cgroup2', b'binfmt_misc', b'mqueue':\n"
            "    attempt(kind, checked, libc.mount, kind, b'm', kind, 0, None)\n"
            "attempt('bind', checked, libc.mount, b'/', b'm', None, 0x5000, None)\nattempt('remount', checked, libc.mount, None, b'/', None, 0x1020, None)\n"
            "attempt('shared', checked, libc.mount, None, b'/', None, 0x100000, None)\nattempt('move', checked, libc.mount, b'/proc', b'm', None, 0x2000, None)",
        ),
    ),
    Attack(
        name="new-mounts",
        proves_little=_PLAIN,
        code=python(
            "attempt('open_tree', syscall, 428, -100, b'/', 1 | 0x8000)\nattempt('fsopen', syscall, 430, b'tmpfs', 0)\n"
            "attempt('fspick', syscall, 433, -100, b'/', 0)\nattempt('move_mount', syscall, 429, -100, b'/usr', -100, b'/tmp', 0)\n"
            "attempt('mount_setattr', syscall, 442, -100, b'/', 0x8000, bytes(32), 32)\n"
            "attempt('statmount', syscall, 457, bytes(32), bytes(4096), 4096, 0)\nattempt('listmount', syscall, 458, bytes(32), bytes(4096), 10, 0)",
        ),
        reasons=frozenset({"E2BIG"}),
    ),
    Attack(
        name="unmounting-what-hides",
        proves_little=_PLAIN,
        code=python(
            "for path in b'/proc', b'/workspace', b'/tmp', b'/dev', b'/':\n    attempt(path, checked, libc.umount2, path, 2)\n"
            "os.mkdir('old')\nattempt('pivot_root', syscall, 41 if ARM else 155, b'.', b'old')\nlooked('@SECRET@')",
        ),
    ),
    Attack(
        name="becoming-root",
        code=python(
            "for uid in 0, 1, 65534, 200001:\n"
            "    for act in os.setuid, os.seteuid, os.setgid, os.setegid: attempt(f'{act.__name__} {uid}', act, uid)\n"
            "    attempt('setresuid', os.setresuid, uid, uid, uid)\n    attempt('setgroups', os.setgroups, [uid])\n"
            "    got = libc.setfsuid(uid); now = libc.setfsuid(-1)\n    if now == uid: print('BREACH setfsuid', uid)\n"
            "if 0 in os.getresuid() + os.getresgid() + tuple(os.getgroups()): print('BREACH it is root')",
        ),
        # An id that the namespace does not know.
        reasons=frozenset({"EINVAL"}),
        proves_little=_PLAIN,
    ),
    Attack(
        name="capabilities",
        proves_little=_PLAIN,
        code=python(
            "header = struct.pack('II', 0x20080522, 0); every = struct.pack('6I', *[0xFFFFFFFF] * 6)\n"
            "attempt('capset', checked, libc.capset, header, every)\nattempt('ambient', checked, libc.prctl, 47, 2, 21, 0, 0)\n"
            "attempt('securebits', checked, libc.prctl, 28, 0x10, 0, 0, 0)\n"
            "got = ctypes.create_string_buffer(24); checked(libc.capget, header, got)\nif any(got.raw): print('BREACH capabilities', got.raw)\n"
            "if any(libc.prctl(24, n, 0, 0, 0) == 0 for n in range(41)): print('BREACH dropped from the bounding set')",
        ),
    ),
    Attack(
        name="set-uid-programs",
        code=shell(
            "for p in su sudo mount newgrp chsh passwd pkexec gpasswd fusermount umount; do f=$(command -v $p) || continue;"
            " echo | timeout 5 $f -c 'id -u' root 2>/dev/null | grep -qx 0 && echo BREACH $p; done;"
            " python3 -c 'import ctypes; exit(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) != 1)' || echo BREACH new privileges;"
            ' cp /usr/bin/id own; chmod 6755 own; [ "$(./own -u)" = "$(id -u)" ] || echo BREACH own; [ $(./own -u) != 0 ] || echo BREACH root'
        ),
    ),
    Attack(
        name="file-capabilities",
        proves_little=_PLAIN,
        code=python(
            "open('tool', 'w').close()\ncap = struct.pack('<5I', 0x02000001, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0)\n"
            "for name in 'security.capability', 'trusted.x', 'system.posix_acl_access':\n"
            "    attempt(name, os.setxattr, 'tool', name, cap)",
        ),
        reasons=frozenset({"ENOTSUP", "EINVAL"}),
    ),
    Attack(
        name="devices-made",
        proves_little=_PLAIN,
        code=python(
            "for kind, major, minor in (stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 2), (stat.S_IFCHR, 10, 229):\n"
            "    attempt('mknod', os.mknod, f'd{major}.{minor}', kind | 0o666, os.makedev(major, minor))",
        ),
    ),
    Attack(
        name="devices-opened",
        proves_little="the devices are root's on most machines",
        code=python(
            "for name in 'mem kmem port kvm fuse loop-control loop0 net/tun vda sda nvme0n1 vhost-net userfaultfd uinput input/event0 snapshot btrfs-control autofs watchdog rtc0 vsock cpu/0/msr raw/rawctl'.split():\n"
            "    for flags in os.O_RDONLY, os.O_RDWR: attempt(name, os.open, '/dev/' + name, flags | os.O_NONBLOCK)",
        ),
    ),
    Attack(
        name="kernel-settings-written",
        proves_little="they are root's",
        code=python(
            "for name in ('sys/kernel/core_pattern', 'sys/kernel/modprobe', 'sys/kernel/hostname', 'sys/vm/overcommit_memory', 'sysrq-trigger',\n"
            "    'sys/kernel/randomize_va_space', 'sys/net/ipv4/ip_forward', 'sys/user/max_user_namespaces', 'sys/fs/binfmt_misc/register',\n"
            "    'sys/fs/suid_dumpable', 'sys/kernel/unprivileged_bpf_disabled', 'irq/default_smp_affinity', 'mtrr', 'acpi/wakeup', 'scsi/scsi'):\n"
            "    attempt(name, os.open, '/proc/' + name, os.O_WRONLY)\n"
            "def last_pid(): fd = os.open('/proc/sys/kernel/ns_last_pid', os.O_WRONLY); return os.write(fd, b'4')\nattempt('last pid', last_pid)",
        ),
    ),
    Attack(
        name="sysfs-written",
        proves_little="it is root's",
        code=python(
            "for name in 'kernel/uevent_helper', 'power/state', 'kernel/mm/ksm/run', 'class/net/lo/mtu', 'kernel/security/lsm', 'firmware/efi', 'kernel/profiling':\n"
            "    attempt(name, os.open, '/sys/' + name, os.O_WRONLY)",
        ),
    ),
    Attack(
        name="own-id-map",
        code=python(
            "for name in 'uid_map', 'gid_map', 'setgroups', 'projid_map':\n"
            "    def written(): fd = os.open(f'/proc/self/{name}', os.O_WRONLY); return os.write(fd, b'deny' if name == 'setgroups' else b'0 0 4294967295')\n"
            "    attempt(name, written)\n"
            "for name in 'loginuid', 'attr/current', 'attr/exec':\n"
            "    def written(): fd = os.open(f'/proc/self/{name}', os.O_WRONLY); return os.write(fd, b'0')\n    attempt(name, written)",
        ),
        reasons=frozenset({"EINVAL"}),
    ),
    Attack(
        name="safer-from-the-oom-killer",
        proves_little=_PLAIN,
        code=python(
            "def set(score):\n    fd = os.open('/proc/self/oom_score_adj', os.O_WRONLY)\n    return os.write(fd, score)\n"
            "for score in b'-1000', b'-1': attempt(score, set, score)",
        ),
    ),
    Attack(
        name="control-groups",
        proves_little="they are root's",
        code=python(
            "import glob\nroots = ['/sys/fs/cgroup', *glob.glob('/sys/fs/cgroup/*')]\n"
            "for root in roots:\n    for name in 'cgroup.procs', 'release_agent', 'notify_on_release', 'pids.max', 'memory.max', 'cgroup.subtree_control', 'cgroup.kill':\n"
            "        attempt(name, os.open, f'{root}/{name}', os.O_WRONLY)\n    attempt('mkdir', os.mkdir, root + '/rt')",
        ),
        reasons=frozenset({"EEXIST"}),
    ),
    Attack(
        name="limits-raised",
        proves_little=_PLAIN,
        code=python(
            f"{FORKED}\nfor name in 'NPROC', 'DATA', 'FSIZE', 'NOFILE', 'CORE', 'MEMLOCK', 'MSGQUEUE', 'CPU':\n"
            "    which = getattr(resource, 'RLIMIT_' + name); soft, hard = resource.getrlimit(which)\n"
            "    if hard < 0: print('BREACH', name, 'has no limit')\n"
            "    for want in (hard + 1, hard + 1), (-1, -1):\n"
            "        def raised():\n            try: resource.setrlimit(which, want)\n            except ValueError: raise PermissionError(errno.EPERM, '')\n"
            "        forked(name, raised)\n"
            "def own():\n    try: resource.prlimit(0, resource.RLIMIT_NPROC, (-1, -1))\n    except ValueError: raise PermissionError(errno.EPERM, '')\n"
            "forked('prlimit', own)",
        ),
    ),
    Attack(
        name="limits-raised-by-bash",
        proves_little=_PLAIN,
        code=shell(
            'for o in u d f n c q t; do ulimit -H$o unlimited 2>/dev/null && echo BREACH $o; [ "$(ulimit -H$o)" != unlimited ] || echo BREACH $o; done;'
            " prlimit --pid $$ --nproc=unlimited 2>/dev/null && echo BREACH prlimit; true"
        ),
    ),
    Attack(
        name="priorities",
        proves_little=_PLAIN,
        code=python(
            "attempt('nice', os.setpriority, os.PRIO_PROCESS, 0, -5)\nattempt('fifo', os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))\n"
            "attempt('rr', os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1))\nattempt('ioprio', syscall, 30 if ARM else 251, 1, 0, (1 << 13) | 0)\n"
            "attempt('deadline', syscall, 274 if ARM else 314, 0, struct.pack('IIQiIQQQ', 48, 6, 0, 0, 0, 10**6, 10**7, 10**7), 0)",
        ),
    ),
    Attack(
        name="core-dumps",
        code=python(
            f"{FORKED}\nattempt('core', lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 1 << 20)) if resource.getrlimit(resource.RLIMIT_CORE)[1] else refused('core', PermissionError(1, '')))\n"
            "def crash(): libc.prctl(4, 1, 0, 0, 0); os.abort()\nforked('abort', crash)\n"
            "left = [n for n in os.listdir('.') if 'core' in n]\nif left: print('BREACH', left)",
        )
        .replace("attempt('core', lambda: ", "(lambda: ")
        .replace("refused('core', PermissionError(1, '')))", "refused('core', PermissionError(1, '')))()"),
        reasons=frozenset({"SIGABRT"}),
    ),
    Attack(
        name="files-made-immutable",
        proves_little=_PLAIN,
        code=python(
            "import fcntl\nfd = os.open('kept', os.O_CREAT | os.O_RDWR)\nflags = array = bytearray(8)\n"
            "for flag in 0x10, 0x20:\n    attempt(hex(flag), fcntl.ioctl, fd, 0x40086602, struct.pack('l', flag))\nos.unlink('kept')",
        ),
        reasons=frozenset({"ENOTTY", "ENOTSUP"}),
    ),
    Attack(
        name="names-of-the-machine",
        proves_little=_PLAIN,
        code=python(
            "attempt('host', socket.sethostname, 'owned')\nattempt('domain', checked, libc.setdomainname, b'owned', 5)"
        ),
    ),
)
