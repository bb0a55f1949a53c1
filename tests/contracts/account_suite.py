"""The contract of accounts, credentials, links and invites; each store's own file runs it with a `storage` fixture."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest

from multiplayer.auth.port import CredentialStore
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.storage.account_port import HandleTaken, StoredInvite
from multiplayer.storage.port import Storage
from tests.contracts.room_scripts import ALICE, NOW, RoomScript, audit, ulid
from tests.contracts.storage_suite import stored

HOUR = timedelta(hours=1)


def digest() -> bytes:
    return sha256(ulid().encode()).digest()


async def made(storage: Storage, handle: str | None = None, *, is_operator: bool = False) -> Account:
    account = Account(
        id=AccountId(ulid()),
        kind=AccountKind.HUMAN,
        handle=handle or f"u-{ulid()}",
        display_name="Alice",
        is_operator=is_operator,
    )
    await storage.create_account(account, created_at=NOW, audit=audit("create_account"))
    return account


def invite(room_id: RoomId, **fields: object) -> StoredInvite:
    values: dict[str, object] = {"expires_at": None, "uses_left": None, "member_until": None, "revoked_at": None}
    return StoredInvite(
        id=ulid(),
        room_id=room_id,
        created_by=ALICE,
        role="member",
        created_at=NOW,
        **{**values, **fields},  # type: ignore[arg-type]  # a test names the fields it is about
    )


async def audit_end(storage: Storage) -> int:
    """Return the number of the last entry in the server's chain."""
    number = 0
    while page := await storage.audit_after(None, number, limit=1_000):
        number = page[-1].number
    return number


def as_sign_in_sees_it(storage: Storage) -> CredentialStore:
    """Sign-in has a port of its own; that a store fits it is for mypy to see."""
    return storage


