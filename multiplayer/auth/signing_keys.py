"""The public keys a Supabase project signs with: fetched rarely, one fetch at a time, however many tokens ask."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, Field, ValidationError

from multiplayer.protocol.errors import RefusalCode, Refused

log = logging.getLogger(__name__)

HOLD = timedelta(seconds=600)
"""How long fetched keys are used without asking again."""
STALE = timedelta(hours=1)
"""How long they go on to be used while Supabase cannot be reached."""
BETWEEN_FETCHES = timedelta(seconds=10)
HOLD_UNKNOWN = timedelta(seconds=60)
"""How long a key id that a fetch did not bring causes no other fetch. A fetch that brings it ends that at once."""
MAX_UNKNOWN = 1024
MAX_BYTES = 256 * 1024
FETCH_TIMEOUT_S = 5.0

_ALGORITHM_OF_TYPE = {("EC", "P-256"): "ES256", ("RSA", None): "RS256", ("OKP", "Ed25519"): "EdDSA"}
_MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the one algorithm its type allows."""

    kid: str
    algorithm: str
    key: jwt.PyJWK


class _Jwk(BaseModel):
    """The fields of a JSON Web Key (RFC 7517) that say what it may be used for."""

    kid: Annotated[str, Field(min_length=1, max_length=200)]
    kty: str
    crv: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    d: object = None
    """Only a private key has it."""


class _Jwks(BaseModel):
    keys: list[dict[str, object]]


class _FetchFailedError(Exception):
    """The key set could not be had; the message is safe to log."""


class SigningKeys:
    """Keys by id. `http` is lent: whoever made the client closes it."""

    def __init__(self, url: str, http: httpx.AsyncClient, *, now: Callable[[], datetime]) -> None:
        self._url = url
        self._http = http
        self._now = now
        self._fetching = asyncio.Lock()
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at: datetime | None = None
        self._attempted_at: datetime | None = None
        self._last_attempt_failed = False
        self._unknown: OrderedDict[str, datetime] = OrderedDict()

    async def find(self, kid: str) -> SigningKey | None:
        """Return the key, or None when the project has none of this id.

        May fetch, at most once per 10 s. Refuses `unavailable` when only a fetch could tell and it fails.
        """
        asked_at = self._now()
        held = self._keys.get(kid)
        if held is not None and self._is_younger(self._fetched_at, HOLD):
            return held
        if held is None and self._is_younger(self._unknown.get(kid), HOLD_UNKNOWN):
            return None
        if held is not None and self._fetching.locked() and self._is_younger(self._fetched_at, STALE):
            # Somebody is fetching already: no reason to keep this one waiting.
            return held
        async with self._fetching:
            if not self._is_younger(self._attempted_at, BETWEEN_FETCHES):
                await self._fetch()
        held = self._keys.get(kid)
        if held is not None and self._is_younger(self._fetched_at, STALE):
            return held
        if self._last_attempt_failed:
            raise Refused(
                RefusalCode.UNAVAILABLE,
                "The sign-in service cannot be reached to check this token; try again.",
                retry_after_s=BETWEEN_FETCHES.total_seconds(),
            )
        if self._attempted_at is not None and self._attempted_at >= asked_at:
            # An id that came just after a fetch is refused too, but asked for again: it may be that new.
            self._remember_unknown(kid)
        return None

    def _is_younger(self, since: datetime | None, age: timedelta) -> bool:
        # A clock that was set back makes everything old, never young for longer.
        return since is not None and timedelta(0) <= self._now() - since < age

    def _remember_unknown(self, kid: str) -> None:
        self._unknown[kid] = self._now()
        self._unknown.move_to_end(kid)
        if len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)

    async def _fetch(self) -> None:
        self._attempted_at = self._now()
        self._last_attempt_failed = True  # also when the caller is cancelled half-way
        try:
            keys = _parse(await self._download())
        except _FetchFailedError as failure:
            log.warning("Supabase signing keys could not be fetched: %s", failure)
            return
        self._keys = keys
        self._fetched_at = self._now()
        self._last_attempt_failed = False
        for kid in keys:
            self._unknown.pop(kid, None)

    async def _download(self) -> bytes:
        body = bytearray()
        # Unpacked by nobody, so that a small answer cannot become a large one.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        try:
            async with (
                asyncio.timeout(FETCH_TIMEOUT_S),
                self._http.stream("GET", self._url, headers=headers, follow_redirects=False) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise _FetchFailedError(f"status {response.status_code}")
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise _FetchFailedError(f"more than {MAX_BYTES} bytes")
        except (httpx.HTTPError, TimeoutError) as error:
            raise _FetchFailedError(type(error).__name__) from None
        return bytes(body)


def _parse(body: bytes) -> dict[str, SigningKey]:
    try:
        listed = _Jwks.model_validate_json(body).keys
    except ValidationError:
        raise _FetchFailedError("not a JSON Web Key Set") from None
    keys = [key for key in map(_usable, listed) if key is not None]
    return {key.kid: key for key in keys}


def _usable(listed: dict[str, object]) -> SigningKey | None:
    """Return the key when it is a public one of a kind we verify with; a shared secret (`oct`) never is."""
    try:
        jwk = _Jwk.model_validate(listed)
    except ValidationError:
        return None
    algorithm = _ALGORITHM_OF_TYPE.get((jwk.kty, jwk.crv))
    if algorithm is None or jwk.alg not in (None, algorithm) or jwk.d is not None:
        return None
    if jwk.use not in (None, "sig") or (jwk.key_ops is not None and "verify" not in jwk.key_ops):
        return None
    try:
        key = jwt.PyJWK(listed, algorithm)
    except jwt.PyJWTError:
        return None
    public: object = key.key
    if isinstance(public, RSAPublicKey) and public.key_size < _MIN_RSA_BITS:
        return None
    return SigningKey(jwk.kid, algorithm, key)
