"""A model that gives whatever chunks a test wrote: cards and forms, too."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from multiplayer.models.port import ChatRequest, Chunk, Finished


class ChunkModel:
    """Plays one script for each request, in order; an event in a script is waited for. `requests` keeps what was asked."""

    model_name = "chunks"
    context_tokens = 32_768

    def __init__(self, *scripts: Sequence[Chunk | asyncio.Event]) -> None:
        self._scripts = list(scripts)
        self.requests: list[ChatRequest] = []

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        for step in self._scripts[len(self.requests) - 1]:
            if isinstance(step, asyncio.Event):
                await step.wait()
            else:
                yield step
        yield Finished("stop")
