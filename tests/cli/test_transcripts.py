"""What is said in voice notes, read and put right in a chat and by the command line."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.cli.recordings import said_in
from multiplayer.client import RefusalCode
from multiplayer.protocol.events import AttachmentChanged
from tests.cli.shell import Object, Shell
from tests.cli.typist import PATIENCE_S, Typist, refused, typing
from tests.support.transcribers import ScriptedTranscriber, recording

pytestmark = pytest.mark.slow


async def said(typist: Typist, words: str) -> None:
    """Wait until the voice note says this."""

    def is_it(word: object) -> bool:
        return isinstance(word, AttachmentChanged) and said_in(word.attachment) == words

    heard = await typist.room.wait_for(is_it, PATIENCE_S, after=1)
    assert isinstance(heard, AttachmentChanged)
    await typist.catches_up()
    assert await typist.type("/transcript 1") == [words]


async def test_in_a_chat_a_voice_note_is_read_put_right_and_listened_to_again(tmp_path: Path) -> None:
    ears = ScriptedTranscriber()
    note = tmp_path / "note.wav"
    note.write_bytes(recording("see you on Fryday"))
    async with typing(tmp_path / "w", transcriber=ears) as (alice, bob, _):
        await alice.type(f"/attach {note}")
        await alice.type("/attachments")
        async with asyncio.timeout(PATIENCE_S):
            await ears.begun.wait()
        assert (await refused(alice, "/transcript 1 mine")).code is RefusalCode.CONFLICT
        await alice.type("/listen 1 stop")
        await said(alice, "is not written down: stopped")
        ears.goes_on.set()
        await alice.type("/listen 1")
        await said(alice, "words: see you on Fryday")
        await alice.type("/transcript 1 see you on Friday")
        await bob.catches_up()
        await bob.type("/attachments")
        await said(bob, "see you on Friday (edited)")
        assert (await refused(bob, "/transcript 1 never")).code is RefusalCode.FORBIDDEN
        assert "ends that" in (await refused(bob, "/listen 1 loudly")).message


async def test_the_command_shows_what_is_said_and_puts_it_right(tmp_path: Path) -> None:
    note = tmp_path / "note.wav"
    note.write_bytes(recording("hello"))
    async with typing(tmp_path / "w", transcriber=ScriptedTranscriber.ready()) as (alice, bob, server):
        await alice.type(f"/attach {note}")
        [line] = await alice.type("/attachments")
        await said(alice, "words: hello")
        note_of = ("transcript", "demo", line.split()[-1])
        one, two = (Shell(who.known, server.url, tmp_path) for who in (alice, bob))
        assert (await two.run(*note_of)).out == "words: hello\n"
        assert (await one.run(*note_of, "--edit", "hello, bob")).out == "hello, bob (edited)\n"
        found = await two.read(*note_of)
        assert cast("Object", found["transcript"])["text"] == "hello, bob"
        assert (await two.run(*note_of, "--edit", "no")).code == FAILURE
        assert (await two.run(*note_of, "--stop", "--again")).code == USAGE
        assert '"text":"hello, bob"' in (await two.run("attachments", "demo", "--json")).out.replace(": ", ":")
