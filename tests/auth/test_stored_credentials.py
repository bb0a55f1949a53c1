"""Access tokens, sign-ins and tickets: who they are, and when they stop counting."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.identify import AnyToken
from multiplayer.auth.local import SignIns
from multiplayer.auth.port import Authenticator, Identity
from multiplayer.auth.random_secrets import SecretKind, digest_of, mint
from multiplayer.auth.tickets import Tickets
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.auth.conftest import Clock
from tests.support.credentials import MemoryCredentialStore


@pytest.fixture
def door(access_tokens: AccessTokens, sign_ins: SignIns) -> Authenticator:
    return AnyToken(access_tokens, sign_ins, supabase=None)


@pytest.mark.parametrize("kind", SecretKind)
def test_a_minted_secret_has_its_prefix_and_is_found_by_its_digest(kind: SecretKind) -> None:
    secret = mint(kind)
    assert secret.text.startswith(kind)
    assert digest_of(secret.text, kind) == secret.sha256
    assert secret.text not in repr(secret)
    assert str(secret.sha256) not in repr(secret)


def test_no_two_secrets_are_the_same() -> None:
    assert len({mint(SecretKind.TICKET).text for _ in range(1000)}) == 1000


@given(st.text(max_size=60) | st.text(max_size=60).map("mp_".__add__))
def test_whatever_is_not_shaped_like_a_token_is_never_looked_up(text: str) -> None:
    is_shaped = len(text) == 46 and text.startswith("mp_") and text.isascii()
    assert is_shaped or digest_of(text, SecretKind.ACCESS_TOKEN) is None


@pytest.mark.parametrize("change", [lambda t: t + "a", lambda t: t[:-1], lambda t: t + "\n", lambda t: "ms_" + t[3:]])
def test_a_token_with_another_length_or_prefix_is_not_an_access_token(change: Callable[[str], str]) -> None:
    assert digest_of(change(mint(SecretKind.ACCESS_TOKEN).text), SecretKind.ACCESS_TOKEN) is None


async def test_an_access_token_names_its_account_until_it_expires(
    door: Authenticator, access_tokens: AccessTokens, clock: Clock
) -> None:
    created = await access_tokens.create("bob-id", "laptop", timedelta(days=90))
    assert await door.identify(created.text) == Identity(
        "bob-id", "token", created.row.id, clock() + timedelta(days=90), is_operator=True
    )
    clock.advance(days=90, seconds=-1)
    await door.identify(created.text)
    clock.advance(seconds=1)
    with pytest.raises(Refused) as refusal:
        await door.identify(created.text)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_a_token_without_an_end_counts_until_it_is_revoked(
    door: Authenticator, access_tokens: AccessTokens, clock: Clock
) -> None:
    created = await access_tokens.create("alice-id", "ci", None)
    clock.advance(days=10_000)
    assert (await door.identify(created.text)).expires_at is None
    await access_tokens.revoke(created.row.id, account_id="alice-id")
    with pytest.raises(Refused) as refusal:
        await door.identify(created.text)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_nobody_revokes_another_persons_token_but_an_operator_does(
    door: Authenticator, access_tokens: AccessTokens
) -> None:
    created = await access_tokens.create("alice-id", "ci", None)
    with pytest.raises(Refused) as refusal:
        await access_tokens.revoke(created.row.id, account_id="bob-id")
    assert refusal.value.code is RefusalCode.NOT_FOUND
    await door.identify(created.text)
    await access_tokens.revoke(created.row.id, account_id=None)
    with pytest.raises(Refused):
        await door.identify(created.text)


async def test_a_disabled_account_has_no_working_secret(
    door: Authenticator, access_tokens: AccessTokens, sign_ins: SignIns, store: MemoryCredentialStore
) -> None:
    secrets = [
        (await access_tokens.create("alice-id", "ci", None)).text,
        (await sign_ins.create("alice-id")).text,
    ]
    store.disable_account("alice-id")
    for text in secrets:
        with pytest.raises(Refused) as refusal:
            await door.identify(text)
        assert refusal.value.code is RefusalCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("label", "ttl", "code"),
    [
        ("x" * 101, None, RefusalCode.TOO_LONG),
        ("a\nb", None, RefusalCode.MALFORMED),
        ("ok", timedelta(0), RefusalCode.MALFORMED),
        ("ok", timedelta(days=-1), RefusalCode.MALFORMED),
        ("ok", timedelta.max, RefusalCode.MALFORMED),
    ],
)
async def test_a_token_with_an_impossible_label_or_life_is_refused(
    access_tokens: AccessTokens, label: str, ttl: timedelta | None, code: RefusalCode
) -> None:
    with pytest.raises(Refused) as refusal:
        await access_tokens.create("alice-id", label, ttl)
    assert refusal.value.code is code


async def test_a_sign_in_lasts_thirty_days_or_until_the_token_it_came_from_ends(
    door: Authenticator, sign_ins: SignIns, clock: Clock
) -> None:
    long = await sign_ins.create("alice-id")
    short = await sign_ins.create("alice-id", until=clock() + timedelta(hours=1))
    endless = await sign_ins.create("alice-id", until=clock() + timedelta(days=365))
    assert long.row.expires_at == endless.row.expires_at == clock() + timedelta(days=30)
    assert (await door.identify(short.text)).how == "sign_in"
    clock.advance(hours=1)
    with pytest.raises(Refused) as refusal:
        await door.identify(short.text)
    assert refusal.value.code is RefusalCode.EXPIRED
    await door.identify(long.text)


async def test_signing_out_ends_that_sign_in_and_no_other(door: Authenticator, sign_ins: SignIns) -> None:
    phone, laptop = await sign_ins.create("alice-id"), await sign_ins.create("alice-id")
    await sign_ins.revoke(phone.row.id, account_id="alice-id")
    with pytest.raises(Refused) as refusal:
        await door.identify(phone.text)
    assert refusal.value.code is RefusalCode.EXPIRED
    await door.identify(laptop.text)
    with pytest.raises(Refused) as again:
        await sign_ins.revoke(phone.row.id, account_id="alice-id")
    assert again.value.code is RefusalCode.NOT_FOUND


@pytest.mark.parametrize(
    "text", ["", " ", "mp_", "ms_short", "alice", "a.b.c", "..", "mt_" + "a" * 43, "é" * 46, "\ud800"]
)
async def test_what_is_no_token_of_this_server_is_refused(door: Authenticator, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        await door.identify(text)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


async def test_a_well_formed_token_that_was_never_made_is_refused(door: Authenticator) -> None:
    for kind in (SecretKind.ACCESS_TOKEN, SecretKind.SIGN_IN):
        with pytest.raises(Refused) as refusal:
            await door.identify(mint(kind).text)
        assert refusal.value.code is RefusalCode.UNAUTHENTICATED


async def test_no_secret_shows_in_what_gets_logged(
    door: Authenticator, access_tokens: AccessTokens, sign_ins: SignIns
) -> None:
    token, sign_in = await access_tokens.create("alice-id", "ci", None), await sign_ins.create("alice-id")
    for created in (token, sign_in):
        assert created.text not in repr(created)
    identity = await door.identify(token.text)
    assert token.text not in repr(identity)
    await access_tokens.revoke(token.row.id, account_id=None)
    with pytest.raises(Refused) as refusal:
        await door.identify(token.text)
    assert token.text not in repr(refusal.value) + str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.fixture
def tickets(store: MemoryCredentialStore, clock: Clock) -> Tickets:
    return Tickets(store, now=clock, max_tickets=3)


@pytest.fixture
async def maker(sign_ins: SignIns) -> Identity:
    return await sign_ins.identify((await sign_ins.create("alice-id")).text)


async def test_a_ticket_opens_once_as_its_maker(tickets: Tickets, maker: Identity) -> None:
    text = tickets.create(maker)
    assert text.startswith("mt_")
    redeemed = await tickets.redeem(text)
    assert redeemed == Identity(maker.account_id, "ticket", maker.credential_id, maker.expires_at, is_operator=False)
    with pytest.raises(Refused) as refusal:
        await tickets.redeem(text)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


async def test_a_ticket_is_too_old_after_thirty_seconds(tickets: Tickets, maker: Identity, clock: Clock) -> None:
    young, old = tickets.create(maker), tickets.create(maker)
    clock.advance(seconds=29)
    await tickets.redeem(young)
    clock.advance(seconds=1)
    with pytest.raises(Refused) as refusal:
        await tickets.redeem(old)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_a_ticket_is_worth_nothing_after_its_maker_signed_out(
    tickets: Tickets, maker: Identity, sign_ins: SignIns
) -> None:
    text = tickets.create(maker)
    await sign_ins.revoke(maker.credential_id, account_id="alice-id")
    with pytest.raises(Refused) as refusal:
        await tickets.redeem(text)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_a_supabase_makers_ticket_ends_with_the_token_and_with_the_account(
    tickets: Tickets, store: MemoryCredentialStore, clock: Clock
) -> None:
    maker = Identity("alice-id", "supabase", "a-session", clock() + timedelta(seconds=10), is_operator=False)
    good, late, disabled = tickets.create(maker), tickets.create(maker), tickets.create(maker)
    await tickets.redeem(good)
    store.disable_account("alice-id")
    with pytest.raises(Refused) as refusal:
        await tickets.redeem(disabled)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED
    clock.advance(seconds=10)
    with pytest.raises(Refused) as refusal:
        await tickets.redeem(late)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_tickets_are_bounded_and_old_ones_make_room(tickets: Tickets, maker: Identity, clock: Clock) -> None:
    tickets.create(maker)
    clock.advance(seconds=20)
    for _ in range(2):
        tickets.create(maker)
    with pytest.raises(Refused) as refusal:
        tickets.create(maker)
    assert refusal.value.code is RefusalCode.BUSY
    assert refusal.value.retry_after_s is not None
    clock.advance(seconds=10)
    await tickets.redeem(tickets.create(maker))
    assert len(tickets) == 2


async def test_a_ticket_never_shows_in_a_repr(tickets: Tickets, maker: Identity) -> None:
    text = tickets.create(maker)
    assert text not in repr(tickets) + repr(vars(tickets))


async def test_ended_credentials_are_told_in_one_question(
    store: MemoryCredentialStore, access_tokens: AccessTokens, sign_ins: SignIns, clock: Clock
) -> None:
    revoked = await access_tokens.create("bob-id", "a", None)
    expired = await sign_ins.create("bob-id", until=clock() + timedelta(seconds=1))
    live = await sign_ins.create("bob-id")
    of_disabled = await access_tokens.create("alice-id", "b", None)
    await access_tokens.revoke(revoked.row.id, account_id=None)
    store.disable_account("alice-id")
    clock.advance(seconds=1)
    asked = [created.row.id for created in (revoked, expired, live, of_disabled)] + ["a-supabase-session"]
    assert await store.ended_credentials(asked, clock()) == {revoked.row.id, expired.row.id, of_disabled.row.id}
    assert await store.disabled_accounts(["alice-id", "bob-id", "nobody"]) == {"alice-id", "nobody"}
