"""Hostile commands that reach for the network: out of the sandbox, into it, and over sockets that are files or names."""

from typing import Final

from tests.redteam.attack import Attack, python, shell

_REACHED: Final = """
def stream(family, address, send=b"GET / HTTP/1.0\\r\\n\\r\\n", protocol=0):
    with socket.socket(family, socket.SOCK_STREAM, protocol) as s:
        s.settimeout(3); s.connect(address); s.sendall(send); return address
def datagram(family, address, flags=0):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(3); return s.sendto(b"@NONCE@", flags, address)
INET, INET6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
"""
_WAITS: Final = frozenset({"EINPROGRESS", "None", "EHOSTUNREACH"})

NETWORK: Final = (
    Attack(name="tcp", control=True, code=python(f"{_REACHED}\nattempt('tcp', stream, INET, ('127.0.0.1', @TCP4@))")),
    Attack(
        name="tcp-by-bash",
        control=True,
        code=shell(
            "for h in 127.0.0.1 localhost 0.0.0.0 127.1; do exec 9<>/dev/tcp/$h/@TCP4@ && { echo BREACH $h; read -t 0.2 -u 9 x; }; done; exec 8<>/dev/udp/127.0.0.1/@UDP4@ && echo hello >&8"
        ),
    ),
    Attack(
        name="other-names-of-this-machine",
        control=True,
        code=python(
            f"{_REACHED}\nfor host in '0.0.0.0', '127.0.0.2', '127.1', '2130706433', '0x7f000001', 'localhost', socket.gethostname():\n"
            "    attempt(host, stream, INET, (host, @TCP4@))",
        ),
        reasons=frozenset({"-2", "-3", "-5"}),
    ),
    Attack(
        name="tcp-over-ipv6",
        control=True,
        needs="ipv6",
        code=python(
            f"{_REACHED}\nattempt('::1', stream, INET6, ('::1', @TCP6@))\nattempt('zero', stream, INET6, ('::', @TCP6@))"
        ),
    ),
    Attack(
        name="ipv4-inside-ipv6",
        control=True,
        code=python(
            f"{_REACHED}\nfor host in '::ffff:127.0.0.1', '::ffff:0.0.0.0', '::ffff:7f00:1': attempt(host, stream, INET6, (host, @TCP4@))"
        ),
    ),
    Attack(
        name="udp",
        control=True,
        code=python(
            f"{_REACHED}\nfor _ in range(3): attempt('udp', datagram, INET, ('127.0.0.1', @UDP4@)) if False else None\ntry: datagram(INET, ('127.0.0.1', @UDP4@))\nexcept OSError as error: refused('udp', error)"
        ).replace("for _ in range(3): attempt('udp', datagram, INET, ('127.0.0.1', @UDP4@)) if False else None\n", ""),
    ),
    Attack(
        name="udp-over-ipv6",
        control=True,
        code=python(
            f"{_REACHED}\nfor host, port in ('::1', @UDP6@), ('::ffff:127.0.0.1', @UDP4@):\n    try: datagram(INET6, (host, port))\n    except OSError as error: refused('udp', error)"
        ),
    ),
    Attack(
        name="fast-open",
        control=True,
        code=python(
            f"{_REACHED}\ndef fast():\n    with socket.socket(INET) as s: return s.sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', @TCP4@))\nattempt('fast', fast)\n"
            "def lazy():\n    with socket.socket(INET) as s:\n        s.setsockopt(6, 30, 1); s.connect(('127.0.0.1', @TCP4@)); return s.send(b'x')\nattempt('lazy', lazy)",
        ),
    ),
    Attack(
        name="other-transports",
        code=python(
            f"{_REACHED}\nfor name, kind, protocol in ('mptcp', socket.SOCK_STREAM, 262), ('sctp', socket.SOCK_STREAM, 132), ('dccp', 6, 33), ('udplite', socket.SOCK_DGRAM, 136), ('smc', socket.SOCK_STREAM, 256):\n"
            "    def reached():\n        with socket.socket(INET, kind, protocol) as s: s.settimeout(3); s.connect(('127.0.0.1', @TCP4@)); return s.send(b'x')\n"
            "    try: reached()\n    except OSError as error: refused(name, error)",
        ),
        reasons=frozenset({"EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EINVAL", "ENOPROTOOPT"}),
    ),
    Attack(
        name="abstract-socket",
        control=True,
        code=python(
            f"{_REACHED}\nattempt('stream', stream, UNIX, '\\0@ABSTRACT@')\nattempt('datagram', datagram, UNIX, '\\0@ABSTRACT_DGRAM@')"
        ),
    ),
    Attack(
        name="path-socket",
        control=True,
        code=python(
            f"{_REACHED}\nattempt('stream', stream, UNIX, '@SOCKET@')\nattempt('datagram', datagram, UNIX, '@DGRAM@')"
        ),
    ),
    Attack(
        name="path-socket-by-links",
        control=True,
        code=python(
            f"{_REACHED}\nos.symlink('@SOCKET@', 's'); os.symlink('@FOLDER@', 'd')\nfor path in 's', 'd/socket', '/proc/self/root@SOCKET@': attempt(path, stream, UNIX, path)\n"
            "def by_fd():\n    fd = os.open('@SOCKET@', os.O_PATH); return stream(UNIX, f'/proc/self/fd/{fd}')\nattempt('by descriptor', by_fd)",
        ),
    ),
    Attack(
        name="descriptor-sent-out",
        control=True,
        code=python(
            f"{_REACHED}\ndef sent():\n    with socket.socket(UNIX) as s:\n        s.connect('@SOCKET@'); return socket.send_fds(s, [b'x'], [os.open('.', os.O_RDONLY)])\nattempt('sent', sent)\n"
            "def by_leak():\n    with socket.socket(fileno=79) as s: return socket.send_fds(s, [b'@NONCE@'], [0])\nattempt('leaked', by_leak)",
        ),
        reasons=frozenset({"EBADF"}),
    ),
    Attack(
        name="sockets-of-services",
        proves_little="not every machine has them",
        code=python(
            f"{_REACHED}\nfor path in ('/run/docker.sock', '/var/run/docker.sock', '/run/dbus/system_bus_socket', '/run/systemd/private', '/run/containerd/containerd.sock',\n"
            "    '/tmp/.X11-unix/X0', '/run/user/0/bus', '/dev/log', '/run/nscd/socket', '\\0/tmp/.X11-unix/X0', '\\0/tmp/dbus-session'):\n    attempt(repr(path), stream, UNIX, path)",
        ),
    ),
    Attack(
        name="names-looked-up",
        code=python(
            "for name in 'example.com', 'localhost.localdomain', 'metadata.google.internal', 'host.docker.internal':\n"
            "    attempt(name, socket.getaddrinfo, name, 80)\nfor path in '/etc/resolv.conf', '/run/systemd/resolve/stub-resolv.conf': attempt(path, os.open, path, os.O_RDONLY)",
        ),
        reasons=frozenset({"-2", "-3", "-5"}),
    ),
    Attack(
        name="dns-by-hand",
        code=python(
            f"{_REACHED}\nquery = b'\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3com\\0\\0\\1\\0\\1'\nfor host in '8.8.8.8', '1.1.1.1', '127.0.0.53', '224.0.0.251':\n"
            "    def asked():\n        with socket.socket(INET, socket.SOCK_DGRAM) as s: s.settimeout(1); s.sendto(query, (host, 53)); return s.recv(512)\n    attempt(host, asked)",
        ),
        reasons=_WAITS,
    ),
    Attack(
        name="addresses-outside",
        code=python(
            f"{_REACHED}\nfor host, port in ('192.0.2.1', 443), ('169.254.169.254', 80), ('10.0.0.1', 22), ('172.17.0.1', 2375), ('192.168.0.1', 80): attempt(host, stream, INET, (host, port))\n"
            "for host in '2001:db8::1', 'fe80::1%lo', 'fd00:ec2::254': attempt(host, stream, INET6, (host, 80))",
        ),
        reasons=frozenset({"EINVAL", "-2", "-3", "-9", "EHOSTUNREACH"}),
    ),
    Attack(
        name="programs-that-fetch",
        control=True,
        code=shell(
            "for p in curl wget; do command -v $p >/dev/null && timeout 1 $p -qO- http://127.0.0.1:@TCP4@/ 2>&1 | tail -n 1; done; timeout 1 git ls-remote http://127.0.0.1:@TCP4@/x;"
            " timeout 1 python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:@TCP4@/\", timeout=1)' 2>&1 | tail -n 1"
        ),
    ),
    Attack(
        name="raw-sockets",
        proves_little="the kernel asks for a capability",
        code=python(
            "for protocol in 1, 6, 17, 255: attempt(f'raw {protocol}', socket.socket, socket.AF_INET, socket.SOCK_RAW, protocol)\n"
            "attempt('raw6', socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58)\n"
            "def ping():\n    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1) as s: s.settimeout(1); s.sendto(b'\\x08\\0\\0\\0\\0\\0\\0\\0', ('192.0.2.1', 0)); return s.recv(100)\n"
            "attempt('ping', ping)",
        ),
        reasons=frozenset({"EPROTONOSUPPORT"}),
    ),
    Attack(
        name="exotic-families",
        code=python(
            "ours = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}\nfor family in range(0, 64):\n    if family in ours: continue\n"
            "    for kind in 1, 2, 3, 5: attempt(f'{family}/{kind}', socket.socket, family, kind, 0)\n"
            "    attempt(f'pair {family}', socket.socketpair, family, 1)",
        ),
    ),
    Attack(
        name="families-with-high-bits",
        code=python(
            "for family in (1 << 32) | 16, (1 << 32) | 17, (1 << 63) | 40:\n    attempt(hex(family), lambda: checked(libc.syscall, ctypes.c_long(198 if ARM else 41), ctypes.c_ulong(family), 3, 0))",
        ),
    ),
    Attack(
        name="listening",
        control=True,
        is_dialled=True,
        code=python(
            "for family, host in (socket.AF_INET, '0.0.0.0'), (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::'):\n"
            "    try:\n        s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((host, @FREE@)); s.listen(); globals()[f's{host}'] = s\n"
            "    except OSError as error: refused(host, error)\ntime.sleep(0.5)",
        ),
        reasons=frozenset({"EADDRINUSE"}),
    ),
    Attack(
        name="squatting-a-port-of-the-host",
        code=python(
            "for port in @TCP4@, @UDP4@:\n    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:\n        try:\n"
            "            s = socket.socket(socket.AF_INET, kind); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(('0.0.0.0', port))\n"
            "        except OSError as error: refused(port, error)",
        ),
        reasons=frozenset({"EADDRINUSE"}),
    ),
    Attack(
        name="broadcast-and-multicast",
        code=python(
            "for host in '255.255.255.255', '127.255.255.255', '224.0.0.1', '239.1.2.3':\n    def sent():\n"
            "        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); return s.sendto(b'x', (host, @UDP4@))\n"
            "    try: sent()\n    except OSError as error: refused(host, error)",
        ),
        reasons=frozenset({"EHOSTUNREACH"}),
    ),
    Attack(
        name="interfaces-changed",
        proves_little="the kernel asks for a capability",
        code=python(
            "import fcntl\ntry: s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nexcept OSError as error: refused('socket', error)\nelse:\n"
            "    for name, command in ('flags', 0x8914), ('address', 0x8916), ('route', 0x890B), ('bridge', 0x89A0):\n"
            "        attempt(name, fcntl.ioctl, s, command, struct.pack('16sH22x', b'lo', 0))\n"
            "    names = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]\n"
            "    if names != ['lo']: print('BREACH interfaces', names)",
        ),
        reasons=frozenset({"EINVAL", "ENOPKG"}),
    ),
    Attack(
        name="namespaces-of-the-network",
        proves_little="the kernel asks for a capability",
        code=python(
            "import glob\nfor path in ['/proc/1/ns/net', '/proc/@VICTIM@/ns/net', '/proc/@SERVER@/ns/net', *glob.glob('/run/netns/*'), *glob.glob('/var/run/netns/*')]:\n"
            "    def joined(): fd = os.open(path, os.O_RDONLY); return checked(libc.setns, fd, 0x40000000)\n    attempt(path, joined)",
        ),
    ),
)
