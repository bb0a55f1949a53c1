"""The keys of AI profiles: one private file for each AI in the data folder, and nowhere else."""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never
from urllib.parse import urlsplit

from multiplayer.models.catalogue import shipped_catalogue
from multiplayer.protocol.profiles import AiProfile, Provider

MAX_KEY: Final = 4_000
_HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_FOR: Final = "for "
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_OTHERS: Final = 0o077


class UnsafeKey(Exception):  # noqa: N818 - the world's state
    """A key's file cannot be used as it is; the sentence says why and what to do, and never holds the key."""


@dataclass(frozen=True)
class KeptKey:
    """A key and the address it was given for; without one, whoever wrote the file by hand vouches for any."""

    text: str = field(repr=False)
    address: str = ""

    def is_for(self, address: str) -> bool:
        return not self.address or self.address == address


class KeyFiles:
    """`folder/<handle>.key`: the key in the first line, `for <address>` in the second. The folder is made when needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, handle: str) -> KeptKey | None:
        """Return the key, None if there is none. Raises `UnsafeKey`."""
        path = self._path(handle)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnsafeKey(f"the key file {path} cannot be read: {error.strerror}") from None
        try:
            _check_private(path, os.fstat(descriptor))
            content = os.read(descriptor, 2 * MAX_KEY)
        finally:
            os.close(descriptor)
        return _parsed(path, content)

    def write(self, handle: str, key: str, *, address: str) -> None:
        """Keep a key, in the place of an earlier one: at once and wholly, or not at all. Raises `UnsafeKey`."""
        check_key(key)
        path = self._path(handle)
        temporary = f".{handle}.{secrets.token_hex(8)}.tmp"
        content = (f"{key}\n{_FOR}{address}\n" if address else f"{key}\n").encode()
        with self._opened(path) as folder:
            try:
                descriptor = os.open(
                    temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE_FILE, dir_fd=folder
                )
                with os.fdopen(descriptor, "wb") as file:
                    # Whatever the umask: nobody else, and we ourselves.
                    os.fchmod(descriptor, _PRIVATE_FILE)
                    file.write(content)
                    file.flush()
                    os.fsync(descriptor)
                os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)

    def remove(self, handle: str) -> bool:
        """Return whether there was one. Raises `UnsafeKey`."""
        path = self._path(handle)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise UnsafeKey(f"the key file {path} cannot be removed: {error.strerror}") from None
        return True

    def all_values(self) -> list[str]:
        """Return every key that can be read, for whoever must keep them out of sight."""
        found: list[str] = []
        for path in sorted(self._folder.glob("*.key")) if self._folder.is_dir() else ():
            with suppress(UnsafeKey):
                kept = self.read(path.stem)
                if kept is not None:
                    found.append(kept.text)
        return found

    def _path(self, handle: str) -> Path:
        # Handles come from people, and this one becomes the name of a file.
        if _HANDLE.fullmatch(handle) is None:
            raise UnsafeKey("a key's file is named after a handle, and this is none")
        return self._folder / f"{handle}.key"

    @contextmanager
    def _opened(self, path: Path) -> Iterator[int]:
        """Open the folder, private to this account and made if need be; raises `UnsafeKey` for what the block cannot do."""
        try:
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fchmod(descriptor, _PRIVATE_FOLDER)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UnsafeKey(f"the key file {path} cannot be written: {error.strerror}") from None


def key_address(profile: AiProfile) -> str:
    """Return the scheme, host and port that a key of this profile goes to; empty where a key goes nowhere.

    A key is kept for one such address, so that who may change a profile's address does not get its key sent there.
    """
    match profile.provider:
        case Provider.AUTO | Provider.DEMO:
            return ""
        case Provider.DEEPSEEK:
            return origin_of(profile.base_url or deepseek_url())
        case Provider.OPENAI_COMPATIBLE | Provider.NLWEB:
            return origin_of(profile.base_url)
        case _:
            assert_never(profile.provider)


def deepseek_url() -> str:
    return shipped_catalogue().providers["deepseek"].base_url


def origin_of(url: str) -> str:
    """Return `https://host:port` of an address; the address as it is if it has no such parts."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else url


def check_key(key: str) -> None:
    """Raises `UnsafeKey` for what can be no key."""
    if not key:
        raise UnsafeKey("the key is empty")
    if len(key) > MAX_KEY:
        raise UnsafeKey(f"a key has at most {MAX_KEY} characters")
    if not all("!" <= character <= "~" for character in key):
        raise UnsafeKey("the key holds characters that no key has: blanks, line ends or letters beyond ASCII")


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeKey(f"{path} is not a file")
    if found.st_mode & _OTHERS:
        raise UnsafeKey(
            f"others may read or change the key file {path} (its mode is {stat.S_IMODE(found.st_mode):04o}): "
            f"give it the mode 0600, and think of replacing the key"
        )
    if found.st_uid not in {0, os.geteuid()}:
        raise UnsafeKey(f"the key file {path} belongs to another account of this machine")


def _parsed(path: Path, content: bytes) -> KeptKey | None:
    try:
        lines = [line.strip() for line in content.decode().splitlines()]
    except UnicodeDecodeError:
        raise UnsafeKey(f"the key file {path} is not text") from None
    if not any(lines):
        return None
    try:
        check_key(lines[0])
    except UnsafeKey as unsafe:
        raise UnsafeKey(f"the key file {path}: {unsafe}") from None
    rest = [line for line in lines[1:] if line]
    if len(rest) > 1 or any(not line.startswith(_FOR) for line in rest):
        raise UnsafeKey(f"the key file {path} has more in it than one key")
    return KeptKey(lines[0], rest[0].removeprefix(_FOR).strip() if rest else "")
