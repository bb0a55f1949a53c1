"""oss2 at the edge: its blocking calls in threads of their own, tried again, and its errors as those of the port."""

import asyncio
import logging
import random
import re
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar
from xml.etree import ElementTree as ET

import requests

from multiplayer.blobs.port import BlobCorrupt, BlobMissing, BlobsDenied, BlobsFault, BlobsFull, BlobsUnavailable

with warnings.catch_warnings():
    # Its docstrings hold escapes that newer Pythons warn of when they compile it for the first time.
    warnings.simplefilter("ignore")
    import oss2

__all__ = ["OssCalls", "fault_of", "oss2", "silence_oss2"]

T = TypeVar("T")
TRIES: Final = 3
GRACE_S: Final = 5.0
"""How long one who is cancelled waits for the thread that works for it."""
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,80}")
_FULL: Final = re.compile(r"quota|capacity|insufficientstorage|nospace", re.IGNORECASE)
_NOT_AS_SENT: Final = frozenset({"InvalidDigest", "BadDigest", "InvalidPart", "IncompleteBody", "EntityTooSmall"})
_STATUS_REQUEST_FAILED: Final = -2
_STATUS_INCONSISTENT: Final = -3


def silence_oss2() -> None:
    """Let oss2 log nothing: it writes what it signs, which with the signature beside it is a key to the object."""
    logger = logging.getLogger("oss2")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False


class OssCalls:
    """A bounded pool of threads in which calls of oss2 run, each bounded by the timeouts of the session."""

    def __init__(self, workers: int, first_pause_s: float) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="oss")
        self._first_pause_s = first_pause_s
        self._is_closed = False
        self._dice = random.Random()  # noqa: S311 - spreads pauses

    async def call(
        self,
        work: Callable[[], T],
        *,
        is_idempotent: bool = True,
        stop: threading.Event | None = None,
        leftover: Callable[[T], object] | None = None,
    ) -> T:
        """Run `work` in a thread; try again a few times if the store was away and it is idempotent. Raises `BlobsFault`.

        Cancelled: sets `stop`, waits a little for the thread, and gives what it may still bring to `leftover`.
        """
        pause_s = self._first_pause_s
        for _ in range(TRIES - 1 if is_idempotent else 0):
            try:
                return await self._once(work, stop, leftover)
            except BlobsUnavailable:
                await asyncio.sleep(self._dice.uniform(pause_s / 2, pause_s))
                pause_s *= 4
        return await self._once(work, stop, leftover)

    def later(self, work: Callable[[], object]) -> None:
        """Let a thread do what nobody waits for: closing a connection waits for whoever reads from it."""
        if self._is_closed:
            work()
        else:
            self._pool.submit(work)

    async def aclose(self) -> None:
        """End the threads, after what they are doing now."""
        self._is_closed = True
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _once(
        self, work: Callable[[], T], stop: threading.Event | None, leftover: Callable[[T], object] | None
    ) -> T:
        future = self._pool.submit(_guarded, work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if stop is not None:
                stop.set()
            if leftover is not None:
                future.add_done_callback(lambda done: _give(done, leftover))
            # Who undoes this call next should find it done; a store that hangs holds nobody up for longer.
            await _ended(future)
            raise


async def _ended(future: Future[T]) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    future.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(done.set))
    try:
        async with asyncio.timeout(GRACE_S):
            await done.wait()
    except TimeoutError:
        return


def _give(done: Future[T], leftover: Callable[[T], object]) -> None:
    if not done.cancelled() and done.exception() is None:
        leftover(done.result())


def _guarded(work: Callable[[], T]) -> T:
    """Do it, with what goes wrong as a fault of the port. Chained to nothing: the causes hold addresses and answers."""
    try:
        return work()
    except oss2.exceptions.OssError as error:
        fault = fault_of(int(error.status), str(error.code), getattr(error, "exception", None))
    except requests.RequestException as error:
        fault = BlobsUnavailable(f"the connection to the object store broke ({type(error).__name__})")
    except (ET.ParseError, RuntimeError, ValueError) as error:
        # oss2's parsers raise these for an answer that is not OSS's.
        fault = BlobsUnavailable(f"the object store gave an answer that makes no sense ({type(error).__name__})")
    raise fault


def fault_of(status: int, code: str, cause: object = None) -> BlobsFault:
    """Return the fault that an answer of OSS means, in words that hold only its status and its error code."""
    named = code if _CODE.fullmatch(code) else str(status)
    if status == _STATUS_REQUEST_FAILED:
        return BlobsUnavailable(f"the object store did not answer ({type(cause).__name__})")
    if status == _STATUS_INCONSISTENT or code in _NOT_AS_SENT:
        return BlobCorrupt("the object store got or gave other bytes than were sent")
    if status == 507 or _FULL.search(code):
        return BlobsFull(f"the object store has no room left ({named})")
    if status == 404 and code == "NoSuchBucket":
        return BlobsDenied("the object store has no such bucket")
    if status == 404 and code == "NoSuchUpload":
        return BlobsUnavailable("somebody else ended the upload")
    if status == 404:
        return BlobMissing("the object store has no such object")
    if status in {408, 429} or status >= 500 or code == "RequestTimeout":
        return BlobsUnavailable(f"the object store could not do it now ({named})")
    # 403 for keys and rights, 400 for what is configured and cannot be: neither mends itself.
    return BlobsDenied(f"the object store refused it ({named})")
