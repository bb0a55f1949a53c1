"""Writes to the terminal beside the event loop: a slow, stopped or closed one holds up whoever prints, nothing else."""

import asyncio
import os
import queue
import threading
from contextlib import suppress


class Printer:
    """A descriptor's only writer while it is used. Made and used on one event loop."""

    def __init__(self, descriptor: int, *, encoding: str = "utf-8") -> None:
        """What the encoding lacks is written out."""
        self._descriptor = descriptor
        self._encoding = encoding
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        # A daemon, writing past Python's own buffer: a write that never returns must not hold up the end of the process.
        threading.Thread(target=self._write_all, name="printer", daemon=True).start()

    async def print(self, text: str) -> None:
        """Return when `text` is written, in the order of the calls. Raises `OSError`: nobody reads it any more."""
        if not text:
            return
        written: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((text.encode(self._encoding, "backslashreplace"), written))
        await written

    def _write_all(self) -> None:
        # When the loop is gone nobody waits for what was written any more.
        with suppress(RuntimeError):
            while True:
                data, written = self._waiting.get()
                failed: OSError | None = None
                try:
                    while data:
                        data = data[os.write(self._descriptor, data) :]
                except OSError as error:
                    failed = error
                self._loop.call_soon_threadsafe(_settle, written, failed)


def _settle(written: "asyncio.Future[None]", failed: OSError | None) -> None:
    if written.done():
        return
    if failed is None:
        written.set_result(None)
    else:
        written.set_exception(failed)
