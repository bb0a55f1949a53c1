"""Folders on the disk for tests: what is in them by another way than the product's, and random things done to them."""

# ruff: noqa: PTH101, PTH103, PTH104, PTH108, PTH112, PTH114, PTH115, PTH118, PTH123, PTH211 - names of any bytes: pathlib knows text

import os
import shutil
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

Seen = dict[bytes, tuple[str, int, bytes]]
NAMES = (b"a", b"b", b"\xff\n\\x", "é".encode(), b" ")
CONTENTS = (b"", b"one\n", b"two\n", b"\0" * 70_000, b"line\n" * 60_000)


def seen(folder: Path) -> Seen:
    """Kind, permission bits and content (or target) of everything below `folder`, by path."""
    found: Seen = {}
    top = os.fsencode(folder)
    for above, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(above, name)
            mode = os.lstat(path).st_mode
            content = b""
            if stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    content = file.read()
            elif stat.S_ISLNK(mode):
                content = os.readlink(path)
            bits = 0 if stat.S_ISLNK(mode) else mode & 0o777
            found[path[len(top) + 1 :]] = (stat.filemode(mode)[0], bits, content)
    return found


def differing(before: Seen, after: Seen) -> set[bytes]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


@dataclass(frozen=True)
class Act:
    """One thing done to a folder; what the system refuses does not happen."""

    verb: Literal["write", "mkdir", "remove", "chmod", "link", "rename", "fifo", "hard_link"]
    path: tuple[bytes, ...]
    other: tuple[bytes, ...] = (b"a",)
    content: int = 0
    mode: int = 0o644

    def on(self, folder: Path) -> None:
        path, other = (os.path.join(os.fsencode(folder), *parts) for parts in (self.path, self.other))
        with suppress(OSError, shutil.Error):
            match self.verb:
                case "write":
                    # A FIFO has no reader, and a link may lead out.
                    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW
                    with os.fdopen(os.open(path, flags, 0o644), "wb") as file:
                        file.write(CONTENTS[self.content])
                        if os.geteuid() == 0:  # as a command of the room would own it
                            os.fchown(file.fileno(), folder.stat().st_uid, -1)
                case "mkdir":
                    os.makedirs(path)
                case "remove":
                    if os.path.isdir(path) and not os.path.islink(path):
                        shutil.rmtree(path)
                    else:
                        os.unlink(path)
                case "chmod":
                    if not os.path.islink(path):
                        os.chmod(path, self.mode | (0o700 if os.path.isdir(path) or os.geteuid() else 0))
                case "link":
                    os.symlink(os.path.join(b"..", *self.other), path)
                case "rename":
                    os.rename(path, other)
                case "fifo":
                    os.mkfifo(path)
                case "hard_link":
                    os.link(path, other)


_path = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)
acts = st.lists(
    st.builds(
        Act,
        verb=st.sampled_from(
            ["write", "write", "write", "mkdir", "remove", "chmod", "link", "rename", "rename", "fifo", "hard_link"]
        ),
        path=_path,
        other=_path,
        content=st.integers(0, len(CONTENTS) - 1),
        mode=st.sampled_from([0o600, 0o644, 0o755, 0o400, 0o000, 0o777]),
    ),
    max_size=12,
)


def do(folder: Path, script: list[Act]) -> None:
    for act in script:
        act.on(folder)


def make_socket(path: Path) -> None:
    # By descriptor: the address of a socket has room for some hundred characters.
    above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{above}/{path.name}")
    finally:
        os.close(above)
