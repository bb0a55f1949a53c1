"""Erasing a person: nothing of their words is left anywhere, everything of the others is, and any pod carries it on."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.pod import Pod
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import event_adapter
from multiplayer.protocol.reports_erasure import Erasure, ErasureStage, RoomFate
from multiplayer.rooms.state import folded
from multiplayer.storage.erasure_port import LEASE_S
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import ReadableRoom, Storage, StorageUnavailable
from multiplayer.storage.postgres import PostgresStorage
from multiplayer.tools.extraction.extraction import Extractor
from tests.contracts.databases import migrated_database
from tests.support.erased_life import (
    HANDLE,
    NAME,
    WORD,
    Life,
    audited_words,
    live_a_life,
    model,
    places_of,
    told_to,
)
from tests.support.pods import Guest, memory_pod
from tests.support.postgres import ephemeral_postgres
from tests.support.transcribers import ScriptedTranscriber

pytestmark = pytest.mark.slow


@dataclass
class Place:
    storage: Storage
    dsn: str | None


@pytest.fixture(params=["memory", "postgres"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "memory":
        yield Place(MemoryStorage(), None)
        return
    async with ephemeral_postgres() as address:
        dsn = await migrated_database(address)
        async with PostgresStorage.open(dsn, ephemeral=True) as storage:
            yield Place(storage, dsn)


@asynccontextmanager
async def pod_on(storage: Storage, folder: Path, name: str = "pod-test") -> AsyncIterator[Pod]:
    async with memory_pod(
        folder / "workspaces",
        storage=storage,
        model=model(),
        extractor=Extractor(),
        transcriber=ScriptedTranscriber.ready(),
        name=name,
    ) as pod:
        await pod.lobby.ensure_built_ins()
        yield pod


async def erased(life: Life, *, hand_over: bool = False) -> None:
    erasures = life.pod.erasures
    asked = await erasures.request(life.alice.id, by=None, origin="cli", hand_over=hand_over)
    async with asyncio.timeout(60):
        done = await erasures.follow(asked, lambda _: None)
    assert (done.stage, done.problem) == (ErasureStage.DONE, "")


async def test_nothing_that_a_person_said_is_left_in_any_table_column_or_blob(place: Place, tmp_path: Path) -> None:
    async with pod_on(place.storage, tmp_path) as pod:
        life = await live_a_life(pod)
        before = await places_of(WORD, place.storage, place.dsn, tmp_path / "workspaces-blobs")
        assert len(before) > (12 if place.dsn else 8), before
        assert {"blob sha256", "blob texts"} <= before.keys()
        kept = {one: (await place.storage.messages(room, [one]))[one] for one, room in life.kept.items()}
        await erased(life)
        after = await places_of(WORD, place.storage, place.dsn, tmp_path / "workspaces-blobs")
        # The audit trail cannot be changed: it keeps what rooms were called, and how their settings were changed.
        assert after.keys() <= {"audit"}, after
        assert await audited_words(WORD, place.storage, life.rooms) <= {
            "room_created",
            "room_deleted",
            "room_settings_set",
        }
        assert await pod.erasures.traces(life.erased) == {}
        for message_id, room_id in life.kept.items():
            now = (await place.storage.messages(room_id, [message_id]))[message_id]
            assert now == kept[message_id].model_copy(update={"reactions": ()})
        for name, room_id in life.rooms.items():
            if name not in {"diary", "deleted"}:
                assert WORD not in (await told_to(life.bob, room_id)).lower()
                assert await place.storage.search([ReadableRoom(room_id)], WORD, limit=5) == []
                log = await place.storage.events_after(room_id, 0, limit=10_000)
                state = folded(event_adapter.validate_json(event.line) for event in log)
                assert await place.storage.load(room_id) == state
                assert (await pod.directory.host(room_id)).room.state == state
            assert await place.storage.verify_audit(room_id) is None
        assert await place.storage.verify_audit(None) is None


async def test_rooms_go_on_without_the_person(place: Place, tmp_path: Path) -> None:
    async with pod_on(place.storage, tmp_path) as pod:
        life = await live_a_life(pod)
        start = len(life.bob.heard)
        await erased(life)
        alice = await place.storage.find_account(life.alice.id)
        assert alice is not None
        assert (alice.display_name, alice.handle, alice.disabled) == (
            "Erased person",
            f"erased-{life.alice.id[-6:].lower()}",
            True,
        )
        assert await place.storage.find_account_by_handle(HANDLE) is None
        await pod.lobby.create_account(HANDLE, origin="cli")
        team = await place.storage.load(life.rooms["team"])
        direct = await place.storage.load(life.rooms["direct"])
        assert team is not None
        assert direct is not None
        assert life.alice.id not in team.members
        assert [fact.text for fact in team.notes.facts] == ["bob's fact"]
        assert team.summary is not None
        assert [point.text for point in team.summary.points] == ["bob's point"]
        assert [rule.id for rule in team.room.settings.triggers] == ["mention", "reply"]
        assert team.notes.proposals == ()
        assert direct.members[life.alice.id].display_name == "Erased person"
        assert sorted(direct.room.name.split(", ")) == ["Erased person", "bob"]
        assert await place.storage.load(life.rooms["diary"]) is None
        assert [hook.revoked_at is None for hook in await place.storage.hooks(life.rooms["team"])] == [False]
        assert [one.revoked_at is None for one in await place.storage.list_invites(life.rooms["team"])] == [False]
        # Who has a room open hears it as ever, and the renamed member in the direct room.
        deleted = await life.bob.expect_type("message_deleted", start=start)
        assert deleted["because"] == "erasure"
        joined = await life.bob.expect_type("member_joined", start=start, room_id=life.rooms["direct"])
        assert joined["is_erased"] is True
        # A replay says that what it was built from is not there any more.
        [answer] = [one for one, room in life.kept.items() if room == life.rooms["team"]][1:]
        replay = await pod.insights.replays.of_message(life.rooms["team"], life.bob.id, answer)
        assert not replay.is_equal
        assert any("deleted" in said or "taken back" in said for said in replay.differs)


async def test_a_preview_says_what_then_goes_and_changes_nothing(place: Place, tmp_path: Path) -> None:
    async with pod_on(place.storage, tmp_path) as pod:
        life = await live_a_life(pod)
        seqs = await place.storage.seqs(list(life.rooms.values()))
        found = await pod.erasures.preview(life.alice.id)
        assert await place.storage.seqs(list(life.rooms.values())) == seqs
        counts = found.counts
        assert (found.handle, found.display_name, found.held_by) == (HANDLE, NAME, ())
        # Four and a question in the team, one each in five others, and the diary's question; but not the deleted room's.
        assert counts.messages == 5 + 5 + 1
        assert (counts.answers, counts.files, counts.uploads, counts.transcripts) == (3, 2, 2, 1)
        assert (counts.facts, counts.points, counts.proposals, counts.forms) == (2 + 4, 1, 1, 1)
        assert (counts.rules, counts.hooks, counts.reactions) == (2, 1, 1)
        assert (counts.memberships, counts.rooms, counts.tokens, counts.invites) == (5, 7, 2, 1)
        fates = {room.room_id: room.fate for room in found.rooms}
        assert fates == {
            life.rooms["team"]: RoomFate.LEFT,
            life.rooms["archived"]: RoomFate.LEFT,
            life.rooms["quiet"]: RoomFate.LEFT,
            life.rooms["direct"]: RoomFate.STAYS,
            life.rooms["diary"]: RoomFate.DELETED,
        }
        await erased(life)
        done = await pod.erasures.of(life.alice.id)
        assert done is not None
        assert done.messages_done == done.messages == counts.messages + counts.answers


async def test_the_only_owner_of_a_room_with_others_is_not_erased_unless_it_is_handed_over(tmp_path: Path) -> None:
    async with pod_on(MemoryStorage(), tmp_path) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        carol = await Guest.enter(pod, "carol")
        room_id = await pod.lobby.create_room(alice.id, "ours", origin="cli")
        for handle, role in (("bob", "member"), ("carol", "admin")):
            await alice.ask(type="invite_member", room_id=room_id, handle=handle, role=role)
        with pytest.raises(Refused, match="ours") as refusal:
            await pod.erasures.request(alice.id, by=None, origin="cli", hand_over=False)
        assert refusal.value.code is RefusalCode.CONFLICT
        assert await pod.erasures.of(alice.id) is None
        await erased(Life(pod, alice, bob), hand_over=True)
        state = await pod.storage.load(room_id)
        assert state is not None
        assert [owner.account_id for owner in state.owners()] == [carol.id]
        assert alice.id not in state.members


async def test_from_the_request_on_the_account_is_shut_out_for_good(tmp_path: Path) -> None:
    async with pod_on(MemoryStorage(), tmp_path) as pod:
        alice = await Guest.enter(pod, "alice")
        await pod.erasures.request(alice.id, by=None, origin="cli", hand_over=False)
        assert alice.session.closing is not None
        assert alice.session.closing.code == CloseCode.DISABLED
        account = await pod.storage.find_account(alice.id)
        assert account is not None
        assert account.disabled
        with pytest.raises(Refused, match="erased"):
            await pod.erasures.check_not_erased(alice.id)


async def test_the_servers_own_account_and_ais_are_not_erased(tmp_path: Path) -> None:
    async with pod_on(MemoryStorage(), tmp_path) as pod:
        for account in await pod.lobby.ensure_built_ins():
            with pytest.raises(Refused):
                await pod.erasures.preview(account.id)


class CutOff(MemoryStorage):
    """For `pod-a` nothing of an erasure can be noted any more after some steps: as if it had died there."""

    def __init__(self, steps: int) -> None:
        super().__init__(lambda: self.now_s)
        self.now_s = 0.0
        self.steps = steps
        self.is_cut = asyncio.Event()

    @override
    async def note_erasure(
        self, erasure_id: str, pod: str, *, messages: int = 0, files_waiting: int | None = None, problem: str = ""
    ) -> bool:
        self._step(pod)
        return await super().note_erasure(
            erasure_id, pod, messages=messages, files_waiting=files_waiting, problem=problem
        )

    @override
    async def hold_erasure(
        self, pod: str, *, erasure_id: str | None = None, but: Collection[str] = ()
    ) -> Erasure | None:
        if pod == "pod-a" and self.is_cut.is_set():
            raise StorageUnavailable("cut off")
        return await super().hold_erasure(pod, erasure_id=erasure_id, but=but)

    def _step(self, pod: str) -> None:
        if pod == "pod-a":
            self.steps -= 1
            if self.steps < 0:
                self.is_cut.set()
                raise StorageUnavailable("cut off")


@pytest.mark.parametrize("steps", [0, 2, 5, 11, 17])
async def test_another_pod_carries_on_what_one_was_at_when_it_died(tmp_path: Path, steps: int) -> None:
    storage = CutOff(steps)
    async with pod_on(storage, tmp_path, "pod-a") as pod:
        life = await live_a_life(pod)
        asked = await pod.erasures.request(life.alice.id, by=None, origin="cli", hand_over=False)
        async with asyncio.timeout(90):
            await storage.is_cut.wait()
        assert await storage.hold_erasure("pod-b") is None, "it is held while the lease lasts"
        storage.now_s += LEASE_S + 1
        async with pod_on(storage, tmp_path, "pod-b") as other, asyncio.timeout(90):
            done = await other.erasures.follow(asked, lambda _: None)
        assert (done.stage, done.rooms_done) == (ErasureStage.DONE, 7)
        assert (await places_of(WORD, storage, None, tmp_path / "workspaces-blobs")).keys() <= {"audit"}
        # The first pod, which had all of it in memory, tells none of it any more.
        for name in ("team", "direct", "left", "quiet"):
            host = await pod.directory.host(life.rooms[name])
            seq = (await storage.seqs([host.room_id]))[host.room_id]
            if host.room.seq < seq:
                await host.read_up_to(seq)
            assert WORD not in (await told_to(life.bob, life.rooms[name])).lower()


async def test_two_pods_at_once_do_no_harm(place: Place, tmp_path: Path) -> None:
    async with (
        pod_on(place.storage, tmp_path, "pod-a") as pod,
        pod_on(place.storage, tmp_path, "pod-b") as other,
    ):
        life = await live_a_life(pod)
        asked = await pod.erasures.request(life.alice.id, by=None, origin="cli", hand_over=False)
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*(one.erasures.follow(asked, lambda _: None) for one in (pod, other)))
        assert {end.stage for end in ends} == {ErasureStage.DONE}
        assert (await places_of(WORD, place.storage, place.dsn, tmp_path / "workspaces-blobs")).keys() <= {"audit"}
        done = [
            row for row in await place.storage.audit_after(None, 0, limit=1_000) if row.entry.action == "erasure_done"
        ]
        assert len(done) == 1
