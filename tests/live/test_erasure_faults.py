"""An erasure that cannot go on holds up neither the others nor the pod, and goes on when it can."""

from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.pod import Pod
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.reports_erasure import Erasure, ErasureStage
from multiplayer.storage.erasure_port import Erased
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from tests.support.pods import Guest, memory_pod

TROUBLES = (
    (StorageUnavailable("too slow"), "database"),
    (OutcomeUnknown("lost"), "database"),
    (Refused(RefusalCode.UNAVAILABLE, "busy"), "busy"),
    (ValueError("a bug"), "something broke"),
)


class Troubled(MemoryStorage):
    """Rows of one account cannot be erased while there is a `trouble`."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Exception | None = None
        self.whose: AccountId | None = None
        self.limits: list[int] = []

    @override
    async def plan_erasure(self, erasure_id: str) -> int:
        if self.trouble is not None and self._erasures[erasure_id].erasure.account_id == self.whose:
            raise self.trouble
        return await super().plan_erasure(erasure_id)

    @override
    async def erase_lines(self, room_id: RoomId, erased: Erased, *, after_seq: int, limit: int) -> int | None:
        self.limits.append(limit)
        return await super().erase_lines(room_id, erased, after_seq=after_seq, limit=limit)


async def state_of(pod: Pod, guest: Guest) -> Erasure:
    found = await pod.erasures.of(guest.id)
    assert found is not None
    return found


@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
async def test_one_that_is_stuck_holds_up_none_of_the_later_ones(
    tmp_path: Path, trouble: Exception, words: str
) -> None:
    storage = Troubled()
    async with memory_pod(tmp_path / "workspaces", storage=storage) as pod:
        await pod.lobby.ensure_built_ins()
        people = [await Guest.enter(pod, name) for name in ("alice", "bob", "carol", "dave")]
        storage.trouble, storage.whose = trouble, people[0].id
        for one in people:
            await pod.erasures.request(one.id, by=None, origin="cli", hand_over=False)
        await pod.erasures.look()
        stages = [(await state_of(pod, one)).stage for one in people]
        assert stages == [ErasureStage.RUNNING, *[ErasureStage.DONE] * 3]
        stuck = await state_of(pod, people[0])
        assert words in stuck.problem
        # Who follows it is told, and does not fall over it.
        assert (await pod.erasures.follow(stuck, lambda _: None)).problem == stuck.problem
        storage.trouble = None
        # Any pod may go on with it at once.
        assert await storage.hold_erasure("another") is not None
        await storage.release_erasure(stuck.id, "another")
        await pod.erasures.look()
        assert (await state_of(pod, people[0])).stage is ErasureStage.DONE


async def test_lines_are_gone_through_in_small_batches(tmp_path: Path) -> None:
    storage = Troubled()
    async with memory_pod(tmp_path / "workspaces", storage=storage) as pod:
        await pod.lobby.ensure_built_ins()
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        room_id = await pod.lobby.create_room(bob.id, "team", origin="cli")
        await bob.ask(type="invite_member", room_id=room_id, handle="alice", role="member")
        asked = await pod.erasures.request(alice.id, by=None, origin="cli", hand_over=False)
        assert (await pod.erasures.follow(asked, lambda _: None)).stage is ErasureStage.DONE
        assert storage.limits
        assert max(storage.limits) <= 500
