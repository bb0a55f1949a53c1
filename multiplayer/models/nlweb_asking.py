"""Asks one NLWeb site one question: the dialects in turn, without earlier messages if need be, promises looked after."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from multiplayer.models.deadlines import PauseSaid
from multiplayer.models.nlweb_answer import NlwebAnswer, NlwebLimits
from multiplayer.models.nlweb_cards import Item
from multiplayer.models.nlweb_dialects import DialectMemory, Misfit, fits, to_report
from multiplayer.models.nlweb_question import SiteQuestion, SiteRequest
from multiplayer.models.nlweb_replies import Reply05, Reply054, ReplyReader, SiteFailed, SitePromise, shape_of
from multiplayer.models.nlweb_replies_0_1 import Reply01
from multiplayer.models.nlweb_requests import encode_await, encode_question
from multiplayer.models.nlweb_site import BrokenOff, NlwebSite, SiteReply
from multiplayer.models.openai_wire import clean_detail
from multiplayer.models.port import (
    ChatRequest,
    Chunk,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelUnavailable,
)
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions

_CONTEXT_TOKENS = 32_000
_LOST = "The connection to the NLWeb site was lost."


class _TryWithoutContext(Exception):  # noqa: N818 - says what to do
    """The site failed while earlier messages went along: working those in may be what it failed at."""

    def __init__(self, failure: ModelFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class AskedSite:
    """A site as a model that is sent `SiteRequest`s, one for each try of a question; what comes is the site's alone.

    `holds_words`: our own model is to write the answer where the site does not. See `NLWeb` for the rest.
    """

    def __init__(
        self,
        site: NlwebSite,
        options: NlwebOptions,
        *,
        key: str,
        holds_words: bool,
        dialects: DialectMemory,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        limits: NlwebLimits,
    ) -> None:
        self._site = site
        self._options = options
        self._key = key
        self._holds_words = holds_words
        self._dialects = dialects
        self._clock = clock
        self._sleep = sleep
        self._limits = limits
        self.unknown_messages = 0
        """How many messages of unknown kinds the site has sent so far; each was ignored."""

    @property
    def model_name(self) -> str:
        return f"nlweb:{self._site.host}"

    @property
    def context_tokens(self) -> int:
        return _CONTEXT_TOKENS

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Yield what the site shows; what else there is of the answer, and whether it broke off, is in the question."""
        assert isinstance(request, SiteRequest), "a site is asked by `NLWeb` alone"
        question = request.question
        try:
            async with aclosing(self._ask(question)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except BrokenOff as error:
            if not question.answer.has_shown:
                raise ModelUnavailable(_LOST, is_worth_retrying=question.has_requests_left) from error
            question.is_broken_off = True
        except ModelUnavailable as failure:
            failure.is_worth_retrying &= question.has_requests_left
            raise

    async def _ask(self, question: SiteQuestion) -> AsyncGenerator[Chunk, None]:
        """Put the question, in one dialect after the other until a reply fits, while it has requests left."""
        last: ModelFailure = ModelUnavailable(_LOST)
        while question.dialects and question.spend():
            # Of what a request before this one brought, nothing was shown.
            answer = question.answer = NlwebAnswer(self._limits)
            try:
                async with aclosing(self._try(question, answer)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except _TryWithoutContext as error:
                last = error.failure
                question.conversation = replace(question.conversation, previous=(), summary="")
            except Misfit as error:
                last = error.failure
                self._dialects.forget(self._site.base_url)
                question.misfits.append(error)
                question.dialects.pop(0)
            else:
                return
            finally:
                self.unknown_messages += answer.unknown
        raise to_report(question.misfits, last)

    async def _try(self, question: SiteQuestion, answer: NlwebAnswer) -> AsyncGenerator[Chunk, None]:
        """Put the question once; raises `Misfit`, `_TryWithoutContext`, `BrokenOff`, `ModelFailure`."""
        dialect, conversation = question.dialects[0], question.conversation
        is_new = self._options.dialect is NlwebDialect.AUTO and self._dialects.recall(self._site.base_url) is None
        has_context = bool(conversation.previous and self._options.previous_messages) or bool(
            conversation.summary and dialect is NlwebDialect.C_0_54
        )
        reader: ReplyReader | None = None
        body = encode_question(dialect, conversation, self._options)
        async with self._site.post("/ask", body, may_resend=question.spend) as reply:
            try:
                async for message in reply.objects:
                    if reader is None:
                        if reply.status != 200 and shape_of(message) is None:
                            break  # the words of something in front of the site
                        reader = self._reader_for(message, dialect, reply, answer)
                    for chunk in reader.take(message):
                        if reply.status == 200:
                            yield chunk
                    if reader.is_over:
                        await reply.read_rest()
                        break
                if reader is None or reply.status != 200:
                    raise self._wordless(reply, has_context=has_context, is_new=is_new)
                for chunk in reader.release():
                    yield chunk
                reader.finish()
            except SiteFailed as error:
                raise self._judge(error, dialect, answer, has_context=has_context, is_new=is_new) from None
            except BrokenOff as error:
                if reader is None and has_context and not error.is_silence:
                    # A streaming 0.7.0 breaks off so where it would say 500: its own model was too slow.
                    raise _TryWithoutContext(ModelUnavailable(_LOST)) from error
                for chunk in reader.release() if reader is not None else ():
                    yield chunk
                raise
        if reader.promise is not None:
            async with aclosing(self._await(reader.promise, answer)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _reader_for(self, message: Item, sent: NlwebDialect, reply: SiteReply, answer: NlwebAnswer) -> ReplyReader:
        """Return the reader that the first object of a reply calls for; raises `Misfit` or `ModelFailure`."""
        setting = self._options.dialect
        shape = shape_of(message)
        if shape is None or not fits(sent, shape, setting):
            told = "not NLWeb" if shape is None else f"in dialect {shape.value}, and was asked in {sent.value}"
            failure = ModelBroke(f"The NLWeb site answers {told}.")
            raise Misfit(failure) if setting is NlwebDialect.AUTO else failure
        if reply.status != 200:
            answer = NlwebAnswer(self._limits)  # an error has nothing to show
        elif setting is NlwebDialect.AUTO:
            self._dialects.remember(self._site.base_url, shape)
        answer.holds_words = (
            self._options.mode is NlwebMode.GENERATE and self._holds_words and shape is not NlwebDialect.A_0_1
        )
        match shape:
            case NlwebDialect.A_0_1:
                return Reply01(answer)
            case NlwebDialect.B_0_5:
                return Reply05(answer)
            case _:
                return Reply054(answer)

    def _wordless(self, reply: SiteReply, *, has_context: bool, is_new: bool) -> Exception:
        """Return what a reply without an answer and without an error of its own amounts to."""
        if reply.status == 200:
            failure: ModelFailure = ModelUnavailable("The NLWeb site ended its answer before it had begun.")
            return Misfit(failure) if is_new else failure
        if reply.status == 500:
            failure = ModelUnavailable("The NLWeb site has a problem of its own (status 500).")
            if has_context:
                return _TryWithoutContext(failure)
            return Misfit(failure) if is_new else failure
        failure = ModelRejected(f"The NLWeb site refused the question (status {reply.status}): is its address right?")
        return Misfit(failure) if self._options.dialect is NlwebDialect.AUTO else failure

    def _judge(
        self, error: SiteFailed, sent: NlwebDialect, answer: NlwebAnswer, *, has_context: bool, is_new: bool
    ) -> Exception:
        """Return what an error that the site reports amounts to."""
        failure = self._failure_of(error, answer)
        if isinstance(failure, ModelRejected):
            is_refusal_0_54 = sent is NlwebDialect.C_0_54 and error.code == "INVALID_REQUEST"
            return Misfit(failure, is_refusal_0_54=True) if is_new and is_refusal_0_54 else failure
        if has_context and not answer.has_shown:
            return _TryWithoutContext(failure)
        return failure

    def _failure_of(self, error: SiteFailed, answer: NlwebAnswer) -> ModelFailure:
        said = clean_detail(error.said, self._key) or "no reason given"
        if answer.has_shown:
            return ModelBroke(f"The NLWeb site failed in the middle of its answer: {said}")
        if error.is_refusal:
            return ModelRejected(f"The NLWeb site refused the question: {said}")
        return ModelUnavailable(f"The NLWeb site reports an error: {said}")

    async def _await(self, promise: SitePromise, answer: NlwebAnswer) -> AsyncGenerator[Chunk, None]:
        """Ask for what was promised until it comes; when nobody waits any more, say so to the site."""
        is_owed = True
        started_at = self._clock()
        pause_s = self._limits.first_pause_s
        try:
            for _ in range(self._limits.polls):
                left_s = started_at + self._limits.longest_wait_s - self._clock()
                if left_s <= 0:
                    break
                pause_s = min(pause_s, left_s)
                yield PauseSaid("The site needs more time for its answer.", pause_s)
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, self._limits.longest_pause_s)
                try:
                    reader = Reply054(answer)
                    async with aclosing(self._check_in(promise, reader, answer)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                except (ModelFailure, BrokenOff):
                    is_owed = False
                    raise
                if reader.promise is None:
                    is_owed = False
                    return
                promise = reader.promise
            raise ModelUnavailable("The NLWeb site promised an answer and did not give it in time.")
        finally:
            if is_owed:
                await self._site.cancel(promise.token)

    async def _check_in(
        self, promise: SitePromise, reader: Reply054, answer: NlwebAnswer
    ) -> AsyncGenerator[Chunk, None]:
        async with self._site.post("/await", encode_await(promise.token, "checkin")) as reply:
            is_first = True
            try:
                async for message in reply.objects:
                    if is_first and shape_of(message) is not NlwebDialect.C_0_54:
                        break
                    is_first = False
                    for chunk in reader.take(message):
                        yield chunk
                    if reader.is_over:
                        await reply.read_rest()
                        break
                if is_first or reply.status != 200:
                    raise ModelBroke("The NLWeb site promised an answer and does not know of it any more.")
                reader.finish()
            except SiteFailed as error:
                raise self._failure_of(error, answer) from None