class AccountContract:
    async def test_an_account_is_found_by_id_and_folded_handle(self, storage: Storage) -> None:
        account = await made(storage, f"Alice-{ulid()}", is_operator=True)
        found = await storage.find_account(account.id)
        assert found is not None
        assert found.account == account
        assert not found.disabled
        assert await storage.find_account_by_handle(account.handle.casefold()) == found
        assert await storage.accounts([account.id, AccountId("nobody")]) == {account.id: account}
        assert found in await storage.list_accounts()
        assert await storage.find_account(AccountId("nobody")) is None

    async def test_a_handle_belongs_to_one_account_in_any_case(self, storage: Storage) -> None:
        account = await made(storage)
        with pytest.raises(HandleTaken):
            await made(storage, account.handle.upper())

    async def test_disabling_moves_the_access_version_and_ends_what_the_account_has(self, storage: Storage) -> None:
        account, other = await made(storage), await made(storage)
        secret, key = digest(), ulid()
        await storage.add_sign_in(
            sign_in_id=key, account_id=account.id, sha256=secret, created_at=NOW, expires_at=NOW + HOUR
        )
        version = await storage.access_version()
        assert await storage.disable_account(account.id, disabled=True, audit=audit("disable"))
        assert not await storage.disable_account(account.id, disabled=True, audit=audit("disable"))
        assert not await storage.disable_account(AccountId("nobody"), disabled=True, audit=audit("disable"))
        assert await storage.access_version() > version
        assert await storage.disabled_accounts([account.id, other.id, "nobody"]) == {account.id, "nobody"}
        assert await storage.ended_credentials([key], NOW) == {key}
        row = await storage.find_sign_in(secret)
        assert row is not None
        assert row.account_disabled
        assert await storage.disable_account(account.id, disabled=False, audit=audit("enable"))
        assert await storage.ended_credentials([key], NOW) == frozenset()
        assert await storage.verify_audit(None) is None

    async def test_a_password_hash_is_replaced_only_where_it_is_the_one_that_was_read(self, storage: Storage) -> None:
        account = await made(storage)
        assert await storage.password_hash(account.id) is None
        assert not await storage.set_password_hash(account.id, "x", replaces="other")
        assert await storage.set_password_hash(account.id, "first")
        assert await storage.set_password_hash(account.id, "second", replaces="first")
        assert not await storage.set_password_hash(account.id, "third", replaces="first")
        assert await storage.password_hash(account.id) == "second"
        assert not await storage.set_password_hash("nobody", "x")

    async def test_a_token_is_found_by_digest_and_ends_once(self, storage: Storage) -> None:
        account = await made(storage, is_operator=True)
        secret, key, endless = digest(), ulid(), ulid()
        for token_id, sha, ends in ((key, secret, NOW + HOUR), (endless, digest(), None)):
            await storage.add_access_token(
                token_id=token_id, account_id=account.id, label="ci", sha256=sha, created_at=NOW, expires_at=ends
            )
        row = await storage.find_access_token(secret)
        assert row is not None
        assert (row.id, row.account_id, row.label, row.expires_at) == (key, account.id, "ci", NOW + HOUR)
        assert (row.revoked_at, row.account_is_operator, row.account_disabled) == (None, True, False)
        assert await storage.find_access_token(digest()) is None
        assert {token.id for token in await storage.list_access_tokens(account.id)} == {key, endless}
        assert {key, endless} <= {token.id for token in await storage.list_access_tokens(None)}
        assert await storage.ended_credentials([key, endless, "supabase"], NOW) == frozenset()
        assert await storage.ended_credentials([key, endless], NOW + HOUR) == {key}
        version = await storage.access_version()
        assert not await storage.revoke_access_token(key, account_id="someone else", now=NOW)
        assert await storage.access_version() == version
        assert await storage.revoke_access_token(key, account_id=None, now=NOW)
        assert await storage.access_version() > version
        assert not await storage.revoke_access_token(key, account_id=account.id, now=NOW)
        assert await storage.ended_credentials([key, endless], NOW) == {key}
        revoked = await storage.find_access_token(secret)
        assert revoked is not None
        assert revoked.revoked_at == NOW

    async def test_a_sign_in_is_revoked_by_its_owner_only(self, storage: Storage) -> None:
        account = await made(storage)
        key = ulid()
        await storage.add_sign_in(
            sign_in_id=key, account_id=account.id, sha256=digest(), created_at=NOW, expires_at=NOW + HOUR
        )
        assert not await storage.revoke_sign_in(key, account_id=ulid(), now=NOW)
        assert await storage.revoke_sign_in(key, account_id=account.id, now=NOW)
        assert await storage.ended_credentials([key], NOW) == {key}

    async def test_of_fifty_who_take_a_sign_in_link_one_gets_it(self, storage: Storage) -> None:
        account, secret = await made(storage), digest()
        await storage.add_login_link(account_id=account.id, sha256=secret, created_at=NOW, expires_at=NOW + HOUR)
        assert not await storage.has_used_login_link(account.id)
        answers = await asyncio.gather(*(storage.take_login_link(secret, NOW) for _ in range(50)))
        assert answers.count(account.id) == 1
        assert answers.count(None) == 49
        assert await storage.has_used_login_link(account.id)

    async def test_a_link_that_ended_was_replaced_or_is_of_a_disabled_account_opens_nothing(
        self, storage: Storage
    ) -> None:
        account = await made(storage)
        first, second = digest(), digest()
        for secret in (first, second):
            await storage.add_login_link(account_id=account.id, sha256=secret, created_at=NOW, expires_at=NOW + HOUR)
        assert await storage.take_login_link(first, NOW) is None
        assert await storage.take_login_link(second, NOW + HOUR) is None
        assert await storage.take_login_link(digest(), NOW) is None
        await storage.disable_account(account.id, disabled=True, audit=audit("disable"))
        assert await storage.take_login_link(second, NOW) is None
        await storage.disable_account(account.id, disabled=False, audit=audit("enable"))
        assert await storage.take_login_link(second, NOW) == account.id

    async def test_a_sign_in_remembers_for_a_while_that_a_link_was_spent_for_it(self, storage: Storage) -> None:
        account, by_link, by_password = await made(storage), ulid(), ulid()
        for key, is_by_link in ((by_link, True), (by_password, False)):
            await storage.add_sign_in(
                sign_in_id=key,
                account_id=account.id,
                sha256=digest(),
                created_at=NOW,
                expires_at=NOW + HOUR,
                by_link=is_by_link,
            )
        assert await storage.is_link_sign_in(by_link, since=NOW)
        assert not await storage.is_link_sign_in(by_link, since=NOW + timedelta(seconds=1))
        assert not await storage.is_link_sign_in(by_password, since=NOW)
        assert not await storage.is_link_sign_in(ulid(), since=NOW)

    async def test_what_is_done_to_secrets_stands_in_the_audit_trail_once_and_only_if_it_was_done(
        self, storage: Storage
    ) -> None:
        account, token, sign_in = await made(storage), ulid(), ulid()
        known = await audit_end(storage)
        await storage.add_sign_in(
            sign_in_id=sign_in, account_id=account.id, sha256=digest(), created_at=NOW, expires_at=NOW + HOUR
        )
        await storage.add_access_token(
            token_id=token,
            account_id=account.id,
            label="ci",
            sha256=digest(),
            created_at=NOW,
            expires_at=None,
            audit=audit("token"),
        )
        await storage.add_login_link(
            account_id=account.id, sha256=digest(), created_at=NOW, expires_at=NOW + HOUR, audit=audit("link")
        )
        assert not await storage.set_password_hash(account.id, "x", replaces="y", audit=audit("not done"))
        assert not await storage.set_password_hash("nobody", "x", audit=audit("not done"))
        assert await storage.set_password_hash(account.id, "x", audit=audit("password"))
        for _ in range(2):
            await storage.revoke_access_token(token, account_id=None, now=NOW, audit=audit("token ends"))
            await storage.revoke_sign_in(sign_in, account_id=account.id, now=NOW, audit=audit("sign-in ends"))
        rows = await storage.audit_after(None, known, limit=100)
        assert [row.entry.action for row in rows] == ["token", "link", "password", "token ends", "sign-in ends"]
        assert [row.number for row in rows] == list(range(known + 1, known + 6))
        assert rows[0].entry == audit("token")
        assert await storage.audit_after(None, known + 1, limit=2) == rows[1:3]
        assert await storage.verify_audit(None) is None

    async def test_of_ten_who_revoke_a_token_at_once_one_stands_in_the_audit_trail(self, storage: Storage) -> None:
        account, token = await made(storage), ulid()
        known = await audit_end(storage)
        assert not await storage.revoke_access_token(token, account_id=None, now=NOW, audit=audit("nothing yet"))
        await storage.add_access_token(
            token_id=token, account_id=account.id, label="", sha256=digest(), created_at=NOW, expires_at=None
        )
        assert await audit_end(storage) == known
        ended = await asyncio.gather(
            *(storage.revoke_access_token(token, account_id=None, now=NOW, audit=audit("once")) for _ in range(10))
        )
        assert ended.count(True) == 1
        assert await audit_end(storage) == known + 1

    async def test_a_rooms_audit_trail_is_read_in_pages_and_holds_no_other_rooms_acts(self, storage: Storage) -> None:
        script, other = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        known = len(await storage.audit_after(script.room_id, 0, limit=100))
        for n in range(3):
            await storage.add_invite(invite(script.room_id), digest(), audit=audit(f"invite {n}"))
        await storage.add_invite(invite(other.room_id), digest(), audit=audit("elsewhere"))
        first = await storage.audit_after(script.room_id, known, limit=2)
        rest = await storage.audit_after(script.room_id, first[-1].number, limit=100)
        assert [row.entry.action for row in (*first, *rest)] == ["invite 0", "invite 1", "invite 2"]
        assert await storage.audit_after(RoomId("nowhere"), 0, limit=100) == []

    async def test_a_user_from_outside_gets_one_account_and_a_free_handle(self, storage: Storage) -> None:
        wished = f"n{ulid().lower()}-and-more"[:32]
        await made(storage, wished)
        subjects = [ulid() for _ in range(3)]

        async def first_token(subject: str) -> str:
            account = await storage.create_account_for_subject(
                account_id=ulid(),
                issuer="https://issuer",
                subject=subject,
                handle=wished,
                display_name="Bob",
                email="bob@example.com",
                created_at=NOW,
            )
            assert len(account.handle) <= 32
            return account.handle

        handles = await asyncio.gather(*(first_token(subject) for subject in subjects * 4))
        assert set(handles) == {f"{wished[:30]}-{n}" for n in (2, 3, 4)}
        found = await storage.find_account_by_subject("https://issuer", subjects[0])
        assert found is not None
        assert found.handle == handles[0]
        assert await storage.find_account_by_subject("https://other", subjects[0]) is None

    async def test_as_many_take_an_invite_as_there_are_uses(self, storage: Storage) -> None:
        script, secret = await stored(storage, RoomScript()), digest()
        limited = invite(script.room_id, uses_left=3, expires_at=NOW + HOUR, member_until=NOW + HOUR)
        await storage.add_invite(limited, secret, audit=audit("invite"))
        assert await storage.find_invite(secret) == limited
        answers = await asyncio.gather(*(storage.spend_invite(limited.id, now=NOW) for _ in range(50)))
        assert answers.count(True) == 3
        await storage.return_invite_use(limited.id)
        assert await storage.spend_invite(limited.id, now=NOW)
        assert not await storage.spend_invite(limited.id, now=NOW)

    async def test_an_invite_that_ended_or_was_revoked_lets_nobody_in(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        brief, open_one = invite(script.room_id, expires_at=NOW + HOUR), invite(script.room_id)
        for one in (brief, open_one):
            await storage.add_invite(one, digest(), audit=audit("invite"))
        assert not await storage.spend_invite(brief.id, now=NOW + HOUR)
        assert await storage.spend_invite(open_one.id, now=NOW)
        await storage.return_invite_use(open_one.id)
        assert not await storage.revoke_invite(RoomId("other"), open_one.id, at=NOW, audit=audit("revoke"))
        assert await storage.revoke_invite(script.room_id, open_one.id, at=NOW, audit=audit("revoke"))
        assert not await storage.revoke_invite(script.room_id, open_one.id, at=NOW, audit=audit("revoke"))
        assert not await storage.spend_invite(open_one.id, now=NOW)
        assert not await storage.spend_invite("unknown", now=NOW)
        rows = {row.id: row.revoked_at for row in await storage.list_invites(script.room_id)}
        assert rows == {brief.id: None, open_one.id: NOW}
        assert await storage.verify_audit(script.room_id) is None

    async def test_settings_are_kept(self, storage: Storage) -> None:
        name = ulid()
        assert await storage.setting(name) is None
        await storage.put_setting(name, "one")
        known = await audit_end(storage)
        await storage.put_setting(name, "two", audit=audit("setting"))
        assert await storage.setting(name) == "two"
        assert [row.entry for row in await storage.audit_after(None, known, limit=9)] == [audit("setting")]
        assert await storage.check() < 1
        assert await storage.epoch() == await storage.epoch() != ""

    async def test_of_all_who_keep_a_setting_at_once_each_gets_the_one_that_came_first(self, storage: Storage) -> None:
        name = ulid()
        kept = await asyncio.gather(*(storage.keep_setting(name, f"value {n}") for n in range(8)))
        assert set(kept) == {await storage.setting(name)}
        assert kept[0].startswith("value ")
        assert await storage.keep_setting(name, "late") == kept[0]
