"""A workspace as one compressed file: packed and unpacked by descriptor, without any program and over no link."""

import errno
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from multiplayer.tools.checkpoints.folders import FILE, MAX_DEPTH, entries, open_below
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES, write_sparse

_LEVEL = 1
"""Of gzip. Whoever opens the room waits for it, and level 6 takes four times as long for a tenth less."""

_LATEST_S = 2**32
"""A file's time may be set to anything; what no system can set again is brought nearer."""


class NotWhole(Exception):  # noqa: N818 - it names what happened
    """Something of the workspace cannot go into an archive: it stays as it is. The sentence says what."""


@dataclass(slots=True)
class _Packing:
    tar: tarfile.TarFile
    device: int
    bytes_left: int
    inodes_left: int
    names: dict[int, str] = field(default_factory=dict)
    """The first name of each file that has several: they are packed once and linked again."""


def pack(folder: int, out: int, *, most_bytes: int, most_inodes: int) -> None:
    """Write all files, folders, links and FIFOs below `folder` to `out`. Sockets are left out.

    Times of files and further names of the same file are kept; owners are not. Nobody else may be using the folder.
    Raises `NotWhole`, `OSError`.
    """
    with (
        os.fdopen(os.dup(out), "wb") as file,
        tarfile.open(
            fileobj=file,
            mode="w:gz",
            compresslevel=_LEVEL,
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        ) as tar,
    ):
        packing = _Packing(tar, os.fstat(folder).st_dev, most_bytes, most_inodes)
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            fd = _open(folder, parts)
            try:
                waiting += [(*parts, name) for name in _pack_folder(packing, fd, parts)]
            finally:
                os.close(fd)


def _open(folder: int, parts: tuple[str, ...]) -> int:
    try:
        return open_below(folder, parts)
    except PermissionError as error:
        raise NotWhole(f"{'/'.join(parts)!r} is closed") from error


def _pack_folder(packing: _Packing, folder: int, parts: tuple[str, ...]) -> list[str]:
    """Pack what is in one folder; returns the folders in it."""
    folders = []
    for entry in entries(folder):
        path = "/".join((*parts, entry.name))
        seen = entry.stat(follow_symlinks=False)
        packing.inodes_left -= 1
        if packing.inodes_left < 0 or seen.st_dev != packing.device or len(parts) >= MAX_DEPTH:
            raise NotWhole(f"{path!r} is too much, too deep or of another file system")
        info = tarfile.TarInfo(path)
        info.mode, info.mtime = seen.st_mode & 0o777, seen.st_mtime_ns / 1e9
        if stat.S_ISDIR(seen.st_mode):
            info.type = tarfile.DIRTYPE
            folders.append(entry.name)
        elif stat.S_ISLNK(seen.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.name, dir_fd=folder)
        elif stat.S_ISFIFO(seen.st_mode):
            info.type = tarfile.FIFOTYPE
        elif stat.S_ISREG(seen.st_mode):
            _pack_file(packing, folder, entry.name, info)
            continue
        elif stat.S_ISSOCK(seen.st_mode):
            continue  # whoever listened on it has ended
        else:
            raise NotWhole(f"{path!r} is a device")
        packing.tar.addfile(info)
    return folders


def _pack_file(packing: _Packing, folder: int, name: str, info: tarfile.TarInfo) -> None:
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except PermissionError as error:
        raise NotWhole(f"{info.name!r} is closed") from error
    with os.fdopen(fd, "rb") as file:
        seen = os.fstat(fd)
        first = packing.names.get(seen.st_ino)
        if first is not None:
            info.type, info.linkname = tarfile.LNKTYPE, first
            packing.tar.addfile(info)
            return
        if seen.st_nlink > 1:
            packing.names[seen.st_ino] = info.name
        packing.bytes_left -= seen.st_size
        if packing.bytes_left < 0:
            raise NotWhole(f"{info.name!r} claims more bytes than a workspace may hold")
        info.size = seen.st_size
        packing.tar.addfile(info, file)


def unpack(packed: int, folder: int, uid: int | None) -> None:
    """Fill the empty `folder` from an archive that `pack` made; all of it goes to `uid`, if one is given.

    No command may be able to reach the folder yet. Raises `OSError`, also if the archive is damaged.
    """
    modes: list[tuple[list[str], tarfile.TarInfo]] = []
    try:
        with (
            os.fdopen(os.dup(packed), "rb") as file,
            tarfile.open(fileobj=file, mode="r:gz", encoding="utf-8", errors="surrogateescape") as tar,
        ):
            for info in tar:
                parts = _parts(info.name)
                parent = open_below(folder, parts[:-1])
                try:
                    _unpack_one(tar, info, folder, parent, parts[-1], uid)
                finally:
                    os.close(parent)
                if info.isdir():
                    modes.append((parts, info))
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise OSError(errno.EIO, f"the archive of the workspace is damaged: {error}") from error
    # A folder gets its mode and its time when everything is in it.
    for parts, info in reversed(modes):
        fd = open_below(folder, parts)
        try:
            os.fchmod(fd, info.mode)
            os.utime(fd, ns=_times(info))
        finally:
            os.close(fd)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if not parts or any(part in {"", ".", ".."} for part in parts):
        raise OSError(errno.EIO, f"the archive of the workspace is damaged: it names {path!r}")
    return parts


def _unpack_one(
    tar: tarfile.TarFile, info: tarfile.TarInfo, folder: int, parent: int, name: str, uid: int | None
) -> None:
    if info.islnk():
        *above, first = _parts(info.linkname)
        source = open_below(folder, above)
        try:
            os.link(first, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)
        return
    if info.isdir():
        os.mkdir(name, 0o700, dir_fd=parent)
    elif info.issym():
        os.symlink(info.linkname, name, dir_fd=parent)
    elif info.isfifo():
        os.mkfifo(name, 0o600, dir_fd=parent)
    else:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=parent)
        try:
            at = 0
            for chunk in _content(tar, info):
                write_sparse(fd, chunk, at)
                at += len(chunk)
            os.ftruncate(fd, at)
        finally:
            os.close(fd)
    if uid is not None:
        os.chown(name, uid, uid, dir_fd=parent, follow_symlinks=False)
    if not (info.issym() or info.isdir()):
        os.chmod(name, info.mode, dir_fd=parent)
    os.utime(name, ns=_times(info), dir_fd=parent, follow_symlinks=False)


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = tar.extractfile(info)
    if file is None:
        raise OSError(errno.EIO, f"the archive of the workspace is damaged: {info.name!r} is of an unknown kind")
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _times(info: tarfile.TarInfo) -> tuple[int, int]:
    at_ns = int(max(-_LATEST_S, min(_LATEST_S, info.mtime)) * 1e9)
    return at_ns, at_ns
