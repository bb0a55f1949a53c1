"""Supabase tokens: which are accepted, which never, and how rarely keys are fetched."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.identify import AnyToken
from multiplayer.auth.local import SignIns
from multiplayer.auth.supabase import SupabaseTokens, check_supabase_url, keys_url
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.auth.conftest import Clock, Verifiers, refusal_of
from tests.support.credentials import MemoryCredentialStore
from tests.support.supabase import ALICE_SUBJECT, BOB_SUBJECT, SupabaseStandIn, supabase_stand_in

pytestmark = pytest.mark.slow

SECRET = "a shared secret of thirty-two bytes"
Forge = Callable[[SupabaseStandIn], str]


def at(project: SupabaseStandIn, seconds: float) -> int:
    return int(project.now().timestamp() + seconds)


def unsigned(project: SupabaseStandIn, alg: str) -> str:
    def encode(part: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

    return f"{encode({'alg': alg, 'typ': 'JWT', 'kid': project.kid})}.{encode(project.claims())}."


def confused(project: SupabaseStandIn, kid: str) -> str:
    """Return a token signed with HS256, the published key its secret: made by hand, for PyJWT refuses to."""
    head, body, _ = project.token(kid=kid).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).rstrip(b"=").decode()
    signature = hmac.digest(project.public_pem(kid), f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def tampered(project: SupabaseStandIn) -> str:
    head, _, signature = project.token().split(".")
    return ".".join([head, project.token(sub=BOB_SUBJECT).split(".")[1], signature])


REFUSED: dict[str, Forge] = {
    "alg none": lambda p: unsigned(p, "none"),
    "alg None": lambda p: unsigned(p, "None"),
    "no signature": lambda p: unsigned(p, "ES256"),
    "HS256 with the public EC key": lambda p: confused(p, p.kid),
    "HS256 with the public RSA key": lambda p: confused(p, p.add_key("RS256")),
    "HS256 without a configured secret": lambda p: p.shared_secret_token(),
    "HS512": lambda p: jwt.encode(p.claims(), "s" * 64, algorithm="HS512", headers={"kid": p.kid}),
    "an algorithm that does not fit the key": lambda p: p.token(kid=p.add_key("RS256"), header={"kid": p.kid}),
    "wrong iss": lambda p: p.token(iss="https://evil.example/auth/v1"),
    "iss with a slash more": lambda p: p.token(iss=p.issuer + "/"),
    "no iss": lambda p: p.token(iss=None),
    "wrong aud": lambda p: p.token(aud="anon"),
    "a second aud": lambda p: p.token(aud=["authenticated", "other"]),
    "no aud": lambda p: p.token(aud=None),
    "no exp": lambda p: p.token(exp=None),
    "exp as text": lambda p: p.token(exp="9999999999"),
    "exp NaN": lambda p: p.token(exp=float("nan")),
    "exp infinite": lambda p: p.token(exp=float("inf")),
    "exp beyond all datetimes": lambda p: p.token(exp=10**18),
    "exp negative": lambda p: p.token(exp=-1),
    "nbf in the future": lambda p: p.token(nbf=at(p, 31)),
    "iat in the future": lambda p: p.token(iat=at(p, 31)),
    "iat after exp": lambda p: p.token(iat=at(p, 20), exp=at(p, 10)),
    "role anon": lambda p: p.token(role="anon"),
    "role service_role": lambda p: p.token(role="service_role"),
    "no role": lambda p: p.token(role=None),
    "sub not a UUID": lambda p: p.token(sub="alice"),
    "session_id the database could not take": lambda p: p.token(session_id="a\x00b"),
    "sub a UUID in braces": lambda p: p.token(sub="{" + ALICE_SUBJECT + "}"),
    "sub a UUID without dashes": lambda p: p.token(sub=ALICE_SUBJECT.replace("-", "")),
    "no sub": lambda p: p.token(sub=None),
    "anonymous": lambda p: p.token(is_anonymous=True),
    "anonymous as text": lambda p: p.token(is_anonymous="true"),
    "kid with a path": lambda p: p.token(header={"kid": "../../etc/passwd"}),
    "kid with a URL": lambda p: p.token(header={"kid": "https://evil.example/jwks.json"}),
    "kid too long": lambda p: p.token(header={"kid": "k" * 201}),
    "kid empty": lambda p: p.token(header={"kid": ""}),
    "kid unknown": lambda p: p.token(header={"kid": "another"}),
    "an extension": lambda p: p.token(header={"crit": ["exp"]}),
    "huge": lambda p: p.token(user_metadata={"name": "x" * 9000}),
    "tampered": tampered,
    "deeply nested header": lambda _: base64.urlsafe_b64encode(b"[" * 4000).decode() + ".e30.e30",
    "header not an object": lambda _: "W10.e30.e30",
    "alg a list": lambda _: base64.urlsafe_b64encode(b'{"alg":["ES256"],"kid":"k"}').decode().rstrip("=") + ".e30.e30",
    "not base64": lambda _: "a.b.c",
    "not ASCII": lambda p: p.token() + "é",
    "empty": lambda _: "",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_wrong_in_one_way_is_refused(
    verifier: SupabaseTokens, project: SupabaseStandIn, store: MemoryCredentialStore, name: str
) -> None:
    refusal = await refusal_of(verifier, REFUSED[name](project))
    assert refusal.code is RefusalCode.UNAUTHENTICATED
    assert store.profiles() == {}
    await verifier.identify(project.token())


@pytest.mark.parametrize(
    "name",
    [
        "alg none",
        "HS512",
        "HS256 without a configured secret",
        "kid with a path",
        "kid with a URL",
        "kid too long",
        "huge",
    ],
)
async def test_a_token_that_can_never_count_causes_no_look_up_of_keys(
    verifier: SupabaseTokens, project: SupabaseStandIn, name: str
) -> None:
    await refusal_of(verifier, REFUSED[name](project))
    assert project.jwks_fetches == 0


async def test_a_key_is_used_with_its_own_algorithm_only(verifier: SupabaseTokens, project: SupabaseStandIn) -> None:
    refusal = await refusal_of(verifier, REFUSED["an algorithm that does not fit the key"](project))
    assert "does not fit its key" in refusal.message


async def test_a_good_token_makes_an_account_once_and_ends_with_its_exp(
    verifier: SupabaseTokens, project: SupabaseStandIn, store: MemoryCredentialStore
) -> None:
    first = await verifier.identify(project.token(session_id="a-session", exp=at(project, 600)))
    again = await verifier.identify(project.token(session_id=None, sub=ALICE_SUBJECT.upper()))
    assert first.account_id == again.account_id
    assert (first.how, first.is_operator) == ("supabase", False)
    assert (first.credential_id, again.credential_id) == ("a-session", ALICE_SUBJECT)
    assert first.expires_at == datetime.fromtimestamp(at(project, 600), UTC)
    profile = store.profiles()[first.account_id]
    assert (profile.handle, profile.display_name, profile.email) == ("alice-2", "Alice", "alice@example.org")


async def test_racing_first_tokens_make_one_account(
    verifier: SupabaseTokens, project: SupabaseStandIn, store: MemoryCredentialStore
) -> None:
    identities = await asyncio.gather(*(verifier.identify(project.token()) for _ in range(20)))
    assert len({identity.account_id for identity in identities}) == 1
    assert len(store.profiles()) == 1
    assert project.jwks_fetches == 1


async def test_a_disabled_account_is_refused_with_a_good_token(
    verifier: SupabaseTokens, project: SupabaseStandIn, store: MemoryCredentialStore
) -> None:
    store.disable_account((await verifier.identify(project.token())).account_id)
    assert (await refusal_of(verifier, project.token())).code is RefusalCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "metadata", [{"name": ["x"]}, {"name": "\u202ereversed\n" + "x" * 500}, {}, {"user_name": "ai", "full_name": "Al"}]
)
async def test_odd_words_about_oneself_never_lock_anyone_out(
    verifier: SupabaseTokens, project: SupabaseStandIn, store: MemoryCredentialStore, metadata: dict[str, object]
) -> None:
    identity = await verifier.identify(project.token(user_metadata=metadata, email=""))
    profile = store.profiles()[identity.account_id]
    assert profile.display_name.isprintable()
    assert 1 <= len(profile.display_name) <= 64
    assert profile.email is None


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_each_public_key_algorithm_is_verified(
    verifier: SupabaseTokens, project: SupabaseStandIn, algorithm: str
) -> None:
    await verifier.identify(project.token(kid=project.add_key(algorithm)))


async def test_a_shared_secret_token_counts_only_against_the_configured_secret(
    verifier_with: Verifiers, project: SupabaseStandIn
) -> None:
    verifier = verifier_with(shared_secret=project.shared_secret)
    await verifier.identify(project.shared_secret_token())
    await verifier.identify(project.token())
    other = jwt.encode(project.claims(), "another secret of thirty-two bytes!", algorithm="HS256")
    for token in (other, confused(project, project.kid), unsigned(project, "HS256")):
        assert (await refusal_of(verifier, token)).code is RefusalCode.UNAUTHENTICATED
    assert project.shared_secret not in repr(verifier)


async def test_a_wrong_shared_secret_token_asks_nobody_else(verifier_with: Verifiers, project: SupabaseStandIn) -> None:
    verifier = verifier_with(shared_secret="x" * 32)
    await refusal_of(verifier, project.shared_secret_token())
    assert project.jwks_fetches == 0


async def test_anonymous_people_come_in_where_the_setting_allows_it(
    verifier_with: Verifiers, project: SupabaseStandIn
) -> None:
    await verifier_with(allow_anonymous=True).identify(project.token(is_anonymous=True, email=None, user_metadata=None))


async def test_a_token_counts_until_its_end_and_the_leeway_have_passed(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    token = project.token(exp=at(project, 60))
    clock.advance(seconds=89)
    await verifier.identify(token)
    clock.advance(seconds=1)
    assert (await refusal_of(verifier, token)).code is RefusalCode.EXPIRED


async def test_small_differences_of_clocks_are_forgiven(verifier: SupabaseTokens, project: SupabaseStandIn) -> None:
    await verifier.identify(project.token(nbf=at(project, 30), iat=at(project, 30)))


@pytest.fixture(scope="module")
def offline() -> SupabaseTokens:
    """A verifier without a network: it knows a shared secret only."""
    url = "http://127.0.0.1:9"
    return Verifiers(MemoryCredentialStore(), url, httpx.AsyncClient(), Clock())(shared_secret=SECRET)


def joined(parts: list[bytes]) -> str:
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@settings(max_examples=100)
@given(garbage=st.text(max_size=40) | st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(joined))
async def test_garbage_is_refused_and_raises_nothing_else(offline: SupabaseTokens, garbage: str) -> None:
    with pytest.raises(Refused) as refusal:
        await offline.identify(garbage)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIM_NAMES = st.sampled_from(
    ["iss", "sub", "aud", "exp", "iat", "nbf", "role", "email", "session_id", "user_metadata"]
)


@settings(max_examples=100)
@given(changes=st.dictionaries(CLAIM_NAMES, JSON, min_size=1, max_size=4))
async def test_signed_nonsense_is_an_identity_or_a_refusal_and_raises_nothing_else(
    offline: SupabaseTokens, changes: dict[str, object]
) -> None:
    claims = SupabaseStandIn("http://127.0.0.1:9", Clock()).claims() | changes
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")
    code, identity = None, None
    try:
        identity = await offline.identify(token)
    except Refused as refused:
        code = refused.code
    assert (identity is None) == (code in {RefusalCode.UNAUTHENTICATED, RefusalCode.EXPIRED})
    assert identity is None or not changes.keys() & {"iss", "sub", "aud", "role"}


async def test_a_supabase_token_enters_by_the_common_door_only_where_it_is_configured(
    verifier: SupabaseTokens, project: SupabaseStandIn, access_tokens: AccessTokens, sign_ins: SignIns
) -> None:
    open_door = AnyToken(access_tokens, sign_ins, verifier)
    closed_door = AnyToken(access_tokens, sign_ins, supabase=None)
    assert (await open_door.identify(project.token())).how == "supabase"
    with pytest.raises(Refused) as refusal:
        await closed_door.identify(project.token())
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "url", ["http://project.supabase.co", "ftp://x", "project.supabase.co", "https://", "https://u:p@x", "https://x?y"]
)
def test_an_address_that_could_leak_or_be_forged_is_not_taken(url: str) -> None:
    with pytest.raises(ValueError, match="Supabase URL"):
        check_supabase_url(url)


def test_a_slash_at_the_end_of_the_address_makes_no_difference() -> None:
    assert keys_url("https://p.supabase.co/") == "https://p.supabase.co/auth/v1/.well-known/jwks.json"


async def test_settings_that_would_weaken_the_checks_are_not_taken(verifier_with: Verifiers) -> None:
    with pytest.raises(ValueError, match="leeway"):
        verifier_with(leeway=timedelta(seconds=61))
    with pytest.raises(ValueError, match="32 bytes") as error:
        verifier_with(shared_secret="too-short")
    assert "too-short" not in str(error.value)


async def test_the_stand_in_itself_tells_good_tokens_from_bad(http: httpx.AsyncClient) -> None:
    async with supabase_stand_in() as project:
        for token, status in [
            (project.token(), 200),
            (project.shared_secret_token(), 200),
            (tampered(project), 403),
            (unsigned(project, "none"), 403),
            (project.token(exp=1), 403),
        ]:
            answer = await http.get(f"{project.url}/auth/v1/user", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == status
