"""Looks through DIR: which files it holds, with their contents' checksums, read anew only where something changed."""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from multiplayer.client.sync.ignoring import MOST_BYTES, RULE_FILES, Ignoring, Rule, rules_of
from multiplayer.client.sync.names import why_not
from multiplayer.client.sync.opened_folder import FATAL, FOLDER_FLAGS, READ_FLAGS, OpenedFolder
from multiplayer.client.sync.stamps import Seen, Stamp, stamp_of

PIECE_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 100


class Here(NamedTuple):
    """A file here. `seen` is new where the content was just read."""

    stamp: Stamp
    sha256: str


@dataclass(slots=True)
class Scan:
    """What was found. Nothing is known of what is at or below a path of `left_out`, `links` or `changing`."""

    files: dict[str, Here] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    """All that were looked into, "" first; ignored ones were not."""
    read: dict[str, Seen] = field(default_factory=dict)
    """What had to be read."""
    left_out: dict[str, str] = field(default_factory=dict)
    """And why."""
    changing: set[str] = field(default_factory=set)
    """Files that were written while they were read."""
    links: set[str] = field(default_factory=set)
    """Links and special files, which no sync follows or makes."""
    ignoring: Ignoring = field(default_factory=Ignoring)


class Scanner:
    """Looks through a folder once. `on_read` is told, in this thread, the bytes that were read so far."""

    def __init__(
        self,
        folder: OpenedFolder,
        seen: Mapping[str, Seen],
        *,
        on_read: Callable[[int], None],
        keep: Callable[[Mapping[str, Seen]], None],
    ) -> None:
        """`keep` is given what was read, now and then: whoever begins anew does not read it again."""
        self._folder = folder
        self._seen = seen
        self._on_read = on_read
        self._keep = keep
        self._is_stopped = threading.Event()
        self._bytes = 0
        self._kept = 0
        self._scan = Scan()

    def run(self) -> Scan:
        """Raises `OSError` where the folder itself cannot be read. Blocks."""
        self._walk(os.dup(self._folder.descriptor), "", 0)
        self._flush()
        return self._scan

    def stop(self) -> None:
        """Let `run` end soon; what it returns then is of no use. From any thread."""
        self._is_stopped.set()

    def _walk(self, descriptor: int, path: str, depth: int) -> None:
        """Look into one folder; its descriptor is closed."""
        prefix = f"{path}/" if path else ""
        try:
            with os.scandir(descriptor) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            self._scan.folders.append(path)
            self._learn(descriptor, path)
            for entry in entries:
                self._look(descriptor, prefix + entry.name, entry, depth)
        except OSError as error:
            if not path or error.errno in FATAL:
                raise
            self._scan.left_out[path] = error.strerror or "it cannot be read"
        finally:
            os.close(descriptor)

    def _learn(self, descriptor: int, path: str) -> None:
        """Read the folder's own rules."""
        rules: list[Rule] = []
        for name in RULE_FILES:
            with suppress(OSError):
                file = os.open(name, READ_FLAGS, dir_fd=descriptor)
                with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor
                    if stat.S_ISREG(os.fstat(file).st_mode):
                        rules += rules_of(opened.read(MOST_BYTES))
        self._scan.ignoring.learn(path, rules)

    def _look(self, folder: int, path: str, entry: "os.DirEntry[str]", depth: int) -> None:
        try:
            about = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self._scan.left_out[path] = error.strerror or "it cannot be read"
            return
        is_folder = stat.S_ISDIR(about.st_mode)
        if self._is_stopped.is_set() or self._scan.ignoring.is_ignored(path, is_folder=is_folder):
            return
        if reason := why_not(path):
            self._scan.left_out[path] = reason
        elif is_folder:
            self._enter(folder, path, entry.name, depth)
        elif stat.S_ISREG(about.st_mode):
            self._take(folder, path, entry.name, stamp_of(about))
        else:
            self._scan.links.add(path)

    def _enter(self, folder: int, path: str, name: str, depth: int) -> None:
        if depth >= _MAX_DEPTH:
            self._scan.left_out[path] = "it lies too deep"
            return
        try:
            descriptor = os.open(name, FOLDER_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            self._scan.changing.add(path)
        except OSError as error:
            if error.errno in FATAL:
                raise
            self._scan.left_out[path] = error.strerror or "it cannot be read"
        else:
            self._walk(descriptor, path, depth + 1)

    def _take(self, folder: int, path: str, name: str, stamp: Stamp) -> None:
        known = self._seen.get(path)
        if known is not None and known.is_of(stamp):
            self._scan.files[path] = Here(stamp, known.sha256)
            return
        try:
            seen = self._read(folder, name)
        except FileNotFoundError:
            seen = None
        except OSError as error:
            if error.errno in FATAL:
                raise
            self._scan.left_out[path] = error.strerror or "it cannot be read"
            return
        if seen is None:
            self._scan.changing.add(path)
            return
        self._scan.files[path] = Here(seen.stamp, seen.sha256)
        self._scan.read[path] = seen
        if self._bytes - self._kept > 256 * PIECE_BYTES or len(self._scan.read) % 1_000 == 0:
            self._flush()

    def _read(self, folder: int, name: str) -> Seen | None:
        """Return a file's content's checksum; None if it was written meanwhile or is no file any more."""
        at_ns = time.time_ns()
        with open(os.open(name, READ_FLAGS, dir_fd=folder), "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                return None
            digest = hashlib.sha256()
            while not self._is_stopped.is_set() and (piece := file.read(PIECE_BYTES)):
                digest.update(piece)
                self._bytes += len(piece)
                self._on_read(self._bytes)
            after = stamp_of(os.fstat(file.fileno()))
        is_whole = stamp_of(before) == after and not self._is_stopped.is_set()
        return Seen(after, digest.hexdigest(), at_ns) if is_whole else None

    def _flush(self) -> None:
        self._kept = self._bytes
        self._keep(self._scan.read)
