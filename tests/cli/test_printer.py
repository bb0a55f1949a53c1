"""Printing beside the event loop."""

import asyncio
import os

import pytest

from multiplayer.cli.printer import Printer

BIG = "你好\n" * 100_000


async def test_a_reader_that_stands_still_holds_up_the_printing_and_nothing_else() -> None:
    reading, writing = os.pipe()
    printer = Printer(writing)
    wanted = (BIG + "last").encode()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(printer.print(BIG))
        tasks.create_task(printer.print("last"))
        # The pipe holds far less: the loop gets here only if the write is elsewhere.
        await asyncio.sleep(0)
        assert not first.done()
        read = await asyncio.to_thread(_read, reading, len(wanted))
    assert read == wanted
    os.close(writing)
    os.close(reading)


async def test_nobody_reading_is_an_error_of_whoever_prints() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    printer = Printer(writing)
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            await printer.print("hello")
    os.close(writing)


async def test_what_the_encoding_lacks_is_written_out() -> None:
    reading, writing = os.pipe()
    await Printer(writing, encoding="ascii").print("a→b")
    os.close(writing)
    assert os.read(reading, 100) == b"a\\u2192b"
    os.close(reading)


def _read(descriptor: int, size: int) -> bytes:
    read = b""
    while len(read) < size:
        read += os.read(descriptor, size - len(read))
    return read
