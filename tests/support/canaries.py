"""Planted things of the host that an escaped command would read, change, reach or kill; `trips` says which it did."""

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import struct
import tempfile
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.shmat.restype = ctypes.c_void_p
_SHM_GONE, _QUEUE_GONE = "the SysV shared memory was removed", "the SysV queue was removed"
_NO_WAIT = 0o4000
_IPC_CREATE, _IPC_REMOVE, _IPC_STAT, _SEM_GET, _SEM_SET = 0o1000, 0, 2, 12, 16


class Canaries:
    """All that is planted once for a stage. `values` are names for attack scripts, `tokens` what must never be printed."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._held = contextlib.ExitStack()
        self._files: dict[Path, tuple[object, ...]] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._folders: dict[Path, set[str]] = {}
        self._shm = self._sem = self._msg = self._mq = -1
        self._shm_at: int | None = None

    def token(self, kind: str) -> str:
        """A fresh secret; seeing it in an output is a trip."""
        return self.tokens.setdefault(kind, f"canary-{kind}-{secrets.token_hex(8)}")

    @classmethod
    def plant(cls, tokens: dict[str, str] | None = None) -> "Canaries":
        """`tokens` are those of an earlier planting, where some of them are still in use."""
        canaries = cls()
        canaries.tokens |= tokens or {}
        try:
            canaries._plant_files()
            canaries._plant_listeners()
            canaries._plant_ipc()
        except BaseException:
            canaries.close()
            raise
        return canaries

    def _plant_files(self) -> None:
        places = {"": tempfile.gettempdir(), "2": "/var/tmp", "_SHM": "/dev/shm", "_OPEN": tempfile.gettempdir()}
        for suffix, place in places.items():
            at = place if os.access(place, os.W_OK) else tempfile.gettempdir()
            folder = Path(tempfile.mkdtemp(prefix="rt-host-", dir=at))
            self._held.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.chmod(0o777 if suffix in {"_SHM", "_OPEN"} else 0o755)
            secret = folder / "secret"
            self._file(secret, self.token(f"file{suffix.lower()}"))
            self.values[f"SECRET{suffix}"] = str(secret)
            self.values[f"FOLDER{suffix}"] = str(folder)
            # A name that only a listing of the folder can tell.
            self._file(folder / self.token(f"name{suffix.lower()}"), "listed")
            self._folders[folder] = {entry.name for entry in folder.iterdir()}
        times = Path(self.values["FOLDER"]) / "times"
        self._file(times, self.token("times"))
        self._folders[times.parent].add(times.name)
        self.values["TIMES"] = str(times)

    def _file(self, path: Path, text: str) -> None:
        path.write_text(text + "\n")
        path.chmod(0o666)
        self._files[path] = _seen(path)

    def watch(self, path: Path) -> None:
        """Watch a file that another part has planted."""
        self._files[path] = _seen(path)

    def _plant_listeners(self) -> None:
        kinds = {
            "TCP4": (socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
            "UDP4": (socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"),
        }
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            kinds["TCP6"] = (socket.AF_INET6, socket.SOCK_STREAM, "::1")
            kinds["UDP6"] = (socket.AF_INET6, socket.SOCK_DGRAM, "::1")
        for name, (family, kind, host) in kinds.items():
            listener = self._listener(name, family, kind)
            listener.bind((host, 0))
            self.values[name] = str(listener.getsockname()[1])
        for missing in {"TCP6", "UDP6"} - kinds.keys():
            self.values[missing] = "9"
        folder = Path(self.values["FOLDER"])
        for name, kind in (("ABSTRACT", socket.SOCK_STREAM), ("ABSTRACT_DGRAM", socket.SOCK_DGRAM)):
            self.values[name] = f"rt-{secrets.token_hex(8)}"
            self._listener(name, socket.AF_UNIX, kind).bind("\0" + self.values[name])
        self._listener("HIDDEN", socket.AF_UNIX, socket.SOCK_STREAM).bind("\0" + self.token("abstract"))
        for name, kind in (("SOCKET", socket.SOCK_STREAM), ("DGRAM", socket.SOCK_DGRAM)):
            path = folder / name.lower()
            self._listener(name, socket.AF_UNIX, kind).bind(str(path))
            path.chmod(0o777)
            self._folders[folder].add(path.name)
            self.values[name] = str(path)
        for listener in self._listeners.values():
            if listener.type == socket.SOCK_STREAM:
                listener.listen()
            listener.setblocking(False)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.values["FREE"] = str(probe.getsockname()[1])

    @property
    def listening(self) -> frozenset[str]:
        return frozenset(self._listeners)

    def _listener(self, name: str, family: int, kind: int) -> socket.socket:
        listener = self._held.enter_context(socket.socket(family, kind))
        self._listeners[name] = listener
        return listener

    def _plant_ipc(self) -> None:
        key = secrets.randbelow(2**30) + 1
        self.values["KEY"] = str(key)
        self._shm = _LIBC.shmget(key, 4096, _IPC_CREATE | 0o666)
        self._sem = _LIBC.semget(key, 1, _IPC_CREATE | 0o666)
        self._msg = _LIBC.msgget(key, _IPC_CREATE | 0o666)
        if min(self._shm, self._sem, self._msg) < 0:
            raise OSError(ctypes.get_errno(), "no SysV IPC to plant")
        self._held.callback(_LIBC.shmctl, self._shm, _IPC_REMOVE, None)
        self._held.callback(_LIBC.semctl, self._sem, 0, _IPC_REMOVE, 0)
        self._held.callback(_LIBC.msgctl, self._msg, _IPC_REMOVE, None)
        self._shm_at = _LIBC.shmat(self._shm, None, 0)
        assert self._shm_at is not None
        self._held.callback(_LIBC.shmdt, ctypes.c_void_p(self._shm_at))
        text = self.token("sysv").encode()
        ctypes.memmove(self._shm_at, text, len(text))
        _LIBC.semctl(self._sem, 0, _SEM_SET, 7)
        self._send()
        self.values |= {"SHM": str(self._shm), "SEM": str(self._sem), "MSG": str(self._msg)}
        name = f"/rt-{secrets.token_hex(8)}"
        self.values["QUEUE"] = name
        before = os.umask(0)
        try:
            self._mq = _LIBC.mq_open(name.encode(), os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o666, None)
        finally:
            os.umask(before)
        if self._mq >= 0:  # a kernel may be built without
            self._held.callback(_LIBC.mq_unlink, name.encode())
            self._held.callback(os.close, self._mq)
            queued = self.token("queue").encode()
            _LIBC.mq_send(self._mq, queued, len(queued), 0)

    def trips(self) -> list[str]:
        """What was touched since planting; a few hundred microseconds. Connections are told once."""
        return [*self._file_trips(), *self._listener_trips(), *self._ipc_trips()]

    def repair(self) -> None:
        """After a trip: put back what can be, and take the rest as it is now, so that it is told once."""
        for path in self._files:
            self._files[path] = _seen(path)
        for folder in self._folders:
            self._folders[folder] = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
        if _SHM_GONE in (trips := self._ipc_trips()) or _QUEUE_GONE in trips:
            return  # told again and again: nothing worse can happen
        text = self.tokens["sysv"].encode() + b"\0"
        assert self._shm_at is not None
        ctypes.memmove(self._shm_at, text, len(text))
        _LIBC.semctl(self._sem, 0, _SEM_SET, 7)
        buffer = ctypes.create_string_buffer(256)
        while _LIBC.msgrcv(self._msg, buffer, 200, 0, _NO_WAIT) >= 0:
            pass
        self._send()

    def _send(self) -> None:
        message = struct.pack("l", 1) + self.token("message").encode()
        _LIBC.msgsnd(self._msg, message, len(message) - 8, _NO_WAIT)

    def _file_trips(self) -> list[str]:
        found = [f"{path} was changed" for path, before in self._files.items() if _seen(path) != before]
        for folder, names in self._folders.items():
            now = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
            if now != names:
                found.append(f"{folder} was changed: {sorted(now ^ names)}")
        return found

    def _listener_trips(self) -> list[str]:
        found = []
        for name, listener in self._listeners.items():
            with contextlib.suppress(BlockingIOError):
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(4096)
                found.append(f"the {name} listener was reached")
        return found

    def _ipc_trips(self) -> list[str]:
        found = []
        assert self._shm_at is not None
        text = self.tokens["sysv"].encode()
        segment = bytearray(128)
        if _LIBC.shmctl(self._shm, _IPC_STAT, (ctypes.c_char * 128).from_buffer(segment)) != 0:
            found.append(_SHM_GONE)
        elif struct.unpack_from("Q", segment, 88)[0] != 1:
            found.append("the SysV shared memory was attached")
        if ctypes.string_at(self._shm_at, len(text) + 1) != text + b"\0":
            found.append("the SysV shared memory was written")
        if _LIBC.semctl(self._sem, 0, _SEM_GET, 0) != 7:
            found.append("the SysV semaphore was changed")
        queue = bytearray(128)
        if _LIBC.msgctl(self._msg, _IPC_STAT, (ctypes.c_char * 128).from_buffer(queue)) != 0:
            found.append(_QUEUE_GONE)
        elif struct.unpack_from("Q", queue, 80)[0] != 1:
            found.append("a SysV message was taken or added")
        if self._mq >= 0:
            attributes = (ctypes.c_long * 8)()
            _LIBC.mq_getattr(self._mq, attributes)
            if attributes[3] != 1:
                found.append("a POSIX message was taken or added")
        return found

    def close(self) -> None:
        self._held.close()


def _seen(path: Path) -> tuple[object, ...]:
    try:
        seen = path.lstat()
        return (
            path.read_bytes(),
            *(seen.st_mode, seen.st_uid, seen.st_gid, seen.st_nlink, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns),
        )
    except OSError as error:
        return (error.errno,)
