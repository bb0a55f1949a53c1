"""Reading an archive that may come from anybody: nothing is believed that its checksums, sizes and names do not bear out."""

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from pydantic import ValidationError

from multiplayer.live.room_archive_format import (
    ACCOUNTS,
    ATTACHMENTS,
    EVENTS,
    FORMAT,
    MESSAGES,
    METADATA,
    NO_CHECKSUM,
    VERSION,
    ArchivedFile,
    ArchiveLimits,
    RoomMetadata,
    bad,
    is_archive_path,
)
from multiplayer.protocol.codec import JsonObject, Malformed, Unreadable, explain, parse_object
from multiplayer.protocol.errors import RefusalCode, Refused

PIECE_BYTES: Final = 256 * 1024
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,
)
"""What the standard library raises of a zip that is none, or is encrypted or packed in a way that it does not know."""


class _Source(Protocol):
    """Where the files lie. `sizes` are as said, `open` believes nothing."""

    @property
    def sizes(self) -> Mapping[str, int]: ...

    def open(self, path: str) -> IO[bytes]: ...


@dataclass(frozen=True)
class Archive:
    """An archive whose names and sizes are as its metadata say; its bytes are checked by whatever reads them."""

    metadata: RoomMetadata
    source: _Source
    limits: ArchiveLimits

    def pieces(self, path: str) -> Iterator[bytes]:
        """Give a file's bytes. Refuses MALFORMED, at the end, if they are not those that the metadata speak of."""
        said = self.metadata.file(path)
        yield from _checked(self.source, said)

    def lines(self, path: str) -> Iterator[bytes]:
        """Give a file's lines without their ends; refuses as `pieces` does, and lines that are too long or too many."""
        said = self.metadata.file(path)
        rest, count = b"", 0
        for piece in _checked(self.source, said):
            *whole, rest = (rest + piece).split(b"\n")
            if max(map(len, (*whole, rest))) > self.limits.line:
                raise bad(path, f"a line after line {count} is longer than {self.limits.line} bytes")
            for line in whole:
                count += 1
                yield line
        if rest:
            raise bad(path, "its last line has no end")
        if count != said.lines:
            raise bad(path, f"it has {count} lines, and not {said.lines} as the metadata say")

    def verify(self, told: Callable[[int, int], None] = lambda _done, _of: None) -> None:
        """Read everything once. Refuses MALFORMED, by its name, the first file that is not as the metadata say."""
        done, total = 0, sum(file.size for file in self.metadata.files)
        for file in self.metadata.files:
            for piece in _checked(self.source, file):
                done += len(piece)
                told(done, total)


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits | None = None) -> Iterator[Archive]:
    """Open a folder or a zip. Refuses MALFORMED what is no archive, or holds other files than it says. It blocks."""
    limits = limits or ArchiveLimits()
    with ExitStack() as stack:
        source = _source(path, stack, limits)
        yield Archive(_metadata(source, limits), source, limits)


def with_checksum(metadata: RoomMetadata) -> tuple[bytes, RoomMetadata]:
    """Return metadata as they are written, and with their checksum in them."""
    blank = metadata.model_copy(update={"checksum": NO_CHECKSUM})
    data = blank.model_dump_json(exclude_none=True, indent=1).encode() + b"\n"
    checksum = hashlib.sha256(data).hexdigest()
    # The first place: what people wrote stands behind it.
    return data.replace(NO_CHECKSUM.encode(), checksum.encode(), 1), metadata.model_copy(update={"checksum": checksum})


def object_of(path: str, number: int, line: bytes) -> JsonObject:
    """Parse a line as the protocol's codec does with what clients send. Refuses MALFORMED by file and line."""
    try:
        return parse_object(line.decode())
    except UnicodeDecodeError:
        raise bad(path, f"line {number} is not UTF-8") from None
    except (Malformed, Unreadable, RecursionError) as error:
        raise bad(path, f"line {number}: {_said(error)}") from None


def _source(path: Path, stack: ExitStack, limits: ArchiveLimits) -> _Source:
    if path.is_dir():
        return _Folder(path, limits)
    try:
        zipped = stack.enter_context(zipfile.ZipFile(path))
    except _BROKEN:
        raise bad(path.name, "it is neither a folder nor a whole zip") from None
    return _Zip(zipped, path.stat().st_size, limits)


