"""Password rules and argon2id hashes, worked out beside the event loop and few at a time."""

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from multiplayer.protocol.errors import RefusalCode, Refused

MIN_PASSWORD = 8
MAX_PASSWORD = 1024

Result = TypeVar("Result")


def check_password(password: str) -> str:
    """Return the password in the form that is hashed (NFKC, so every keyboard gives the same), or refuse it."""
    if len(password) > MAX_PASSWORD:
        raise Refused(RefusalCode.TOO_LONG, f"A password may have at most {MAX_PASSWORD} characters.")
    normal = unicodedata.normalize("NFKC", password)
    if len(normal) > MAX_PASSWORD:
        raise Refused(RefusalCode.TOO_LONG, f"A password may have at most {MAX_PASSWORD} characters.")
    if len(normal) < MIN_PASSWORD:
        raise Refused(RefusalCode.MALFORMED, f"A password has at least {MIN_PASSWORD} characters.")
    if any("\ud800" <= character <= "\udfff" for character in normal):
        raise Refused(RefusalCode.MALFORMED, "This password is not valid Unicode text.")
    return normal


class Passwords:
    """Hashes and verifies. Two at a time, each 64 MiB; more wait, and beyond `max_waiting` are told `busy`.

    `close` ends the threads; nothing else needs it.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, max_waiting: int = 64) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = threading.BoundedSemaphore(max_waiting)
        # A pool, not a semaphore around a thread: a caller that is cancelled leaves its thread running, and still counts.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """Return the hash to store; refuses what `check_password` refuses, and `busy`."""
        normal = check_password(password)
        return await self._run(lambda: self._hasher.hash(normal))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Say whether this is the password; None takes as long as a wrong one and is never right."""
        try:
            normal = check_password(password)
        except Refused:
            normal, hashed = "", None
        known = hashed if hashed is not None else self._nobodys_hash
        matches = await self._run(lambda: self._matches(known, normal))
        return matches and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except InvalidHashError:
            # Not the person's mistake: a row holds what this program never writes.
            raise AssertionError("a stored password hash is not an argon2 hash") from None
        except VerificationError:
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise Refused(RefusalCode.BUSY, "Too many people are signing in; try again.", retry_after_s=1.0)
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
