"""The lines somebody types or pipes in, without blocking the event loop."""

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress

PIECE = 65_536
WAITING = 100


async def stdin_lines(descriptor: int) -> AsyncIterator[str]:
    """Yield each line without its end; the last one also without one. Reads on only as fast as lines are taken."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)

    def put(line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(line), loop).result()

    def read() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        # When the loop is gone nobody waits for lines any more.
        with suppress(RuntimeError, CancelledError):
            while True:
                try:
                    piece = os.read(descriptor, PIECE)
                except OSError:
                    piece = b""
                *lines, rest = (rest + decoder.decode(piece, final=not piece)).split("\n")
                for line in lines:
                    put(line.removesuffix("\r"))
                if not piece:
                    if rest:
                        put(rest)
                    put(None)
                    return

    # A daemon, reading past Python's own buffer: a read that never returns must not hold up the end of the process.
    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line