class _Folder:
    def __init__(self, root: Path, limits: ArchiveLimits) -> None:
        self._root = root
        self.sizes: dict[str, int] = {}
        for prefix, folder in (("", root), (f"{ATTACHMENTS}/", root / ATTACHMENTS)):
            if prefix and not os.path.lexists(folder):
                continue
            if prefix and not stat.S_ISDIR(folder.lstat().st_mode):
                raise bad(ATTACHMENTS, "it is no folder")
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    told = entry.stat(follow_symlinks=False)
                    if path == ATTACHMENTS and stat.S_ISDIR(told.st_mode):
                        continue
                    if not stat.S_ISREG(told.st_mode):
                        raise bad(path, "it is no plain file")
                    if len(self.sizes) >= limits.files:
                        raise bad(path, f"there are more than {limits.files} files")
                    self.sizes[path] = told.st_size

    def open(self, path: str) -> IO[bytes]:
        # Not through a link that was put there since we looked.
        return os.fdopen(os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


class _Zip:
    def __init__(self, zipped: zipfile.ZipFile, size: int, limits: ArchiveLimits) -> None:
        self._zipped = zipped
        self._infos: dict[str, zipfile.ZipInfo] = {}
        packed = 0
        for info in zipped.infolist():
            path = info.orig_filename
            if info.is_dir() and path == f"{ATTACHMENTS}/":
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or kind not in {0, stat.S_IFREG}:
                raise bad(path, "it is no plain file")
            if info.flag_bits & 1:
                raise bad(path, "it is encrypted")
            if path in self._infos:
                raise bad(path, "it is there twice")
            if not 0 <= info.header_offset < size:
                raise bad(path, "it lies outside of the zip")
            if len(self._infos) >= limits.files:
                raise bad(path, f"there are more than {limits.files} files")
            if info.file_size > limits.ratio * max(info.compress_size, 1) + PIECE_BYTES:
                raise bad(path, "it would grow too much when it is unpacked")
            packed += info.compress_size
            self._infos[path] = info
        if packed > size:
            raise bad("the zip", "its files lie over each other")
        self.sizes: Mapping[str, int] = {path: info.file_size for path, info in self._infos.items()}

    def open(self, path: str) -> IO[bytes]:
        return self._zipped.open(self._infos[path])


def _metadata(source: _Source, limits: ArchiveLimits) -> RoomMetadata:
    for path in source.sizes:
        if path != METADATA and not is_archive_path(path):
            raise bad(path, "a file of this name does not belong into an archive")
    if METADATA not in source.sizes:
        raise bad(METADATA, "it is not there: this is no exported room")
    raw = _whole(source, METADATA, limits.metadata)
    try:
        head = _Head.read(raw)
        if head.format != FORMAT:
            raise bad(METADATA, "this is no exported room")
        if head.version != VERSION:
            raise bad(METADATA, f"it is of version {head.version}, and this release reads version {VERSION}")
        if hashlib.sha256(raw.replace(head.checksum.encode(), NO_CHECKSUM.encode(), 1)).hexdigest() != head.checksum:
            raise bad(METADATA, "it was changed: its checksum is not its own")
        metadata = RoomMetadata.model_validate_json(raw)
    except ValidationError as error:
        raise bad(METADATA, explain(error)) from None
    _check_files(metadata, source.sizes, limits)
    return metadata


@dataclass(frozen=True)
class _Head:
    """What is read before the rest may be believed to be of this version."""

    format: str
    version: int
    checksum: str

    @classmethod
    def read(cls, raw: bytes) -> "_Head":
        from json import JSONDecodeError, loads

        try:
            body: object = loads(raw)
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise bad(METADATA, "it is not JSON") from None
        if not isinstance(body, dict):
            raise bad(METADATA, "it is not an object")
        format_, version, checksum = body.get("format"), body.get("version"), body.get("checksum")
        if (
            not isinstance(format_, str)
            or type(version) is not int
            or not isinstance(checksum, str)
            or len(checksum) != 64
        ):
            raise bad(METADATA, "this is no exported room")
        return cls(format_, version, checksum)


def _check_files(metadata: RoomMetadata, sizes: Mapping[str, int], limits: ArchiveLimits) -> None:
    said = {file.path: file for file in metadata.files}
    if len(said) < len(metadata.files):
        raise bad(METADATA, "it names a file twice")
    for path in said.keys() | (sizes.keys() - {METADATA}):
        if not is_archive_path(path):
            raise bad(path, "a file of this name does not belong into an archive")
        if path not in sizes:
            raise bad(path, "it is missing")
        if path not in said:
            raise bad(path, "the metadata do not name it")
        if sizes[path] != said[path].size:
            raise bad(path, f"it has {sizes[path]} bytes, and not {said[path].size} as the metadata say")
    if sum(file.size for file in metadata.files) > limits.total:
        raise bad(METADATA, f"its files are larger than {limits.total} bytes")
    counts = ((EVENTS, metadata.events), (MESSAGES, metadata.messages), (ACCOUNTS, None))
    for path, count in counts:
        if count not in {None, metadata.file(path).lines}:
            raise bad(METADATA, f"it counts {path} in two ways")
    if metadata.events != metadata.seq:
        raise bad(METADATA, f"{metadata.events} events cannot end at seq {metadata.seq}")
    if metadata.events > limits.events or metadata.file(EVENTS).size > limits.log:
        raise Refused(
            RefusalCode.TOO_BIG, f"an imported room may have {limits.events} events in {limits.log} bytes at most"
        )
    for attachment in metadata.attachments:
        if attachment.path is not None and (
            attachment.sha256 is None or metadata.file(attachment.path).sha256 != attachment.sha256
        ):
            raise bad(attachment.path, "it is said to have two checksums")


def _checked(source: _Source, said: ArchivedFile) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    try:
        with source.open(said.path) as file:
            while piece := file.read(min(PIECE_BYTES, said.size - size + 1)):
                size += len(piece)
                if size > said.size:
                    break
                digest.update(piece)
                yield piece
    except _BROKEN:
        raise bad(said.path, "it cannot be unpacked: it was changed") from None
    except OSError as error:
        raise bad(said.path, f"it cannot be read: {error.strerror or type(error).__name__}") from None
    if size != said.size or digest.hexdigest() != said.sha256:
        raise bad(said.path, "it was changed: its checksum is not the one in the metadata")


def _whole(source: _Source, path: str, most: int) -> bytes:
    if source.sizes[path] > most:
        raise bad(path, f"it is larger than {most} bytes")
    try:
        with source.open(path) as file:
            data = file.read(most + 1)
    except _BROKEN:
        raise bad(path, "it cannot be unpacked: it was changed") from None
    if len(data) > most:
        raise bad(path, f"it is larger than {most} bytes")
    return data


def _said(error: BaseException) -> str:
    return error.message if isinstance(error, Refused) else str(error) or "nested too deeply"
