"""Hands a scripted model the plain words of tool results: it would quote the marks around them to the room."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from multiplayer.ai.prompts import plain_result
from multiplayer.models.port import ChatModel, ChatRequest, Chunk


class PlainResults:
    """A `ChatModel` around a model that follows no orders and so needs no marks against them."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    @property
    def model_name(self) -> str:
        return self._model.model_name

    @property
    def context_tokens(self) -> int:
        return self._model.context_tokens

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        messages = tuple(
            replace(message, content=plain_result(message.content)) if message.role == "tool" else message
            for message in request.messages
        )
        async with aclosing(self._model.stream(replace(request, messages=messages))) as chunks:
            async for chunk in chunks:
                yield chunk
