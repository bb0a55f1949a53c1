"""Local accounts: passwords, handles and one-time links."""

import asyncio
import threading
import unicodedata
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.handles import OPERATOR_HANDLE, RESERVED_HANDLES, check_handle, derive_handle
from multiplayer.auth.local import CreatedSignIn, LocalAccounts, SignIns
from multiplayer.auth.passwords import Passwords, check_password
from multiplayer.auth.port import Identity
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.auth.conftest import Clock
from tests.support.credentials import MemoryCredentialStore

RIGHT = "correct horse battery"


async def test_the_right_password_signs_in_under_any_case_of_the_handle(
    local: LocalAccounts, sign_ins: SignIns
) -> None:
    await local.set_password("alice-id", RIGHT)
    created = await local.sign_in_with_password("ALICE", RIGHT)
    assert (await sign_ins.identify(created.text)).account_id == "alice-id"


@pytest.mark.parametrize(
    ("handle", "password"),
    [
        ("alice", "wrong horse battery"),
        ("alice", RIGHT + " "),
        ("alice", ""),
        ("alice", "\ud800" * 8),
        ("alice", "x" * 100_000),
        ("bob", RIGHT),  # has no password
        ("nobody", RIGHT),
        ("\ud800", RIGHT),
        ("alice\x00", RIGHT),
        ("a" * 100_000, RIGHT),
    ],
)
async def test_a_wrong_password_and_an_unknown_handle_get_the_same_answer(
    local: LocalAccounts, handle: str, password: str
) -> None:
    await local.set_password("alice-id", RIGHT)
    with pytest.raises(Refused, match=r"^The handle or the password is wrong\.$") as refusal:
        await local.sign_in_with_password(handle, password)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


class CountingHasher(PasswordHasher):
    """Counts how often argon2 is really computed: the honest measure of equal time."""

    verifications = 0

    @override
    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verifications += 1
        return super().verify(hash, password)


async def test_every_attempt_computes_one_hash_with_the_same_parameters(
    store: MemoryCredentialStore, sign_ins: SignIns, clock: Clock
) -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=64, parallelism=1)
    passwords = Passwords(hasher)
    local = LocalAccounts(store, passwords, sign_ins, now=clock)
    await local.set_password("alice-id", RIGHT)
    for number, handle in enumerate(["alice", "bob", "nobody", "\ud800"], start=1):
        with pytest.raises(Refused):
            await local.sign_in_with_password(handle, "wrong horse battery")
        assert hasher.verifications == number
    passwords.close()


async def test_a_disabled_account_is_told_so_only_with_the_right_password(
    local: LocalAccounts, store: MemoryCredentialStore
) -> None:
    await local.set_password("alice-id", RIGHT)
    store.disable_account("alice-id")
    with pytest.raises(Refused, match="disabled"):
        await local.sign_in_with_password("alice", RIGHT)
    with pytest.raises(Refused, match="wrong"):
        await local.sign_in_with_password("alice", "wrong horse battery")


async def test_a_hash_with_old_parameters_is_renewed_at_the_next_sign_in(
    store: MemoryCredentialStore, local: LocalAccounts
) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=32, parallelism=1).hash(RIGHT)
    await store.set_password_hash("alice-id", old)
    await local.sign_in_with_password("alice", RIGHT)
    renewed = await store.password_hash("alice-id")
    assert renewed is not None
    assert "m=64,t=1" in renewed
    await local.sign_in_with_password("alice", RIGHT)
    assert await store.password_hash("alice-id") == renewed


async def test_a_renewed_hash_never_brings_back_a_password_changed_meanwhile(store: MemoryCredentialStore) -> None:
    await store.set_password_hash("alice-id", "new")
    assert not await store.set_password_hash("alice-id", "old, renewed", replaces="old")
    assert await store.password_hash("alice-id") == "new"


