"""The contract of erasures: asked for once, held by one pod at a time, and nothing of the account left at the end."""

from datetime import timedelta
from hashlib import sha256

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.reports_erasure import ErasureStage
from multiplayer.storage.erasure_port import Erased, NewErasure
from multiplayer.storage.port import Storage
from tests.contracts.account_suite import made
from tests.contracts.room_scripts import NOW, audit, ulid


def erasure_of(account: Account, messages: int = 0) -> NewErasure:
    handle = f"erased-{account.id[-6:].lower()}"
    return NewErasure(ulid(), account.id, handle, NOW, None, messages)


class ErasureContract:
    async def test_an_erasure_is_kept_once_and_disables_the_account_at_once(self, storage: Storage) -> None:
        account, version = await made(storage), await storage.access_version()
        new = erasure_of(account, 7)
        assert await storage.request_erasure(new, audit=audit("erasure_requested"))
        assert not await storage.request_erasure(erasure_of(account), audit=audit("again"))
        found = await storage.erasure_of(account.id)
        assert found is not None
        assert (found.id, found.stage, found.messages, found.rooms) == (new.id, ErasureStage.REQUESTED, 7, 0)
        assert await storage.disabled_accounts([account.id]) == {account.id}
        assert await storage.access_version() > version
        assert await storage.erasure_of(AccountId(ulid())) is None
        await finished(storage, new, account)

    async def test_one_pod_at_a_time_is_at_an_erasure_and_another_takes_what_it_lets_go(self, storage: Storage) -> None:
        account = await made(storage)
        new = erasure_of(account)
        await storage.request_erasure(new, audit=audit("erasure_requested"))
        held = await storage.hold_erasure("a", erasure_id=new.id)
        assert held is not None
        assert held.stage is ErasureStage.RUNNING
        assert await storage.hold_erasure("b") is None
        assert await storage.hold_erasure("b", erasure_id=new.id) is None
        assert await storage.note_erasure(new.id, "a", messages=3)
        assert await storage.note_erasure(new.id, "a", messages=2, files_waiting=1, problem="why")
        assert not await storage.note_erasure(new.id, "b", messages=5)
        await storage.release_erasure(new.id, "b")
        assert await storage.hold_erasure("b") is None
        await storage.release_erasure(new.id, "a")
        taken = await storage.hold_erasure("b")
        assert taken is not None
        assert (taken.id, taken.messages_done, taken.files_waiting, taken.problem) == (new.id, 5, 1, "why")
        await finished(storage, new, account)
        assert await storage.hold_erasure("b") is None

    async def test_names_and_secrets_are_gone_at_the_end_and_the_handle_is_free(self, storage: Storage) -> None:
        subject, handle = ulid(), f"u-{ulid().lower()}"[:32]
        account = await storage.create_account_for_subject(
            account_id=ulid(),
            issuer="https://issuer.example",
            subject=subject,
            handle=handle,
            display_name="Alice",
            email="alice@example.org",
            created_at=NOW,
        )
        digests = [sha256(ulid().encode()).digest() for _ in range(3)]
        await storage.set_password_hash(account.id, "hash")
        await storage.add_access_token(
            token_id=ulid(), account_id=account.id, label="l", sha256=digests[0], created_at=NOW, expires_at=None
        )
        until = NOW + timedelta(days=9)
        await storage.add_sign_in(
            sign_in_id=ulid(), account_id=account.id, sha256=digests[1], created_at=NOW, expires_at=until
        )
        await storage.add_login_link(account_id=account.id, sha256=digests[2], created_at=NOW, expires_at=until)
        new = erasure_of(account.account)
        await storage.request_erasure(new, audit=audit("erasure_requested"))
        erased = Erased(account.id, account.handle, account.display_name, new.handle)
        before = await storage.erasure_traces(erased)
        assert before == {"account": 1, "secrets": 4}
        assert await storage.finish_erasure(new.id, erased, at=NOW, audit=audit("erasure_done"))
        assert not await storage.finish_erasure(new.id, erased, at=NOW, audit=audit("again"))
        assert await storage.erasure_traces(erased) == {}
        assert await storage.find_access_token(digests[0]) is None
        assert await storage.find_sign_in(digests[1]) is None
        assert await storage.take_login_link(digests[2], NOW) is None
        assert await storage.password_hash(account.id) is None
        assert await storage.find_account_by_subject("https://issuer.example", subject) is None
        assert (await made(storage, handle)).handle == handle
        done = await storage.erasure_of(account.id)
        assert done is not None
        assert (done.stage, done.done_at) == (ErasureStage.DONE, NOW)

    async def test_a_new_handle_that_is_taken_meanwhile_becomes_a_longer_one(self, storage: Storage) -> None:
        account = await made(storage)
        new = erasure_of(account)
        await storage.request_erasure(new, audit=audit("erasure_requested"))
        other = Account(id=AccountId(ulid()), kind=AccountKind.HUMAN, handle=new.handle, display_name="Bob")
        await storage.create_account(other, created_at=NOW)
        await finished(storage, new, account)
        found = await storage.find_account(account.id)
        assert found is not None
        assert found.handle == f"erased-{account.id[-7:].lower()}"
        assert await storage.find_account(other.id) is not None


async def finished(storage: Storage, new: NewErasure, account: Account) -> None:
    erased = Erased(account.id, account.handle, account.display_name, new.handle)
    assert await storage.finish_erasure(new.id, erased, at=NOW, audit=audit("erasure_done"))
