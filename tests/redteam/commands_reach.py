"""Hostile commands that reach for files outside: to read, write, change or merely find them."""

from typing import Final

from tests.redteam.attack import Attack, Kind, python, shell

_TOLD_BY_STAT: Final = {Kind.LANDLOCK: "landlock tells by stat whether a path exists"}
_TIMES: Final = {Kind.LANDLOCK: "landlock does not cover times and xattrs of files that every uid may write"}

REACH: Final = (
    Attack(
        name="absolute-paths",
        control=True,
        code=python("for path in '@SECRET@', '@SECRET2@', '@SECRET_SHM@': looked(path)"),
    ),
    Attack(
        name="dots-above-the-root",
        control=True,
        code=python(
            "for ups in 1, 5, 40, 300: looked('../' * ups + '@SECRET@'[1:])\n"
            "looked('/workspace/./..//../@SECRET@')\nlooked('/proc/self/cwd/../../../../..@SECRET@')",
        ),
    ),
    Attack(
        name="symbolic-links",
        control=True,
        code=python(
            "os.symlink('@SECRET@', 'link'); looked('link')\nos.symlink('/', 'root'); looked('root@SECRET@')\n"
            "os.symlink('root', 'again'); looked('again@SECRET2@')\n"
            "os.symlink('../' * 30 + '@SECRET@'[1:], 'up'); looked('up')",
        ),
    ),
    Attack(
        name="writes-through-a-symbolic-link",
        control=True,
        code=shell(
            "ln -s @SECRET@ out; echo owned >out; ln -s @FOLDER_SHM@ far; echo owned >far/new; cp /bin/true far/tool"
        ),
    ),
    Attack(
        name="hard-links",
        proves_little="the kernel's protected_hardlinks and other file systems stop some of it",
        code=python(
            "for path in '@SECRET@', '@SECRET2@', '@SECRET_SHM@', '@SETTINGS@':\n"
            "    attempt('link', os.link, path, 'hard')\n"
            "    attempt('linkat', lambda: os.link(path, 'hard2', follow_symlinks=True))",
        ),
        reasons=frozenset({"EXDEV"}),
    ),
    Attack(
        name="magic-links-of-process-1",
        control=True,
        code=python(
            "for p in '1', 'self', 'thread-self', str(os.getppid()), '@SERVER@', '@VICTIM@':\n"
            "    for link in 'root', 'cwd/../../../../../..':\n        looked(f'/proc/{p}/{link}@SECRET@')",
        ),
    ),
    Attack(
        name="magic-links-of-every-process",
        control=True,
        code=python(
            "for pid in range(1, 400):\n    try: tell(read(f'/proc/{pid}/root@SECRET@'))\n    except OSError: pass\n"
            "looked('/proc/@VICTIM@/root@SECRET@')",
        ),
    ),
    Attack(
        name="chroot-and-out-again",
        proves_little="a plain uid may not chroot at all",
        code=python(
            "os.mkdir('jail'); fd = os.open('.', os.O_RDONLY)\nattempt('chroot', os.chroot, 'jail')\nos.fchdir(fd)\n"
            "for _ in range(64): os.chdir('..')\nattempt('chroot', os.chroot, '.')\nlooked('.@SECRET@')",
        ),
    ),
    Attack(
        name="file-handles",
        proves_little="open_by_handle_at takes a capability",
        code=python(
            "handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128)); mount = ctypes.c_int()\n"
            "name_to, open_by = (264, 265) if ARM else (303, 304)\n"
            "attempt('name_to_handle_at', syscall, name_to, -100, b'/usr', handle, ctypes.byref(mount), 0)\n"
            "root = struct.pack('Ii', 8, 1) + struct.pack('II', 2, 0)\nfd = os.open('.', os.O_RDONLY)\n"
            "attempt('open_by_handle_at', syscall, open_by, fd, root, 0)",
        ),
    ),
    Attack(
        name="descriptors-opened-by-path-only",
        control=True,
        code=python(
            "def by_path(path):\n    fd = os.open(path, os.O_PATH)\n    return read(f'/proc/self/fd/{fd}')\n"
            "attempt('O_PATH', by_path, '@SECRET@')\n"
            "def up():\n    fd = os.open('/workspace' if os.path.exists('/workspace') else '.', os.O_PATH)\n"
            "    for _ in range(40): fd = os.open('..', os.O_PATH, dir_fd=fd)\n"
            "    return os.open('@SECRET@'[1:], os.O_RDONLY, dir_fd=fd)\nattempt('up', up)",
        ),
    ),
    Attack(
        name="openat2-with-every-flag",
        control=True,
        code=python(
            "for flags in 0, 1, 2, 4, 16, 32:\n    how = struct.pack('QQQ', os.O_RDONLY, 0, flags)\n"
            "    attempt(f'openat2 {flags}', syscall, 437, -100, b'@SECRET@', how, 24)",
        ),
        reasons=frozenset({"EXDEV", "EAGAIN"}),
    ),
    Attack(
        name="descriptor-reopened-for-writing",
        proves_little="the file belongs to root",
        code=python(
            "fd = os.open('/usr/bin/env', os.O_RDONLY)\nattempt('reopen', os.open, f'/proc/self/fd/{fd}', os.O_WRONLY)\n"
            "attempt('dev fd', os.open, f'/dev/fd/{fd}', os.O_RDWR)\nattempt('fchmod', os.fchmod, fd, 0o777)",
        ),
        reasons=frozenset({"ETXTBSY"}),
    ),
    Attack(
        name="appends-overwrites-truncates",
        control=True,
        code=python(
            "for path in '@SECRET@', '@SECRET_SHM@':\n    for flags in os.O_WRONLY, os.O_APPEND | os.O_WRONLY, os.O_RDWR | os.O_TRUNC:\n"
            "        attempt('open', os.open, path, flags)\n    attempt('truncate', os.truncate, path, 0)",
        ),
    ),
    Attack(
        name="tampering-by-sed-dd-tee",
        control=True,
        code=shell(
            "for f in @SECRET@ @SECRET2@ @SECRET_SHM@; do dd if=/dev/zero of=$f bs=1 count=4 conv=notrunc; echo x | tee -a $f;"
            " sed -i s/c/k/ $f; truncate -s 3 $f; cp /etc/passwd $f; done 2>&1 | tail -n 3"
        ),
    ),
    Attack(
        name="ownership-and-mode",
        proves_little="the file belongs to another uid",
        code=python(
            "path = '@SECRET@'\nattempt('chmod', os.chmod, path, 0)\nattempt('chown', os.chown, path, os.getuid(), os.getgid())\n"
            "attempt('chmod2', os.chmod, '@FOLDER@', 0o777)\nattempt('lchown', os.lchown, '@SOCKET@', 0, 0)",
        ),
    ),
    Attack(
        name="times-and-extended-attributes",
        control=True,
        accepted=_TIMES,
        code=python(
            "attempt('utime', os.utime, '@TIMES@')\nattempt('setxattr', os.setxattr, '@TIMES@', 'user.owned', b'1')"
        ),
        reasons=frozenset({"ENOTSUP"}),
    ),
    Attack(
        name="renames-and-exchanges",
        control=True,
        code=python(
            "open('mine', 'w').close()\nnumber = 276 if ARM else 316\n"
            "for flags in 0, 1, 2: attempt(f'renameat2 {flags}', syscall, number, -100, b'@SECRET_OPEN@', -100, b'mine', flags)\n"
            "attempt('onto', os.rename, 'mine', '@SECRET_OPEN@')\nattempt('beside', os.rename, 'mine', '@FOLDER_OPEN@/new')",
        ),
        reasons=frozenset({"EXDEV", "EEXIST"}),
    ),
    Attack(
        name="creates-and-deletes-in-an-open-folder",
        control=True,
        code=python(
            "for folder in '@FOLDER_SHM@', '@FOLDER_OPEN@':\n    attempt('create', os.open, folder + '/new', os.O_CREAT | os.O_WRONLY)\n    attempt('mkdir', os.mkdir, folder + '/d')\n"
            "    attempt('symlink', os.symlink, '/', folder + '/l')\n    attempt('mkfifo', os.mkfifo, folder + '/p')\n"
            "    attempt('unlink', os.unlink, folder + '/secret')",
        ),
    ),
    Attack(
        name="system-folders-written",
        proves_little="they belong to root",
        code=python(
            "for path in '/usr/bin/rt', '/etc/rt', '/bin/rt', '/lib/rt', '/usr/lib/python3/rt', '/rt', '/dev/rt', '/etc/ld.so.preload':\n"
            "    attempt(path, os.open, path, os.O_CREAT | os.O_WRONLY)\n"
            "for path in '/etc/passwd', '/etc/hosts', '/usr/bin/env': attempt(path, os.open, path, os.O_WRONLY)\n"
            "attempt('unlink', os.unlink, '/etc/hosts')\nattempt('rename', os.rename, '/usr/bin/env', '/usr/bin/enw')",
        ),
        reasons=frozenset({"ETXTBSY", "EBUSY", "EXDEV"}),
    ),
    Attack(
        name="existence",
        control=True,
        accepted=_TOLD_BY_STAT,
        code=python(
            "for path in '@SECRET@', '@FOLDER@', '@SETTINGS@', '@CODE@/multiplayer':\n    attempt('stat', os.stat, path)\n    attempt('access', lambda: os.access(path, 0) or os.stat(path))",
        ),
    ),
    Attack(
        name="listing-folders",
        control=True,
        code=python(
            "for path in '@FOLDER@', '@FOLDER2@', '@FOLDER_SHM@':\n    try: tell(os.listdir(path))\n"
            "    except OSError as error: refused(path, error)",
        ),
    ),
    Attack(
        name="find-over-all-that-is-visible",
        control=True,
        code=shell(
            # Where it succeeds it ends with the first: a whole machine takes minutes, what a sandbox shows does not.
            "find @FOLDER@ / -path /proc -prune -o -path /sys -prune -o -path /usr -prune -o -path /root -prune -o -path @CODE@ -prune"
            " -o -name 'canary-*' -print -quit 2>/dev/null | grep -a canary- || ls -RA /tmp /var/tmp /dev/shm 2>/dev/null | grep -a canary-"
        ),
    ),
    Attack(
        name="watching-a-folder",
        control=True,
        code=python(
            "def watched(): return checked(libc.inotify_add_watch, checked(libc.inotify_init), b'@FOLDER@', 0xFFF)\nattempt('inotify', watched)"
        ),
    ),
    Attack(
        name="credentials-of-the-machine",
        proves_little="most are closed to other users",
        code=python(
            "import glob\nnames = ['/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/root/.ssh/id_rsa', '/root/.netrc', '/root/.aws/credentials',\n"
            "    '/root/.docker/config.json', '/var/lib/dpkg/status', '/run/secrets/key', '/var/run/secrets/kubernetes.io/serviceaccount/token',\n"
            "    '/etc/ssh/ssh_host_rsa_key', '/etc/machine-id', '/root/.bash_history', '/var/log/dpkg.log']\n"
            "for name in names: looked(name)\n"
            "for pattern in '/home/*/.ssh/*', '/root/.ssh/*', '/var/lib/*', '/opt/*', '/srv/*', '/run/*/*':\n"
            "    for name in glob.glob(pattern)[:3]:\n        if os.path.isfile(name): looked(name)",
        ),
    ),
    Attack(
        name="code-and-settings-of-the-server",
        control=True,
        code=python(
            "looked('@SETTINGS@')\nlooked('@CODE@/pyproject.toml')\n"
            "attempt('code', os.open, '@CODE@/multiplayer/__init__.py', os.O_RDONLY)\n"
            "attempt('environment', os.listdir, '@CODE@/.venv/lib')",
        ),
    ),
    Attack(
        name="another-room-s-workspace",
        control=True,
        code=python(
            "looked('@OTHER_ROOM@')\nattempt('listing', os.listdir, '@ROOMS@')\nlooked('../other/secret')\n"
            "own = [line.split()[3] for line in open('/proc/self/mountinfo') if ' /workspace ' in line] if os.path.exists('/workspace') else []\n"
            "for path in own: looked(os.path.dirname(path) + '/other/secret')",
        ),
        reasons=frozenset({"EXDEV"}),
    ),
    Attack(
        name="settings-rewritten",
        control=True,
        code=shell(
            "echo POLICY=open >>@SETTINGS@; echo planted >@OTHER_ROOM@; rm -f @SETTINGS@; mv @OTHER_ROOM@ mine; ls"
        ),
    ),
    Attack(
        name="archives-with-absolute-names",
        control=True,
        code=shell(
            "echo owned >payload; tar -cPf evil.tar --transform='s,payload,@FOLDER_SHM@/slipped,' payload; tar -xPf evil.tar;"
            " tar -cPf up.tar --transform='s,payload,../../../../../../..@FOLDER_SHM@/slipped2,' payload; tar -xPf up.tar; tar -tPf up.tar"
        ),
    ),
    Attack(
        name="git-reads-elsewhere",
        control=True,
        code=shell(
            "git -c protocol.file.allow=always clone -q file://@CODE@ stolen 2>&1 | tail -n 2; ls stolen 2>/dev/null && echo BREACH clone;"
            " git config --file @SETTINGS@ --list; git diff --no-index /dev/null @SECRET@"
        ),
    ),
    Attack(
        name="loaders-and-interpreters-as-readers",
        control=True,
        code=shell(
            "(bash @SECRET@; . @SECRET@; python3 @SECRET@ 2>&1 | tail -n 3; LD_PRELOAD=@SECRET@ true; awk 1 @SECRET@;"
            ' BASH_ENV=@SECRET@ bash -c :; xargs -a @SECRET@ echo; mapfile -t m <@SECRET@; echo "${m[@]}"; diff @SECRET@ /dev/null) 2>&1 | tr " " "\\n"'
        ),
    ),
    Attack(
        name="copies-in-the-kernel",
        control=True,
        code=python(
            "out = os.open('out', os.O_CREAT | os.O_RDWR)\ndef copied(act):\n    fd = os.open('@SECRET@', os.O_RDONLY)\n    return act(fd)\n"
            "attempt('sendfile', copied, lambda fd: os.sendfile(out, fd, 0, 100))\n"
            "attempt('copy_file_range', copied, lambda fd: os.copy_file_range(fd, out, 100))\n"
            "attempt('splice', copied, lambda fd: os.splice(fd, os.pipe()[1], 100))\n"
            "attempt('mmap', copied, lambda fd: __import__('mmap').mmap(fd, 0, prot=1))",
        ),
    ),
)
