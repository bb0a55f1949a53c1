"""A model that yields just the chunks a test lists, and waits where the test says so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from multiplayer.models.port import ChatRequest, Chunk, Finished, ModelFailure

Moment = Chunk | asyncio.Event | ModelFailure


class ChunkModel:
    """Plays one list per request, in order, the last of them for ever: chunks, events to wait for, failures to raise.

    A list that does not end with `Finished` gets `Finished("stop")`. `open_streams` counts answers still being read.
    """

    def __init__(self, *scripts: Sequence[Moment], model_name: str = "chunks", context_tokens: int = 32_768) -> None:
        self._scripts = scripts
        self._model_name = model_name
        self._context_tokens = context_tokens
        self.requests: list[ChatRequest] = []
        self.open_streams = 0

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def told(self, text: str, *, request: int) -> int:
        """Count the messages of one request that hold `text`."""
        return sum(text in message.content for message in self.requests[request].messages)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        self.requests.append(request)
        script = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
        self.open_streams += 1
        try:
            for moment in script:
                match moment:
                    case asyncio.Event():
                        await moment.wait()
                    case ModelFailure():
                        raise moment
                    case _:
                        yield moment
            if not script or not isinstance(script[-1], Finished):
                yield Finished("stop")
        finally:
            self.open_streams -= 1
