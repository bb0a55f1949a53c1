"""Writing an archive to a disk: under a name of its own until it is whole, every byte counted and hashed on its way."""

import hashlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, Self

from multiplayer.live.room_archive_format import (
    ATTACHMENTS,
    MESSAGES,
    METADATA,
    TRANSCRIPT_HTML,
    TRANSCRIPT_MD,
    ArchivedFile,
)
from multiplayer.protocol.errors import RefusalCode, Refused

_COPY_BYTES: Final = 1024 * 1024
_OURS: Final = 0o600
"""What was said in a room is for who exports it."""


class ArchiveForm(StrEnum):
    """`md`, `html` and `jsonl` are one file for reading: they hold no attachments and cannot be imported."""

    FOLDER = "folder"
    ZIP = "zip"
    MD = "md"
    HTML = "html"
    JSONL = "jsonl"

    @property
    def only(self) -> str | None:
        """The one file that is wanted; None: all of them."""
        return {"md": TRANSCRIPT_MD, "html": TRANSCRIPT_HTML, "jsonl": MESSAGES}.get(self.value)


class HashedFile:
    """Passes bytes on to a file of the archive; knows what went through."""

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0
        self._lines = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def write_line(self, line: bytes) -> None:
        self.write(line + b"\n")
        self._lines += 1

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def size(self) -> int:
        return self._size

    @property
    def told(self) -> ArchivedFile:
        lines = self._lines if self._path.endswith(".jsonl") else None
        return ArchivedFile(path=self._path, size=self._size, sha256=self.sha256, lines=lines)


class ArchiveWriter:
    """One archive being written beside `target`; what is not `finish`ed is gone at the end. For threads: it blocks."""

    def __init__(self, target: Path, form: ArchiveForm, *, at: datetime, replaces: bool) -> None:
        """Refuses CONFLICT if `target` is there; with `replaces` only if that is a folder that is no archive."""
        self._target = target
        self._form = form
        self._at = at
        self._replaces = replaces
        self._check_target()
        self.staging = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
        """A folder of this writer alone."""
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> Self:
        self.staging.mkdir(mode=0o700)
        if self._form is ArchiveForm.ZIP:
            self._zip = zipfile.ZipFile(self.staging / ".zip", "x", allowZip64=True)
        elif self._form is ArchiveForm.FOLDER:
            (self.staging / ATTACHMENTS).mkdir(mode=0o700)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._zip is not None and self._zip.fp is not None:
            # An unfinished zip is not worth its table of contents.
            self._zip.fp.close()
            self._zip.fp = None
        shutil.rmtree(self.staging, ignore_errors=True)

    @contextmanager
    def text(self, path: str) -> Iterator[HashedFile]:
        """Open one of the files that are made beside each other."""
        with _private(self.staging / path) as file:
            yield HashedFile(path, file)
            _to_disk(file)

    @contextmanager
    def attachment(self, path: str) -> Iterator[HashedFile]:
        """Open a file for bytes that come one file after the other. If the block raises, the file is not in the archive."""
        if self._zip is None:
            place = self.staging / path
            try:
                with _private(place) as file:
                    yield HashedFile(path, file)
                    _to_disk(file)
            except BaseException:
                place.unlink(missing_ok=True)
                raise
            return
        # A zip cannot take back what it was given, so the bytes have to be whole before.
        spool = self.staging / ".spool"
        try:
            with _private(spool) as file:
                yield HashedFile(path, file)
            self._pack(spool, path, zipfile.ZIP_STORED)
        finally:
            spool.unlink(missing_ok=True)

    def finish(self, metadata: bytes, texts: list[str]) -> None:
        """Make the archive whole and give it its name. Refuses CONFLICT if something has it by now."""
        only = self._form.only
        if only is None:
            with self.text(METADATA) as file:
                file.write(metadata)
        if self._zip is not None:
            for path in (*texts, METADATA):
                self._pack(self.staging / path, path, zipfile.ZIP_DEFLATED)
            self._zip.close()
            with (self.staging / ".zip").open("rb+") as whole:
                _to_disk(whole)
            (self.staging / ".zip").chmod(_OURS)
        self._check_target()
        match self._form:
            case ArchiveForm.FOLDER:
                self._name_folder()
            case ArchiveForm.ZIP:
                self._name_file(self.staging / ".zip")
            case _:
                assert only is not None, "one file is wanted"
                self._name_file(self.staging / only)
        _folder_to_disk(self._target.parent)

    def _pack(self, source: Path, path: str, method: int) -> None:
        assert self._zip is not None, "a zip is written"
        told = zipfile.ZipInfo(path, max(self._at.timetuple()[:6], (1980, 1, 1, 0, 0, 0)))
        told.compress_type = method
        told.external_attr = (0o100000 | _OURS) << 16
        with source.open("rb") as file, self._zip.open(told, "w", force_zip64=True) as packed:
            shutil.copyfileobj(file, packed, _COPY_BYTES)

    def _check_target(self) -> None:
        if not os.path.lexists(self._target):
            return
        if not self._replaces:
            raise Refused(RefusalCode.CONFLICT, f"{self._target} is there already")
        is_folder = self._target.is_dir() and not self._target.is_symlink()
        if is_folder and (self._form is not ArchiveForm.FOLDER or not (self._target / METADATA).is_file()):
            raise Refused(RefusalCode.CONFLICT, f"{self._target} is a folder, and no exported room: it is not replaced")

    def _name_file(self, whole: Path) -> None:
        if self._replaces:
            whole.replace(self._target)
            return
        try:
            # Unlike a rename, this never replaces what somebody has put there in the meantime.
            self._target.hardlink_to(whole)
        except FileExistsError:
            raise Refused(RefusalCode.CONFLICT, f"{self._target} is there already") from None
        except OSError:
            # A file system without links.
            whole.rename(self._target)

    def _name_folder(self) -> None:
        _folder_to_disk(self.staging / ATTACHMENTS)
        _folder_to_disk(self.staging)
        if not os.path.lexists(self._target):
            self.staging.rename(self._target)
            return
        before = self._target.with_name(f"{self.staging.name}.before")
        self._target.rename(before)
        self.staging.rename(self._target)
        if before.is_dir() and not before.is_symlink():
            shutil.rmtree(before)
        else:
            before.unlink()


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OURS), "wb")


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
