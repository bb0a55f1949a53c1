"""The contract of AI profiles; each store's own file runs it with a `storage` fixture."""

import asyncio

import pytest

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.profiles import AiProfile, NlwebMode, NlwebOptions, ProfilePrice, Provider
from multiplayer.storage.account_port import HandleTaken
from multiplayer.storage.port import Storage
from tests.contracts.account_suite import audit_end, made
from tests.contracts.room_scripts import NOW, audit, ulid


def profile_of(handle: str, **fields: object) -> AiProfile:
    return AiProfile.model_validate({"handle": handle, "name": "Helper", **fields})


async def made_ai(storage: Storage, *, is_from_file: bool = False, **fields: object) -> AccountId:
    handle = f"ai{ulid().lower()}"
    account = Account(id=AccountId(ulid()), kind=AccountKind.AI, handle=handle, display_name="Helper")
    await storage.create_ai(account, profile_of(handle, **fields), is_from_file=is_from_file, audit=audit("make"))
    return account.id


class ProfileContract:
    async def test_an_ai_is_made_with_its_whole_profile_and_found(self, storage: Storage) -> None:
        fields: dict[str, object] = {
            "provider": "nlweb",
            "base_url": "http://127.0.0.1:8000",
            "persona": "Du bist 友好 🙂\nand brief.",
            "tools": ("read_file",),
            "price": ProfilePrice(tokens_in=1, tokens_cached=0, tokens_out=10**12),
            "fallbacks": ("ai", "other"),
            "nlweb": NlwebOptions(mode=NlwebMode.SUMMARIZE, max_results=3),
        }
        ai_id = await made_ai(storage, is_from_file=True, **fields)
        stored = await storage.profile(ai_id)
        assert stored is not None
        assert stored.profile == profile_of(stored.profile.handle, **fields)
        assert (stored.account_id, stored.version, stored.is_from_file) == (ai_id, 1, True)
        assert (stored.is_disabled, stored.updated_at) == (False, NOW)
        assert stored in await storage.profiles()
        account = await storage.find_account(ai_id)
        assert account is not None
        assert (account.kind, account.handle) == (AccountKind.AI, stored.profile.handle)
        assert await storage.profile(AccountId("nobody")) is None

    async def test_profiles_are_listed_by_handle(self, storage: Storage) -> None:
        for _ in range(3):
            await made_ai(storage)
        handles = [stored.profile.handle for stored in await storage.profiles()]
        assert handles == sorted(handles)
        assert len(handles) >= 3

    async def test_a_taken_handle_makes_neither_account_nor_profile(self, storage: Storage) -> None:
        person = await made(storage)
        known, version = await audit_end(storage), await storage.profiles_version()
        account = Account(id=AccountId(ulid()), kind=AccountKind.AI, handle=person.handle.upper(), display_name="x")
        with pytest.raises(HandleTaken):
            await storage.create_ai(account, profile_of("helper"), is_from_file=False, audit=audit("make"))
        assert await storage.profile(account.id) is None
        assert await storage.find_account(account.id) is None
        assert (await audit_end(storage), await storage.profiles_version()) == (known, version)

    async def test_a_profile_is_written_only_over_the_version_that_was_read(self, storage: Storage) -> None:
        ai_id = await made_ai(storage)
        stored = await storage.profile(ai_id)
        assert stored is not None
        known, version = await audit_end(storage), await storage.profiles_version()
        changed = profile_of(stored.profile.handle, name="Другой", provider="demo")
        written = await storage.put_profile(ai_id, changed, expected=1, is_from_file=True, audit=audit("change"))
        assert written == 2
        late = profile_of(stored.profile.handle, name="late")
        for expected in (0, 1, 3):
            refused = await storage.put_profile(
                ai_id, late, expected=expected, is_from_file=False, audit=audit("not done")
            )
            assert refused is None
        now = await storage.profile(ai_id)
        assert now is not None
        assert (now.profile, now.version, now.is_from_file) == (changed, 2, True)
        account = await storage.find_account(ai_id)
        assert account is not None
        assert account.display_name == "Другой"
        assert await storage.profiles_version() == version + 1
        rows = await storage.audit_after(None, known, limit=10)
        assert [row.entry for row in rows] == [audit("change")]
        assert await storage.verify_audit(None) is None

    async def test_of_ten_who_write_over_the_same_version_one_does(self, storage: Storage) -> None:
        ai_id = await made_ai(storage)
        stored = await storage.profile(ai_id)
        assert stored is not None

        async def write(number: int) -> int | None:
            return await storage.put_profile(
                ai_id,
                profile_of(stored.profile.handle, persona=str(number)),
                expected=1,
                is_from_file=False,
                audit=audit("change"),
            )

        answers = await asyncio.gather(*(write(number) for number in range(10)))
        assert sorted(answers, key=lambda answer: answer or 0) == [None] * 9 + [2]

    async def test_only_an_ai_account_that_is_there_has_a_profile(self, storage: Storage) -> None:
        person = await made(storage)
        for account_id in (person.id, AccountId("nobody")):
            written = await storage.put_profile(
                account_id, profile_of("helper"), expected=0, is_from_file=False, audit=audit("not done")
            )
            assert written is None
            assert not await storage.disable_ai(account_id, disabled=True, audit=audit("not done"))

    async def test_an_ai_account_without_a_profile_gets_its_first(self, storage: Storage) -> None:
        account = Account(id=AccountId(ulid()), kind=AccountKind.AI, handle=f"a{ulid().lower()}", display_name="x")
        await storage.create_account(account, created_at=NOW)
        assert await storage.profile(account.id) is None
        written = await storage.put_profile(
            account.id, profile_of(account.handle), expected=0, is_from_file=False, audit=audit("adopt")
        )
        assert written == 1

    async def test_disabling_moves_both_versions_and_stands_in_the_trail_once(self, storage: Storage) -> None:
        ai_id = await made_ai(storage)
        known = await audit_end(storage)
        access, version = await storage.access_version(), await storage.profiles_version()
        assert await storage.disable_ai(ai_id, disabled=True, audit=audit("disable"))
        assert not await storage.disable_ai(ai_id, disabled=True, audit=audit("disable"))
        assert await storage.access_version() > access
        assert await storage.profiles_version() == version + 1
        stored = await storage.profile(ai_id)
        assert stored is not None
        assert (stored.is_disabled, stored.version) == (True, 1)
        assert await storage.disable_ai(ai_id, disabled=False, audit=audit("enable"))
        rows = await storage.audit_after(None, known, limit=10)
        assert [row.entry.action for row in rows] == ["disable", "enable"]
        # By the door that is for every account it is disabled too.
        await storage.disable_account(ai_id, disabled=True, audit=audit("disable"))
        stored = await storage.profile(ai_id)
        assert stored is not None
        assert stored.is_disabled

    async def test_a_removed_profile_leaves_a_disabled_account_that_may_be_given_another(
        self, storage: Storage
    ) -> None:
        ai_id = await made_ai(storage)
        known, access = await audit_end(storage), await storage.access_version()
        version = await storage.profiles_version()
        assert await storage.remove_profile(ai_id, audit=audit("remove"))
        assert not await storage.remove_profile(ai_id, audit=audit("not done"))
        assert not await storage.remove_profile(AccountId("nobody"), audit=audit("not done"))
        assert await storage.profile(ai_id) is None
        assert ai_id not in [stored.account_id for stored in await storage.profiles()]
        account = await storage.find_account(ai_id)
        assert account is not None
        assert account.disabled
        assert await storage.access_version() > access
        assert await storage.profiles_version() == version + 1
        assert [row.entry for row in await storage.audit_after(None, known, limit=10)] == [audit("remove")]
        again = profile_of(account.handle, name="Again")
        assert await storage.put_profile(ai_id, again, expected=0, is_from_file=False, audit=audit("again")) == 1
        stored = await storage.profile(ai_id)
        assert stored is not None
        assert (stored.profile, stored.is_disabled) == (again, True)
        assert await storage.verify_audit(None) is None

    async def test_a_changed_key_moves_the_version_and_stands_in_the_trail(self, storage: Storage) -> None:
        known, version = await audit_end(storage), await storage.profiles_version()
        await storage.tell_key_changed(audit("key"))
        assert await storage.profiles_version() == version + 1
        assert [row.entry for row in await storage.audit_after(None, known, limit=10)] == [audit("key")]

    async def test_a_profile_written_with_defaults_reads_as_one(self, storage: Storage) -> None:
        stored = await storage.profile(await made_ai(storage))
        assert stored is not None
        assert stored.profile.provider is Provider.AUTO
        assert stored.profile.nlweb is None