async def test_the_same_password_typed_on_another_keyboard_signs_in(local: LocalAccounts) -> None:
    composed = unicodedata.normalize("NFC", "pässwörter")
    await local.set_password("alice-id", composed)
    await local.sign_in_with_password("alice", unicodedata.normalize("NFD", composed))


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", RefusalCode.MALFORMED),
        ("", RefusalCode.MALFORMED),
        ("x" * 1025, RefusalCode.TOO_LONG),
        ("ﷺ" * 100, RefusalCode.TOO_LONG),  # 18 characters each in NFKC
        ("secret-\ud800-secret", RefusalCode.MALFORMED),
    ],
)
def test_a_password_outside_the_rules_is_refused_and_not_repeated(password: str, code: RefusalCode) -> None:
    with pytest.raises(Refused) as refusal:
        check_password(password)
    assert refusal.value.code is code
    assert not password or password not in repr(refusal.value)


@pytest.mark.parametrize("password", ["12345678", "x" * 1024, "密码密码密码密码"])
def test_passwords_at_the_limits_are_taken(password: str) -> None:
    assert check_password(password) == password


class HeldHasher(PasswordHasher):
    """Works on each password until `gate` opens, and remembers how many it worked on at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()
        self.at_work = self.most_at_work = 0

    @override
    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self.lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            assert self.gate.wait(timeout=10)
            return super().hash(password, salt=salt)
        finally:
            with self.lock:
                self.at_work -= 1


async def test_two_passwords_are_worked_on_at_once_a_few_wait_and_the_rest_are_told_busy() -> None:
    hasher = HeldHasher()
    passwords = Passwords(hasher, max_waiting=5)
    hasher.gate.clear()
    refused: list[Refused] = []

    async def attempt() -> None:
        try:
            await passwords.hash(RIGHT)
        except Refused as refusal:
            refused.append(refusal)
            if len(refused) == 7:
                hasher.gate.set()

    impatient = [asyncio.wait_for(passwords.hash(RIGHT), timeout=0.05) for _ in range(2)]
    assert [type(end) for end in await asyncio.gather(*impatient, return_exceptions=True)] == [TimeoutError] * 2
    # Their callers are gone, their threads are not: they hold two of the five places.
    await asyncio.gather(*(attempt() for _ in range(10)))
    assert {(refusal.code, refusal.retry_after_s) for refusal in refused} == {(RefusalCode.BUSY, 1.0)}
    assert len(refused) == 7
    assert hasher.most_at_work == 2
    await passwords.hash(RIGHT)
    passwords.close()


@pytest.mark.parametrize(
    ("typed", "handle"), [("Alice", "alice"), ("a1", "a1"), ("0-._", "0-._"), ("x" * 32, "x" * 32)]
)
def test_a_handle_is_folded_to_small_letters(typed: str, handle: str) -> None:
    assert check_handle(typed) == handle


@pytest.mark.parametrize(
    "typed", ["", "a", "-alice", ".a", "al ice", "alice\n", "álice", "@alice", "x" * 33, "a/b", "\ud800"]
)
def test_a_handle_of_another_shape_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_handle(typed)
    assert refusal.value.code in {RefusalCode.MALFORMED, RefusalCode.TOO_LONG}


@pytest.mark.parametrize("typed", [*sorted(RESERVED_HANDLES), "AI", "Host"])
def test_reserved_handles_are_refused(typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_handle(typed)
    assert refusal.value.code is RefusalCode.CONFLICT


def test_host_is_for_the_operator_account_only() -> None:
    assert check_handle("host", for_operator=True) == OPERATOR_HANDLE
    with pytest.raises(Refused):
        check_handle("ai", for_operator=True)


@given(st.lists(st.none() | st.text(max_size=80) | st.sampled_from(["host@x.org", "ai", "ALL"]), max_size=3))
def test_a_derived_handle_always_follows_the_rules(suggestions: list[str | None]) -> None:
    handle = derive_handle(*suggestions)
    assert check_handle(handle) == handle


def test_a_handle_is_derived_from_the_first_name_with_letters() -> None:
    assert derive_handle(None, "Alice.Müller+work@example.org") == "alice.muller-work"
    assert derive_handle("张伟", "a", "Bob Ross") == "bob-ross"
    assert derive_handle("张伟", None) == "user"
    assert derive_handle("host@example.org") == "host-user"


async def test_a_link_signs_in_exactly_one_of_fifty_racing_takers(local: LocalAccounts, sign_ins: SignIns) -> None:
    link = await local.create_login_link("bob-id")
    takers = (local.sign_in_with_link(link.text) for _ in range(50))
    outcomes = await asyncio.gather(*takers, return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, CreatedSignIn)]
    losers = [outcome.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(winners) == 1
    assert losers == [RefusalCode.EXPIRED] * 49
    assert (await sign_ins.identify(winners[0].text)).is_operator


async def test_a_link_ends_after_a_day(local: LocalAccounts, clock: Clock) -> None:
    link = await local.create_login_link("alice-id")
    clock.advance(hours=24)
    with pytest.raises(Refused) as refusal:
        await local.sign_in_with_link(link.text)
    assert refusal.value.code is RefusalCode.EXPIRED


async def test_a_new_link_ends_the_one_before_and_no_one_elses(local: LocalAccounts) -> None:
    first, bobs = await local.create_login_link("alice-id"), await local.create_login_link("bob-id")
    second = await local.create_login_link("alice-id")
    with pytest.raises(Refused) as refusal:
        await local.sign_in_with_link(first.text)
    assert refusal.value.code is RefusalCode.EXPIRED
    assert first.text not in repr(refusal.value)
    assert (await local.sign_in_with_link(second.text)).row.account_id == "alice-id"
    assert (await local.sign_in_with_link(bobs.text)).row.account_id == "bob-id"


async def test_a_disabled_accounts_link_signs_nobody_in(local: LocalAccounts, store: MemoryCredentialStore) -> None:
    link = await local.create_login_link("alice-id")
    store.disable_account("alice-id")
    with pytest.raises(Refused):
        await local.sign_in_with_link(link.text)


async def test_a_sign_in_token_is_no_link(local: LocalAccounts, sign_ins: SignIns) -> None:
    with pytest.raises(Refused) as refusal:
        await local.sign_in_with_link((await sign_ins.create("alice-id")).text)
    assert refusal.value.code is RefusalCode.UNAUTHENTICATED


async def test_a_sign_in_by_link_sets_a_forgotten_password_for_fifteen_minutes_only(
    local: LocalAccounts, sign_ins: SignIns, clock: Clock
) -> None:
    assert await local.may_set_password_without_the_old(await signed_in(sign_ins, await sign_ins.create("alice-id")))
    await local.set_password("alice-id", RIGHT)
    plain = await signed_in(sign_ins, await local.sign_in_with_password("alice", RIGHT))
    link = await local.create_login_link("alice-id")
    by_link = await signed_in(sign_ins, await local.sign_in_with_link(link.text))
    assert not await local.may_set_password_without_the_old(plain)
    clock.advance(minutes=15)
    assert await local.may_set_password_without_the_old(by_link)
    clock.advance(seconds=1)
    assert not await local.may_set_password_without_the_old(by_link)


async def signed_in(sign_ins: SignIns, made: CreatedSignIn) -> Identity:
    return await sign_ins.identify(made.text)


async def test_what_is_done_with_secrets_is_told_to_the_audit_trail_without_them(
    local: LocalAccounts, sign_ins: SignIns, access_tokens: AccessTokens, store: MemoryCredentialStore, clock: Clock
) -> None:
    token = await access_tokens.create("alice-id", "ci", None, by="alice-id", origin="http")
    await access_tokens.revoke(token.row.id, account_id=None, origin="cli")
    await local.set_password("alice-id", RIGHT, by="alice-id", origin="http")
    link = await local.create_login_link("alice-id", by="bob-id", origin="http")
    made = await local.sign_in_with_link(link.text)
    await sign_ins.revoke(made.row.id, account_id="alice-id", by="alice-id", origin="http")
    told = [(entry.actor_id, entry.origin, entry.action, entry.subject) for entry in store.audit()]
    assert told == [
        ("alice-id", "http", "token_created", token.row.id),
        (None, "cli", "token_revoked", token.row.id),
        ("alice-id", "http", "password_set", "alice-id"),
        ("bob-id", "http", "login_link_created", "alice-id"),
        ("alice-id", "http", "signed_out", made.row.id),
    ]
    assert {entry.at for entry in store.audit()} == {clock()}
    assert not any(secret in repr(store.audit()) for secret in (token.text, link.text, made.text, RIGHT))
