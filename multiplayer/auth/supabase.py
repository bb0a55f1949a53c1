"""Supabase access tokens: every claim checked here, on this machine, before anyone is let in."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiplayer.auth.handles import derive_handle
from multiplayer.auth.port import AccountRow, CredentialStore, Identity
from multiplayer.auth.signing_keys import SigningKeys
from multiplayer.auth.standing import check_enabled
from multiplayer.protocol.errors import RefusalCode, Refused

MAX_TOKEN_BYTES = 8 * 1024
MAX_LEEWAY = timedelta(seconds=60)
MIN_SECRET_BYTES = 32
MAX_DISPLAY_NAME = 64
_PUBLIC_KEY_ALGORITHMS = frozenset({"ES256", "RS256", "EdDSA"})
_SHARED_SECRET_ALGORITHM = "HS256"  # noqa: S105 - a name, not a secret
_KID = re.compile(r"[A-Za-z0-9._~:=+-]{1,200}")
_LONGEST_EMAIL = 320
_PUBLISHABLE_KEY = re.compile(r"sb_publishable_[A-Za-z0-9_-]{8,200}")
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

# Up to the year 9999, beyond which there are no datetimes.
_Seconds = Annotated[float, Field(ge=0, le=253_402_300_799, allow_inf_nan=False)]


class _Header(BaseModel):
    model_config = ConfigDict(strict=True)

    alg: str
    kid: str | None = None
    crit: object = None
    """Extensions that must be understood: we understand none."""


class _Claims(BaseModel):
    """What GoTrue puts in a token, as far as we rely on it. `user_metadata` is the person's own words: shown, never trusted."""

    model_config = ConfigDict(strict=True)

    iss: str
    aud: str | list[str]
    role: str
    sub: str
    exp: _Seconds
    iat: _Seconds | None = None
    nbf: _Seconds | None = None
    is_anonymous: bool = False
    session_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")] | None = None
    email: str | None = None
    user_metadata: dict[str, object] | None = None


class _KeyClaims(BaseModel):
    role: str


def check_supabase_url(url: str) -> str:
    """Return the project's address without a trailing slash; ValueError unless it is https, or http on this machine."""
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("the Supabase URL is not like https://project.supabase.co")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ValueError("the Supabase URL must be https")
    return url.rstrip("/")


def keys_url(supabase_url: str) -> str:
    """Where the project publishes its signing keys."""
    return f"{check_supabase_url(supabase_url)}/auth/v1/.well-known/jwks.json"


def check_anon_key(key: str) -> str:
    """Return the project's public key; ValueError for anything else: each page shows it, and the other keys open all data."""
    if _PUBLISHABLE_KEY.fullmatch(key):
        return key
    try:
        claims = _KeyClaims.model_validate_json(jwt.utils.base64url_decode(key.split(".")[1]))
    except (IndexError, ValueError):
        claims = None
    if claims is None or claims.role != "anon" or not _JWT.fullmatch(key):
        raise ValueError("the Supabase anon key is the public one, named anon or publishable: no other may be shown")
    return key


