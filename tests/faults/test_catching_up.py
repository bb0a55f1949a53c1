"""Who was away while much was said is brought up to date in bites that a client, and our memory, can hold."""

import asyncio
from pathlib import Path

import pytest

from multiplayer.live.outbox import FRAME_BYTES, MAX_BYTES
from multiplayer.protocol.codec import MAX_FRAME_BYTES
from tests.faults.scene import scene_with
from tests.support.pods import Guest
from tests.support.provider import provider

pytestmark = pytest.mark.slow
LONG = "文" * 15_000
"""45,000 bytes, and a line of the log is not much more."""


async def test_a_replay_of_long_messages_comes_in_frames_and_never_as_a_whole(tmp_path: Path) -> None:
    async with provider() as stand_in, scene_with(stand_in, tmp_path) as scene:
        for _ in range(120):
            assert (await scene.bob.post(scene.room_id, LONG))["type"] == "accepted"
        seq = (await scene.pod.directory.host(scene.room_id)).room.seq
        carol = await Guest.enter(scene.pod, "carol")
        added = await scene.alice.ask(type="invite_member", room_id=scene.room_id, handle="carol")
        assert added["type"] == "accepted"
        await carol.say(type="join", room_id=scene.room_id, after={"epoch": scene.pod.epoch, "seq": 0})
        frames: list[int] = []
        lines: list[bytes] = []
        async with asyncio.timeout(30):
            while not any(f'"seq":{seq + 1},'.encode() in line and b"member_joined" in line for line in lines):
                chunks = await carol.session.outbox.take()
                frames.append(sum(len(chunk.data) for chunk in chunks))
                assert carol.session.outbox._bytes <= 2 * MAX_BYTES
                lines += [line for chunk in chunks for line in chunk.data.split(b"\n")]
        assert max(frames) <= FRAME_BYTES + MAX_FRAME_BYTES
        assert len([line for line in lines if b'"actor_id"' in line]) == seq + 1
