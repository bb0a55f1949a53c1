"""Archives: looked over before anything of them is unpacked, and listed. Nothing of them is ever written anywhere."""

import codecs
import io
import re
import stat
import tarfile
import zipfile
from typing import Final

from multiplayer.tools.extraction.cleaning import shown
from multiplayer.tools.extraction.job import ExtractionLimits, Problem, Stopped
from multiplayer.tools.extraction.telling import Telling
from multiplayer.tools.limits import MIB

codecs.lookup("cp437")  # that of old names in zip files; imported now: later nothing can be
_LOCAL_HEADER: Final = 30
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_SMALL: Final = MIB
"""Blanks pack well: a single entry is measured by the ratio from here on, all together always."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def read_zip(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    lines = [f"{entry.file_size:>12}  {shown(entry.filename)}\n" for entry in checked_zip(file, limits)]
    telling.text("".join(lines))


def checked_zip(file: io.BufferedReader, limits: ExtractionLimits) -> list[zipfile.ZipInfo]:
    """The entries of a zip file that is fit to be unpacked; raises `Stopped`. Nothing is unpacked here."""
    archive_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        begins_at = archive.start_dir
    file.seek(0)
    if len(entries) > limits.max_entries:
        raise Stopped(Problem.ENTRIES)
    unpacked = sum(entry.file_size for entry in entries)
    # By the size on the disk, too: entries that share their data claim together more than there is.
    if unpacked > limits.max_ratio * max(archive_bytes, 1):
        raise Stopped(Problem.RATIO)
    end = begins_at
    for entry in sorted(entries, key=lambda entry: entry.header_offset, reverse=True):
        if entry.header_offset + _LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size > end:
            raise Stopped(Problem.OVERLAP)
        end = entry.header_offset
        _check_entry(entry, limits)
    if unpacked > limits.max_unpacked_bytes:
        raise Stopped(Problem.UNPACKED)
    return entries


def _check_entry(entry: zipfile.ZipInfo, limits: ExtractionLimits) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise Stopped(Problem.PROTECTED)
    _check_name(entry.orig_filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Stopped(Problem.LINKS)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise Stopped(Problem.SPECIAL)
    if entry.file_size > max(_SMALL, limits.max_ratio * entry.compress_size) or entry.compress_type not in _METHODS:
        raise Stopped(Problem.RATIO)


def _check_name(name: str) -> None:
    parts = re.split(r"[/\\]", name)
    if not name or "\0" in name or name[0] in "/\\" or ".." in parts or _DRIVE.match(name):
        raise Stopped(Problem.NAMES)


def read_tar(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    lines: list[str] = []
    unpacked = 0
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for entry in archive:
            if len(lines) >= limits.max_entries:
                raise Stopped(Problem.ENTRIES)
            _check_name(entry.name)
            if entry.islnk() or entry.issym():
                raise Stopped(Problem.LINKS)
            if not entry.isreg() and not entry.isdir():
                raise Stopped(Problem.SPECIAL)
            unpacked += max(entry.size, 0)
            if unpacked > limits.max_unpacked_bytes:
                raise Stopped(Problem.UNPACKED)
            lines.append(f"{entry.size:>12}  {shown(entry.name)}\n")
    telling.text("".join(lines))