class SupabaseTokens:
    """Verifies tokens and makes an account at a person's first one.

    HS256 counts only with `shared_secret`, and then only against it. `keys` fetches from `keys_url(url)`.
    """

    def __init__(
        self,
        store: CredentialStore,
        keys: SigningKeys,
        *,
        url: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        shared_secret: str | None = None,
        allow_anonymous: bool = False,
        leeway: timedelta = timedelta(seconds=30),
    ) -> None:
        if not timedelta(0) <= leeway <= MAX_LEEWAY:
            raise ValueError(f"the leeway is between 0 and {MAX_LEEWAY.total_seconds():.0f} seconds")
        if shared_secret is not None and len(shared_secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"the Supabase JWT secret has at least {MIN_SECRET_BYTES} bytes")
        self._store = store
        self._keys = keys
        self._issuer = f"{check_supabase_url(url)}/auth/v1"
        self._now = now
        self._new_id = new_id
        self._shared_secret = shared_secret
        self._allow_anonymous = allow_anonymous
        self._leeway = leeway

    async def identify(self, token: str) -> Identity:
        """Return whose token this is, creating the account if need be; refusals as `Authenticator.identify`.

        `expires_at` is the token's `exp`, without the leeway.
        """
        claims = await self._verified_claims(token)
        subject, expires_at = self._check_claims(claims)
        account = await self._store.find_account_by_subject(self._issuer, subject)
        if account is None:
            account = await self._create_account(subject, claims)
        check_enabled(disabled=account.disabled)
        return Identity(
            account_id=account.id,
            how="supabase",
            credential_id=claims.session_id or subject,
            expires_at=expires_at,
            is_operator=account.is_operator,
        )

    async def _verified_claims(self, token: str) -> _Claims:
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise _not_valid("it is too long or not a token")
        header = _header_of(token)
        key = await self._key_for(header)
        try:
            payload = jwt.PyJWS().decode(token, key, algorithms=[header.alg])
        except jwt.PyJWTError:
            raise _not_valid("its signature is wrong") from None
        try:
            return _Claims.model_validate_json(payload)
        except ValidationError as error:
            # The place only: the message would quote the token.
            where = ".".join(str(step) for step in error.errors()[0]["loc"])
            raise _not_valid(f"its claim {where[:40]!r} is missing or malformed") from None

    async def _key_for(self, header: _Header) -> jwt.PyJWK | str:
        """Return the one key this header may be verified with. Each algorithm has one way, and none has a second."""
        if header.crit is not None:
            raise _not_valid("it asks for an extension")
        if header.kid is not None and not _KID.fullmatch(header.kid):
            raise _not_valid("its key id is malformed")
        if header.alg == _SHARED_SECRET_ALGORITHM:
            if self._shared_secret is None:
                raise _not_valid("it is signed with a shared secret, and none is set here")
            return self._shared_secret
        if header.alg not in _PUBLIC_KEY_ALGORITHMS:
            raise _not_valid("its algorithm is not allowed")
        if header.kid is None:
            raise _not_valid("it names no key")
        found = await self._keys.find(header.kid)
        if found is None:
            raise _not_valid("its key is not known")
        if found.algorithm != header.alg:
            raise _not_valid("its algorithm does not fit its key")
        return found.key

    def _check_claims(self, claims: _Claims) -> tuple[str, datetime]:
        """Return subject and end of the token, or refuse it."""
        if claims.iss != self._issuer:
            raise _not_valid("it was issued by someone else")
        if claims.aud not in ("authenticated", ["authenticated"]):
            raise _not_valid("it is meant for another audience")
        if claims.role != "authenticated":
            raise _not_valid("its role is not that of a signed-in person")
        if claims.is_anonymous and not self._allow_anonymous:
            raise _not_valid("anonymous sign-ins are not allowed here")
        subject = _uuid(claims.sub)
        now_s, leeway_s = self._now().timestamp(), self._leeway.total_seconds()
        if claims.nbf is not None and claims.nbf > now_s + leeway_s:
            raise _not_valid("it is not valid yet")
        if claims.iat is not None and (claims.iat > now_s + leeway_s or claims.iat > claims.exp):
            raise _not_valid("its times make no sense")
        if claims.exp + leeway_s <= now_s:
            raise Refused(RefusalCode.EXPIRED, "This Supabase token has expired.")
        return subject, datetime.fromtimestamp(claims.exp, UTC)

    async def _create_account(self, subject: str, claims: _Claims) -> AccountRow:
        names = [_plain_text(_metadata(claims, field)) for field in ("name", "full_name")]
        email = claims.email if claims.email and len(claims.email) <= _LONGEST_EMAIL else None
        if email is not None and not email.isprintable():
            email = None
        handle = derive_handle(_metadata(claims, "user_name"), email, *names)
        return await self._store.create_account_for_subject(
            account_id=self._new_id(),
            issuer=self._issuer,
            subject=subject,
            handle=handle,
            display_name=next((name for name in names if name), handle),
            email=email,
            created_at=self._now(),
        )


def _header_of(token: str) -> _Header:
    try:
        segment = token.split(".", 1)[0]
        return _Header.model_validate_json(jwt.utils.base64url_decode(segment))
    except ValueError:  # also pydantic's and base64's
        raise _not_valid("its header is malformed") from None


def _uuid(text: str) -> str:
    """Return the subject in lower case; UUID() alone would also take braces, prefixes and missing dashes."""
    try:
        canonical = str(UUID(text))
    except ValueError:
        canonical = ""
    if not canonical or canonical != text.lower():
        raise _not_valid("its subject is not a UUID")
    return canonical


def _metadata(claims: _Claims, field: str) -> str | None:
    value = (claims.user_metadata or {}).get(field)
    return value if isinstance(value, str) else None


def _plain_text(text: str | None) -> str:
    """Return printable characters only, so that no name can turn the direction of a line or break it."""
    normal = unicodedata.normalize("NFC", (text or "")[: 4 * MAX_DISPLAY_NAME])
    return "".join(character for character in normal if character.isprintable())[:MAX_DISPLAY_NAME].strip()


def _not_valid(reason: str) -> Refused:
    return Refused(RefusalCode.UNAUTHENTICATED, f"This Supabase token is not accepted: {reason}.")
