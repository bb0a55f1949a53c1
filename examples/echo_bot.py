"""A bot that repeats what is said to it: `MULTIPLAYER_TOKEN=mp_… python examples/echo_bot.py http://127.0.0.1:3002 demo`."""  # noqa: INP001 - a script, no package

import asyncio
import os
import sys

from multiplayer.client import Client
from multiplayer.protocol.events import MessagePosted


async def main(url: str, room_name: str) -> None:
    async with Client(url, token=os.environ["MULTIPLAYER_TOKEN"]) as client:
        room = await client.room(room_name)
        async for word in room.events():
            if isinstance(word, MessagePosted) and word.actor_id != client.account.id:
                # The key makes the answer one, however often the connection breaks on the way.
                await room.send(f"You said: {word.message.text}", key=f"echo-{word.id}")


asyncio.run(main(sys.argv[1], sys.argv[2]))
