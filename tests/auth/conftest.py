"""A clock the tests move, ids in order, accounts of alice and bob in a store, and a Supabase project to sign tokens."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest
from argon2 import PasswordHasher

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.local import LocalAccounts, SignIns
from multiplayer.auth.passwords import Passwords
from multiplayer.auth.signing_keys import SigningKeys
from multiplayer.auth.supabase import SupabaseTokens, keys_url
from multiplayer.protocol.errors import Refused
from tests.support.credentials import MemoryCredentialStore
from tests.support.supabase import SupabaseStandIn, supabase_stand_in


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class Ids:
    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> str:
        return f"{next(self._numbers):026d}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def new_id() -> Ids:
    return Ids()


@pytest.fixture
def store() -> MemoryCredentialStore:
    store = MemoryCredentialStore()
    store.add_account("alice-id", "alice")
    store.add_account("bob-id", "bob", is_operator=True)
    return store


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    passwords = Passwords(cheap)
    yield passwords
    passwords.close()


@pytest.fixture
def access_tokens(store: MemoryCredentialStore, clock: Clock, new_id: Ids) -> AccessTokens:
    return AccessTokens(store, now=clock, new_id=new_id)


@pytest.fixture
def sign_ins(store: MemoryCredentialStore, clock: Clock, new_id: Ids) -> SignIns:
    return SignIns(store, now=clock, new_id=new_id)


@pytest.fixture
def local(store: MemoryCredentialStore, passwords: Passwords, sign_ins: SignIns, clock: Clock) -> LocalAccounts:
    return LocalAccounts(store, passwords, sign_ins, now=clock)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[SupabaseStandIn]:
    async with supabase_stand_in() as server:
        yield server


@pytest.fixture
async def project(server: SupabaseStandIn, clock: Clock) -> SupabaseStandIn:
    server.now = clock
    server.rotate()
    server.come_back()
    server.jwks_answer = None
    server.jwks_fetches = 0
    return server


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield http


class Verifiers:
    """Makes verifiers of the project that differ in their settings."""

    def __init__(self, store: MemoryCredentialStore, url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self.store, self.url, self.http, self.clock, self.ids = store, url, http, clock, Ids()

    def __call__(
        self,
        *,
        shared_secret: str | None = None,
        allow_anonymous: bool = False,
        leeway: timedelta = timedelta(seconds=30),
    ) -> SupabaseTokens:
        return SupabaseTokens(
            self.store,
            SigningKeys(keys_url(self.url), self.http, now=self.clock),
            url=self.url,
            now=self.clock,
            new_id=self.ids,
            shared_secret=shared_secret,
            allow_anonymous=allow_anonymous,
            leeway=leeway,
        )


@pytest.fixture
def verifier_with(
    store: MemoryCredentialStore, project: SupabaseStandIn, http: httpx.AsyncClient, clock: Clock
) -> Verifiers:
    return Verifiers(store, project.url, http, clock)


@pytest.fixture
def verifier(verifier_with: Verifiers) -> SupabaseTokens:
    return verifier_with()


async def refusal_of(verifier: SupabaseTokens, token: str) -> Refused:
    with pytest.raises(Refused) as refusal:
        await verifier.identify(token)
    for part in token.split("."):
        assert len(part) < 8 or part not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    return refusal.value
