"""The one door for bearer secrets: what a token looks like decides who checks it, and nobody else gets a try."""

import re
from typing import Protocol

from multiplayer.auth.port import Identity
from multiplayer.auth.random_secrets import SecretKind
from multiplayer.protocol.errors import RefusalCode, Refused

_JWT_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class Identifies(Protocol):
    async def identify(self, text: str, /) -> Identity: ...


class AnyToken:
    """The `Authenticator` of a server: access tokens, sign-ins and, when the server is connected to Supabase, its tokens."""

    def __init__(self, access_tokens: Identifies, sign_ins: Identifies, supabase: Identifies | None) -> None:
        self._access_tokens = access_tokens
        self._sign_ins = sign_ins
        self._supabase = supabase

    async def identify(self, token: str) -> Identity:
        if token.startswith(SecretKind.ACCESS_TOKEN):
            return await self._access_tokens.identify(token)
        if token.startswith(SecretKind.SIGN_IN):
            return await self._sign_ins.identify(token)
        if self._supabase is not None and _JWT_SHAPE.fullmatch(token):
            return await self._supabase.identify(token)
        raise Refused(RefusalCode.UNAUTHENTICATED, "This is not a token this server knows.")
