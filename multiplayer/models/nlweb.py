"""A chat model behind an NLWeb site: asks its `/ask` and makes words, cards and forms of the reply."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime

from multiplayer.models.nlweb_answer import NlwebAnswer, NlwebLimits
from multiplayer.models.nlweb_asking import AskedSite
from multiplayer.models.nlweb_compose import compose_request
from multiplayer.models.nlweb_dialects import DialectMemory, to_try
from multiplayer.models.nlweb_question import SiteQuestion, SiteRequest
from multiplayer.models.nlweb_site import NlwebSite
from multiplayer.models.port import (
    ChatModel,
    ChatRequest,
    Chunk,
    Conversation,
    Finished,
    FinishReason,
    FormAsked,
    ModelFailure,
    ModelRejected,
    ModelSwitched,
    StatusSaid,
    Tainted,
    TextDelta,
    ThinkingDelta,
    Usage,
)
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.profiles import NlwebOptions


class NLWeb:
    """Streams answers from one site. Close it when the server stops.

    Reads `ChatRequest.conversation`, never the prompt. `composer` writes the answer in mode *generate* where the site
    does not. `clock` is monotonic, in seconds; `now` is the wall clock; `make_marker` returns a fresh random word.
    `again` puts the site, without the composer, under what asks it again and gives it rest (`Retrying`); whatever it
    does, one question makes at most 3 requests to `/ask`.
    """

    def __init__(
        self,
        base_url: str,
        options: NlwebOptions,
        *,
        key: str | None = None,
        composer: ChatModel | None = None,
        allows_plain_http: bool = False,
        dialects: DialectMemory | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_marker: Callable[[], str] = lambda: f"results-{secrets.token_hex(12)}",
        limits: NlwebLimits | None = None,
        read_timeout_s: float = 60.0,
        again: Callable[[ChatModel], ChatModel] = lambda site: site,
    ) -> None:
        self._options = options
        self._composer = composer
        self._dialects = dialects or DialectMemory()
        self._make_marker = make_marker
        self._limits = limits or NlwebLimits()
        self._site = NlwebSite(
            base_url,
            key,
            allows_plain_http=allows_plain_http,
            limits=self._limits,
            read_timeout_s=read_timeout_s,
            now=now,
        )
        self._asked = AskedSite(
            self._site,
            options,
            key=key or "",
            holds_words=composer is not None,
            dialects=self._dialects,
            clock=clock,
            sleep=sleep,
            limits=self._limits,
        )
        self._tries = again(self._asked)

    @property
    def model_name(self) -> str:
        return self._asked.model_name

    @property
    def context_tokens(self) -> int:
        return self._asked.context_tokens

    @property
    def unknown_messages(self) -> int:
        """How many messages of unknown kinds the site has sent so far; each was ignored."""
        return self._asked.unknown_messages

    async def aclose(self) -> None:
        """Close all connections, also those of streams still open."""
        await self._site.aclose()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        conversation = request.conversation
        if conversation is None or not conversation.question.strip():
            raise ModelRejected("An NLWeb site can only be asked a question, and there is none.")
        dialects = to_try(self._options.dialect, self._dialects.recall(self._site.base_url))
        question = SiteQuestion(conversation, dialects, NlwebAnswer(self._limits))
        is_tainted = False
        async with aclosing(self._tries.stream(SiteRequest((), question=question))) as chunks:
            async for chunk in chunks:
                if not is_tainted:
                    is_tainted = True
                    yield Tainted(Taint.NLWEB)
                yield chunk
        answer = question.answer
        reason: FinishReason = "interrupted" if question.is_broken_off else "stop"
        if not is_tainted:
            yield Tainted(Taint.NLWEB)
        if self._composer is not None and answer.is_to_compose and reason == "stop":
            async with aclosing(self._compose(self._composer, request, conversation, answer)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        for chunk in answer.release():
            yield chunk
        if answer.form is not None:
            yield FormAsked(answer.form)
        elif not answer.has_shown:
            yield TextDelta("Nothing was found.")
        # Said, so that nobody estimates tokens that no one is asked to pay for.
        yield Usage(0, 0, 0)
        yield Finished(reason)

    async def _compose(
        self, composer: ChatModel, request: ChatRequest, conversation: Conversation, answer: NlwebAnswer
    ) -> AsyncGenerator[Chunk, None]:
        """Let our own model write the answer from the cards; the site's words stand in for it where it cannot."""
        asked = compose_request(request, conversation.question, answer.cards, answer.held_words, self._make_marker())
        reason: FinishReason = "stop"
        has_begun = False
        try:
            async with aclosing(composer.stream(asked)) as chunks:
                async for chunk in chunks:
                    match chunk:
                        case Finished("length" | "interrupted"):
                            reason = chunk.reason
                        case TextDelta() | ThinkingDelta() | Usage() | ModelSwitched() | StatusSaid():
                            has_begun = has_begun or isinstance(chunk, TextDelta)
                            yield chunk
                        case _:
                            pass  # it was given no tools
        except ModelFailure:
            if has_begun or not answer.held_words:
                raise
            for chunk in answer.release():
                yield chunk
        yield Finished(reason)
