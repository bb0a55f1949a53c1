"""Signing keys: how rarely they are fetched, how long they are used, and what is never taken for one."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable

import httpx
import jwt
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from multiplayer.auth.signing_keys import MAX_BYTES, MAX_UNKNOWN, SigningKeys
from multiplayer.auth.supabase import SupabaseTokens, keys_url
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.auth.conftest import Clock, Verifiers, refusal_of
from tests.support.supabase import SupabaseStandIn, supabase_stand_in

pytestmark = pytest.mark.slow


async def test_a_flood_of_unknown_key_ids_causes_one_fetch_in_ten_seconds(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    flood = [project.token(header={"kid": f"unknown-{number}"}) for number in range(60)]
    for seconds in range(0, 40, 5):
        outcomes = await asyncio.gather(*(verifier.identify(token) for token in flood), return_exceptions=True)
        codes = {outcome.code for outcome in outcomes if isinstance(outcome, Refused)}
        assert codes == {RefusalCode.UNAUTHENTICATED}
        assert project.jwks_fetches <= 1 + seconds // 10
        clock.advance(seconds=5)
    await verifier.identify(project.token())


async def test_one_unknown_key_id_is_remembered_for_a_minute(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    token = project.token(header={"kid": "unknown"})
    for _ in range(5):
        await refusal_of(verifier, token)
        clock.advance(seconds=11)
    assert project.jwks_fetches == 1
    clock.advance(seconds=11)
    await refusal_of(verifier, token)
    assert project.jwks_fetches == 2


async def test_the_memory_of_unknown_key_ids_is_bounded(
    project: SupabaseStandIn, http: httpx.AsyncClient, clock: Clock
) -> None:
    keys = SigningKeys(keys_url(project.url), http, now=clock)
    for number in range(MAX_UNKNOWN + 100):
        assert await keys.find(f"unknown-{number}") is None
    assert len(keys._unknown) == MAX_UNKNOWN
    assert project.jwks_fetches == 1


async def test_after_a_rotation_new_tokens_count_and_old_keys_do_not(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    old = project.token()
    await verifier.identify(old)
    project.rotate()
    clock.advance(seconds=10)
    await verifier.identify(project.token())
    assert (await refusal_of(verifier, old)).code is RefusalCode.UNAUTHENTICATED


async def test_keys_are_held_for_ten_minutes(verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock) -> None:
    for seconds, fetches in [(0, 1), (599, 1), (1, 2), (300, 2)]:
        clock.advance(seconds=seconds)
        await verifier.identify(project.token())
        assert project.jwks_fetches == fetches


async def test_while_the_key_service_is_down_known_keys_work_for_an_hour_and_unknown_ones_are_unavailable(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    await verifier.identify(project.token())
    project.go_down()
    clock.advance(seconds=11)
    refusal = await refusal_of(verifier, project.token(header={"kid": "new"}))
    assert refusal.code is RefusalCode.UNAVAILABLE
    assert refusal.retry_after_s == 10
    await verifier.identify(project.token())
    clock.advance(minutes=59)
    await asyncio.gather(*(verifier.identify(project.token()) for _ in range(20)))
    assert project.jwks_fetches == 3
    clock.advance(minutes=1)
    assert (await refusal_of(verifier, project.token())).code is RefusalCode.UNAVAILABLE
    project.come_back()
    clock.advance(seconds=10)
    await verifier.identify(project.token())


async def test_a_service_that_is_not_there_at_all_is_unavailable(
    verifier_with: Verifiers, project: SupabaseStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    async with supabase_stand_in(project.now) as gone:
        token = gone.token()
    verifier_with.url = gone.url
    with caplog.at_level(logging.WARNING):
        assert (await refusal_of(verifier_with(), token)).code is RefusalCode.UNAVAILABLE
    assert "ConnectError" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        lambda: RedirectResponse("/auth/v1/.well-known/jwks.json?again"),
        lambda: PlainTextResponse("<html>"),
        lambda: JSONResponse([]),
        lambda: JSONResponse({"keys": "none"}),
        lambda: Response(b'{"keys":' + b"[" * 100_000),
        lambda: JSONResponse({"keys": [], "padding": "x" * MAX_BYTES}),
        lambda: JSONResponse({}, status_code=404),
    ],
    ids=["redirect", "html", "list", "keys not a list", "nested", "too much", "not found"],
)
async def test_an_answer_that_is_no_key_set_changes_nothing(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock, answer: Callable[[], Response]
) -> None:
    await verifier.identify(project.token())
    project.jwks_answer = answer
    clock.advance(seconds=601)
    await verifier.identify(project.token())
    assert project.jwks_fetches == 2
    assert (await refusal_of(verifier, project.token(header={"kid": "new"}))).code is RefusalCode.UNAVAILABLE


@pytest.mark.parametrize(
    "change",
    [{"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "ES384"}, {"crv": "P-384"}, {"x": "AA"}, {"kid": 7}],
    ids=str,
)
async def test_an_unusable_published_key_is_passed_over_and_the_others_work(
    verifier: SupabaseTokens, project: SupabaseStandIn, change: dict[str, object]
) -> None:
    spare = project.add_key()
    published = [jwk | change if jwk["kid"] == spare else jwk for jwk in project.jwks()["keys"]]
    project.jwks_answer = lambda: JSONResponse({"keys": published})
    assert (await refusal_of(verifier, project.token(kid=spare))).code is RefusalCode.UNAUTHENTICATED
    await verifier.identify(project.token())


async def test_a_shared_secret_in_the_key_set_is_never_a_key(
    verifier: SupabaseTokens, project: SupabaseStandIn
) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
    project.jwks_answer = lambda: JSONResponse({"keys": [{"kty": "oct", "k": secret, "kid": "hs", "alg": "HS256"}]})
    token = jwt.encode(project.claims(), "s" * 32, algorithm="HS256", headers={"kid": "hs"})
    assert (await refusal_of(verifier, token)).code is RefusalCode.UNAUTHENTICATED


async def test_a_clock_set_back_does_not_stop_fetching(
    verifier: SupabaseTokens, project: SupabaseStandIn, clock: Clock
) -> None:
    await verifier.identify(project.token())
    clock.advance(hours=-5)
    project.rotate()
    await verifier.identify(project.token())


async def test_a_published_private_key_is_no_secret_and_so_no_key(
    verifier: SupabaseTokens, project: SupabaseStandIn
) -> None:
    published: dict[str, object] = json.loads(project.private_jwk())
    project.jwks_answer = lambda: JSONResponse({"keys": [published]})
    assert (await refusal_of(verifier, project.token())).code is RefusalCode.UNAUTHENTICATED
