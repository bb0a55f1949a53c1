"""A chat model behind an OpenAI-compatible HTTP address: DeepSeek, OpenAI, Ollama, vLLM, llama.cpp."""

import asyncio
import ipaddress
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from pydantic import JsonValue

from multiplayer.models.catalogue import shipped_catalogue
from multiplayer.models.openai_answer import TOO_BIG, OpenAIAnswer
from multiplayer.models.openai_wire import (
    Completion,
    clean_detail,
    encode_request,
    parse_completion,
)
from multiplayer.models.port import (
    ChatRequest,
    Chunk,
    ModelBroke,
    ModelRejected,
    ModelUnavailable,
    PromptTooLong,
    ToolCall,
)
from multiplayer.models.request_way import Way, has_hung_up
from multiplayer.models.retry import parse_retry_after
from multiplayer.models.sse_reader import SseLimits, StreamTooBig, read_events
from multiplayer.models.tool_calls import ToolCallAssembler

_MAX_ERROR_BODY = 64 * 1024
_MAX_WHOLE_ANSWER = 4 * 1024 * 1024
_REST_WAIT_S = 0.1
_REFUSED_AS_IT_IS = frozenset({400, 422})
"""The statuses with which a provider refuses what the request holds."""
_LOST = (httpx.TransportError, httpx.StreamError)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is and how to speak to it; the key is kept apart.

    `returns_thinking` is for providers that demand a model's thinking back inside a tool loop (DeepSeek does).
    `extra` is merged into each request body. `max_output_tokens` is the provider's own limit of one answer: no
    request asks for more. `allows_plain_http` is the operator's explicit word that the key may cross the network in
    the clear.
    """

    base_url: str
    model_name: str
    context_tokens: int
    returns_thinking: bool = False
    allows_plain_http: bool = False
    extra: Mapping[str, JsonValue] | None = None
    max_output_tokens: int | None = None


def known_endpoint(
    provider: str,
    model_name: str = "",
    *,
    base_url: str = "",
    context_tokens: int | None = None,
    allows_plain_http: bool = False,
) -> Endpoint:
    """Return the endpoint of a model as the shipped catalogue knows it; what is given goes before what it says.

    `provider` is `deepseek` or `openai`; without a name it is the provider's default model. An older name is sent as
    what it means now. A model that is not listed works too, with `context_tokens` or else the provider's usual size.
    """
    catalogue = shipped_catalogue()
    facts = catalogue.facts(provider, model_name)
    return Endpoint(
        base_url or catalogue.providers[provider].base_url,
        facts.name,
        context_tokens or facts.context_tokens,
        returns_thinking=facts.returns_thinking,
        allows_plain_http=allows_plain_http,
        extra=facts.parameters or None,
        max_output_tokens=facts.max_output_tokens,
    )


def deepseek(model_name: str = "") -> Endpoint:
    """Return DeepSeek's own address with one of its models; without a name, its default one."""
    return known_endpoint("deepseek", model_name)


