"""Asks a room's AI; prints its words and cards as they come, and what it cost.

`MULTIPLAYER_TOKEN=mp_… python examples/ask_ai.py http://127.0.0.1:3002 demo "list the files"`
"""  # noqa: INP001 - a script, no package

import asyncio
import os
import sys
from collections.abc import Sequence

from multiplayer.client import Client
from multiplayer.protocol.cards import Card
from multiplayer.protocol.events import (
    MessagePosted,
)
from multiplayer.protocol.signals import AiCards, AiDelta, AiText
from multiplayer.protocol.turn_events import (
    TurnEnded,
)


class Answer:
    """Prints what is new of an answer that is shown again and again, a little longer each time."""

    def __init__(self) -> None:
        self._words = 0
        self._cards = 0

    def show(self, text: str, cards: Sequence[Card]) -> None:
        print(text[self._words :], end="", flush=True)  # noqa: T201 - what this example is for
        for card in cards[self._cards :]:
            print(f"\n- {card.title} {card.url} ({card.site})")  # noqa: T201 - what this example is for
        self._words, self._cards = max(self._words, len(text)), max(self._cards, len(cards))


async def main(url: str, room_name: str, question: str) -> None:
    async with Client(url, token=os.environ["MULTIPLAYER_TOKEN"]) as client:
        room = await client.room(room_name)
        estimate = await room.estimate(question)
        if estimate.breach:
            sys.exit(estimate.breach)
        words = room.events()
        turns = await room.turns_of(await room.send(f"@ai {question}"))
        if not turns:
            sys.exit("no AI was asked")
        turn_id, answer = turns[0], Answer()
        async for word in words:
            match word:
                case AiDelta() | AiText() | AiCards() if word.turn_id == turn_id:
                    answer.show(room.view.text_of(turn_id), room.view.cards_of(turn_id))
                case MessagePosted() if word.message.turn_id == turn_id:
                    answer.show(word.message.text, word.message.cards)
                case TurnEnded() if word.turn_id == turn_id:
                    print(f"\n[{word.outcome.value}] {word.reason}".rstrip())  # noqa: T201 - what this example is for
                    # What it cost is told to those who may see that, and nobody else in the room.
                    used = (await room.turn(turn_id)).usage
                    if used is not None and used.cost_micros is not None:
                        print(f"{used.model}: {used.cost_micros / 1_000_000:.6f} {estimate.currency}")  # noqa: T201 - what this example is for
                    return
                case _:
                    pass


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3]))
