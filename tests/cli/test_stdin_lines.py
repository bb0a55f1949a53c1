"""Lines that are typed or piped in."""

import asyncio
import os

from multiplayer.cli.stdin_lines import stdin_lines


async def lines_of(*pieces: bytes) -> list[str]:
    reading, writing = os.pipe()
    try:
        for piece in pieces:
            os.write(writing, piece)
        os.close(writing)
        async with asyncio.timeout(10):
            return [line async for line in stdin_lines(reading)]
    finally:
        os.close(reading)


async def test_each_line_comes_without_its_end_and_the_last_needs_none() -> None:
    assert await lines_of(b"one\r\ntwo\n\nthree") == ["one", "two", "", "three"]


async def test_characters_cut_between_two_reads_are_whole_and_wrong_bytes_are_shown() -> None:
    text = "你好"
    assert await lines_of(text.encode()[:4], text.encode()[4:] + b"\n\xff\n") == [text, "\ufffd"]


async def test_nothing_is_the_end() -> None:
    assert await lines_of() == []
