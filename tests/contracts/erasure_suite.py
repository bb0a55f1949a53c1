"""The contract of erasures: asked for once, held by one pod at a time, and nothing of the account left at the end."""

from datetime import timedelta
from hashlib import sha256

from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.reports_erasure import ErasureStage
from multiplayer.protocol.turn_events import TurnCollected, TurnEnded, TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.erasure_port import Erased, NewErasure
from multiplayer.storage.port import Storage
from tests.contracts.account_suite import made
from tests.contracts.room_scripts import AI, ALICE, BOB, NOW, RoomScript, audit, read_back, ulid
from tests.contracts.storage_suite import lines, put, stored


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
        assert await storage.hold_erasure("b", but=[new.id]) is None
        await finished(storage, new, account)
        assert await storage.hold_erasure("b") is None

    async def test_those_that_were_tried_are_left_out_and_later_ones_come(self, storage: Storage) -> None:
        asked = [(account := await made(storage), erasure_of(account)) for _ in range(3)]
        for _, new in asked:
            assert await storage.request_erasure(new, audit=audit("erasure_requested"))
        tried: list[str] = []
        while (held := await storage.hold_erasure("a", but=tried)) is not None:
            tried.append(held.id)
            await storage.release_erasure(held.id, "a")
        assert tried == [new.id for _, new in asked]
        for account, new in asked:
            await finished(storage, new, account)

    async def test_a_look_at_what_would_go_is_kept_in_the_trail(self, storage: Storage) -> None:
        before = len(await storage.audit_after(None, 0, limit=10_000))
        await storage.note_preview(audit("erasure_previewed"))
        rows = (await storage.audit_after(None, 0, limit=10_000))[before:]
        assert [row.entry.action for row in rows] == ["erasure_previewed"]
        assert await storage.verify_audit(None) is None

    async def test_who_stopped_a_turn_is_not_named_in_its_end(self, storage: Storage) -> None:
        alice = await made(storage)
        script, turns = await stored(storage, RoomScript()), [TurnId(ulid()) for _ in range(3)]
        for turn_id, who, reason in zip(
            turns,
            (alice.id, BOB, alice.id),
            ("stopped by Ally", "stopped by Ally", "the room was deleted"),
            strict=True,
        ):
            script.add(TurnRequested, BOB, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
            script.add(TurnEnded, who, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.STOPPED, reason=reason)
        await put(storage, script, 1)
        erased = erased_as(alice)
        assert (await storage.erasure_traces(erased))["ends of turns"] >= 1
        await taken_out(storage, script, erased)
        ends = [event for event in map(read_back, await lines(storage, script.room_id)) if isinstance(event, TurnEnded)]
        reasons = ["stopped by a member", "stopped by Ally", "the room was deleted"]
        assert [event.reason for event in ends] == reasons
        records = [await storage.turn(script.room_id, turn_id) for turn_id in turns]
        assert [record and record.reason for record in records] == reasons
        assert "ends of turns" not in await storage.erasure_traces(erased)

    async def test_notes_go_of_turns_that_a_person_asked_for_along_with_others_and_of_those_asked_again(
        self, storage: Storage
    ) -> None:
        alice, script = await made(storage), await stored(storage, RoomScript())
        ended, running, again, others = (TurnId(ulid()) for _ in range(4))
        both = script.post("an answer to both", AI, turn_id=TurnId(ulid()), asked_by=(alice.id, BOB))
        bobs = script.post("an answer to bob", AI, turn_id=TurnId(ulid()), asked_by=(BOB,))
        fields = {"ai_id": AI, "reason": TurnReason.FORM}
        for turn_id in (ended, running):
            script.add(TurnRequested, BOB, turn_id=turn_id, note="of bob", **fields)
            script.add(TurnCollected, alice.id, turn_id=turn_id, note="a secret", **fields)
        script.add(TurnRequested, BOB, turn_id=again, note="a secret", replaces=both, **fields)
        script.add(TurnRequested, BOB, turn_id=others, note="of bob alone", replaces=bobs, **fields)
        for turn_id in (ended, again, others):
            script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.FAILED)
        await put(storage, script, 1)
        erased = erased_as(alice)
        assert (await storage.erasure_traces(erased))["turns"] == 3
        await taken_out(storage, script, erased)
        records = {one.turn_id: one for one in await storage.turns_of_room(script.room_id, limit=9)}
        assert {turn_id: record.turn and record.turn.note for turn_id, record in records.items()} == {
            ended: "",
            running: "",
            again: "",
            others: "of bob alone",
        }
        state = records[running].turn
        assert state is not None
        assert (state.askers, records[running].ended_at) == ((BOB, alice.id), None)
        log = await lines(storage, script.room_id)
        assert not [line for line in log if b"a secret" in line]
        assert len([line for line in log if b"of bob alone" in line]) == 1
        assert "turns" not in await storage.erasure_traces(erased)

    async def test_pieces_of_prompts_go_where_a_name_stands_as_a_word_and_not_where_its_letters_do(
        self, storage: Storage
    ) -> None:
        for handle, name, gone, kept in (
            (
                "al",
                "e",
                ["ask @al.", "an e here", '{"name":"e"}', '{"text":"so\\ne is"}'],
                ["all that there is", "e2e"],
            ),
            ("b.c", "Zoë", ["by Zoë", r'{"n":"Zo\u00eb"}', "(b.c)"], ["Zoës Katze", "abxc", "b.c2"]),
            ("wm", "王明", ["昨天王明说", "wm"], ["王小明", "cwm"]),
        ):
            script = await stored(storage, RoomScript())
            bodies = [*gone, *kept, f"x{ALICE}x"]
            names = [await storage.put_part(script.room_id, body) for body in bodies]
            await storage.erase_rows(script.room_id, Erased(ALICE, handle, name, "erased-1"))
            assert sorted((await storage.parts(script.room_id, names)).values()) == sorted(kept)

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


def erased_as(account: Account) -> Erased:
    return Erased(account.id, account.handle, account.display_name, "erased-1")


async def taken_out(storage: Storage, script: RoomScript, erased: Erased) -> None:
    seq: int | None = 0
    while seq is not None:
        seq = await storage.erase_lines(script.room_id, erased, after_seq=seq, limit=2)
    await storage.erase_rows(script.room_id, erased)


async def finished(storage: Storage, new: NewErasure, account: Account) -> None:
    erased = Erased(account.id, account.handle, account.display_name, new.handle)
    assert await storage.finish_erasure(new.id, erased, at=NOW, audit=audit("erasure_done"))