def check_address(base_url: str, *, allows_plain_http: bool) -> httpx.URL:
    """Return the address to post to. Raises `ValueError`: it is not safe to send a key there."""
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("the model provider's address is not a URL") from None
    if url.userinfo:
        raise ValueError("the model provider's address must not hold a user name or password")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("the model provider's address must begin with https:// and name a host")
    if url.query or url.fragment:
        raise ValueError("the model provider's address must end with its path, without ? or #")
    if url.scheme == "http" and not allows_plain_http and not _is_loopback(url.host):
        raise ValueError("the model provider's address must be https, unless it is this machine or you allow http")
    return url.copy_with(path=url.path.rstrip("/") + "/chat/completions")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OpenAICompatible:
    """Streams answers from one provider. Close it when the server stops.

    `now` is the wall clock, for a `Retry-After` that is a date. `make_id` names tool calls that came without an id.
    `usage_wait_s` is how long a complete answer waits for its usage, and a refusal for its words.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_id: Callable[[], str] = lambda: f"call_{uuid.uuid4().hex}",
        limits: SseLimits | None = None,
        read_timeout_s: float = 60.0,
        usage_wait_s: float = 5.0,
    ) -> None:
        if not all("!" <= character <= "~" for character in key):
            raise ValueError("the model provider's key holds characters that no key has")
        self._endpoint = endpoint
        self._url = check_address(endpoint.base_url, allows_plain_http=endpoint.allows_plain_http)
        self._key = key
        self._now = now
        self._make_id = make_id
        self._limits = limits or SseLimits()
        self._usage_wait_s = usage_wait_s
        # trust_env would let variables outside our settings send the key through a proxy.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(connect=10.0, read=read_timeout_s, write=30.0, pool=10.0),
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=32, keepalive_expiry=15.0),
        )

    @property
    def model_name(self) -> str:
        return self._endpoint.model_name

    @property
    def context_tokens(self) -> int:
        return self._endpoint.context_tokens

    async def aclose(self) -> None:
        """Close all connections, also those of streams still open."""
        await self._client.aclose()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        async with AsyncExitStack() as stack:
            response = await self._send(request)
            stack.push_async_callback(response.aclose)
            await self._check_status(response)
            answer = OpenAIAnswer(ToolCallAssembler(self._make_id, _calls_in(request)), self._key)
            content_type = response.headers.get("content-type", "").lower()
            if "text/html" in content_type:
                raise ModelBroke("The AI provider answered with a web page: is its address right?")
            if content_type.startswith("application/json"):
                body = await _read_up_to(response, _MAX_WHOLE_ANSWER)
                if body is None:
                    raise ModelBroke(TOO_BIG)
                for chunk in answer.take(parse_completion(body.decode(errors="replace"))):
                    yield chunk
            else:
                pieces = await stack.enter_async_context(aclosing(self._read_stream(response, answer)))
                async for chunk in pieces:
                    yield chunk
            for chunk in answer.finish():
                yield chunk

    async def _read_stream(self, response: httpx.Response, answer: OpenAIAnswer) -> AsyncGenerator[Chunk, None]:
        async with AsyncExitStack() as stack:
            raw = await stack.enter_async_context(aclosing(_raw_bytes(response)))
            events = await stack.enter_async_context(aclosing(read_events(raw, self._limits)))
            while True:
                # After its finish reason a provider owes only the usage: one that keeps silent does not spoil
                # an answer that is complete.
                patience = asyncio.timeout(self._usage_wait_s if answer.reason else None)
                try:
                    async with patience:
                        event = await anext(events)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    if not patience.expired():
                        raise
                    return
                except StreamTooBig as error:
                    raise ModelBroke(TOO_BIG) from error
                except _LOST as error:
                    if not answer.has_begun and answer.reason is None:
                        raise ModelUnavailable("The connection to the AI provider was lost.", was_read=True) from error
                    return  # the words so far stand
                if event.data.strip() == "[DONE]":
                    await _read_rest(raw)
                    return
                for chunk in answer.take(parse_completion(event.data)):
                    yield chunk

    async def _send(self, request: ChatRequest) -> httpx.Response:
        """Send the request and read the head of the answer; raises `ModelUnavailable`."""
        body = encode_request(
            request,
            self._endpoint.model_name,
            returns_thinking=self._endpoint.returns_thinking,
            extra=dict(self._endpoint.extra or {}),
            max_output_tokens=self._endpoint.max_output_tokens,
        )
        way = Way()
        try:
            try:
                return await self._client.send(self._build(body, way), stream=True)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if way.is_fresh or (isinstance(error, httpx.RemoteProtocolError) and not has_hung_up(error)):
                    raise
                # The provider closed an idle connection just as we used it; no byte of an answer had come.
                way = Way()
                return await self._client.send(self._build(body, way), stream=True)
        except httpx.RemoteProtocolError as error:
            if has_hung_up(error):
                reason = "The AI provider closed the connection without an answer."
                raise ModelUnavailable(reason, was_read=way.is_sent) from error
            raise ModelBroke("The AI provider's answer is not HTTP.") from error
        except httpx.TimeoutException as error:
            raise ModelUnavailable("The AI provider did not answer in time.", was_read=way.is_sent) from error
        except httpx.TransportError as error:
            raise ModelUnavailable("The AI provider cannot be reached.", was_read=way.is_sent) from error

    def _build(self, body: bytes, way: Way) -> httpx.Request:
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream",
            "accept-encoding": "identity",
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return self._client.build_request(
            "POST", self._url, headers=headers, content=body, extensions={"trace": way.take}
        )

    async def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if status == 200:
            if encoding not in {"", "identity"}:
                raise ModelBroke("The AI provider sent a compressed answer though it was asked not to.")
            return
        if status == 429 or status >= 500:
            raise self._unavailable(status, response.headers.get("retry-after"))
        if status < 300:
            raise ModelBroke(f"The AI provider answered with status {status} and no answer.")
        if status < 400:
            raise ModelRejected("The AI provider points to another address, and the key is not sent there.")
        error = None if encoding not in {"", "identity"} else await self._read_error(response)
        detail = "" if error is None else clean_detail(error.complaint or "", self._key)
        said = f" It says: {detail}" if detail and status != 401 else ""
        if status == 413 or (status in _REFUSED_AS_IT_IS and error is not None and error.says_too_long):
            raise PromptTooLong(_refusal(413) + said)
        raise ModelRejected(_refusal(status) + said)

    def _unavailable(self, status: int, retry_after: str | None) -> ModelUnavailable:
        reason = (
            "The AI provider has too many requests at the moment."
            if status == 429
            else f"The AI provider has a problem of its own (status {status})."
        )
        if retry_after is None:
            return ModelUnavailable(reason)
        wait_s = parse_retry_after(retry_after, self._now())
        return ModelUnavailable(reason, wait_s, is_worth_retrying=wait_s is not None)

    async def _read_error(self, response: httpx.Response) -> Completion | None:
        try:
            # The status says what matters: a body that does not come is not waited for.
            async with asyncio.timeout(self._usage_wait_s):
                body = await _read_up_to(response, _MAX_ERROR_BODY)
        except (ModelUnavailable, TimeoutError):
            return None
        try:
            return parse_completion((body or b"").decode(errors="replace"))
        except ModelBroke:
            return None


def _calls_in(request: ChatRequest) -> list[ToolCall]:
    return [call for message in request.messages for call in message.tool_calls]


def _refusal(status: int) -> str:
    match status:
        case 401 | 403:
            return "The AI provider did not accept this server's key; its operator must check it."
        case 402:
            return "This server's account at the AI provider has no credit left; its operator must top it up."
        case 404:
            return "The AI provider does not know this model or address; the server's operator must check them."
        case 413:
            return "The conversation is too long for the AI provider."
        case _:
            return f"The AI provider refused the request (status {status})."


async def _raw_bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    # Never `aiter_bytes`: it would unpack a compressed body without bounds.
    async for chunk in response.aiter_raw():
        yield chunk


async def _read_rest(raw: AsyncGenerator[bytes, None]) -> None:
    """Read what little may follow the last event: only a body read to its end leaves a connection to use again."""
    with suppress(TimeoutError, *_LOST):
        async with asyncio.timeout(_REST_WAIT_S):
            async for _ in raw:
                pass


async def _read_up_to(response: httpx.Response, limit: int) -> bytes | None:
    """Return the body, or `None` when it is longer than `limit` bytes; raises `ModelUnavailable`."""
    body = bytearray()
    try:
        async with aclosing(_raw_bytes(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    return None
    except _LOST as error:
        raise ModelUnavailable("The connection to the AI provider was lost.", was_read=True) from error
    return bytes(body)
