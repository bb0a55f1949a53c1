"""Erasing a person's content: looked at first, asked for, and carried on by whichever pod is there until it is done."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from multiplayer.auth.handles import OPERATOR_HANDLE
from multiplayer.live.audit import Origin
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.erasure_preview import erasable, preview_of
from multiplayer.live.erasure_work import ErasureWork, NotHeld
from multiplayer.live.file_services import FileServices
from multiplayer.live.registry import Sessions
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.reports_erasure import Erasure, ErasurePreview, ErasureStage
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.erasure_port import Erased, NewErasure
from multiplayer.storage.handles import erased_handles
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

LOOK_S: Final = 10.0
FOLLOW_S: Final = 0.5

_log = structlog.get_logger(__name__)


class Erasures:
    """The rights of who asks are checked by the doors: operators for anyone, a person for themselves."""

    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        files: FileServices,
        sessions: Sessions,
        clock: Clock,
        pod: str,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._clock = clock
        self._pod = pod
        self._work = ErasureWork(storage, directory, files, clock, pod)
        self._is_asked = asyncio.Event()
        # A hold is the pod's: within it, one task at a time is at erasures.
        self._at_it = asyncio.Lock()

    async def preview(self, account_id: AccountId) -> ErasurePreview:
        """Say what would go. Refuses an AI, and the server's own account."""
        account = await erasable(self._storage, account_id, kept_handle=OPERATOR_HANDLE)
        return await preview_of(self._storage, account)

    async def preview_for(self, operator_id: AccountId, account_id: AccountId, origin: Origin) -> ErasurePreview:
        """Say the same to an operator, who may be in none of the rooms: named are those that have to be decided on.

        The audit trail keeps that they looked.
        """
        found = await self.preview(account_id)
        now = self._clock.now()
        audit = AuditEntry(at=now, actor_id=operator_id, origin=origin, action="erasure_previewed", subject=account_id)
        await self._storage.note_preview(audit)
        return found.model_copy(update={"rooms": tuple(room.model_copy(update={"name": ""}) for room in found.rooms)})

    async def of(self, account_id: AccountId) -> Erasure | None:
        return await self._storage.erasure_of(account_id)

    async def check_not_erased(self, account_id: AccountId) -> None:
        """Refuse what would give an account that is erased, or is being erased, a life again."""
        if await self._storage.erasure_of(account_id) is not None:
            raise Refused(RefusalCode.CONFLICT, "this person was erased: the account stays disabled")

    async def request(self, account_id: AccountId, *, by: AccountId | None, origin: Origin, hand_over: bool) -> Erasure:
        """Disable the account, end its sessions, and let it be erased from now on; asked again, return how far it is.

        Refuses while they are the only owner of a room with others in it, unless `hand_over`.
        """
        known = await self._storage.erasure_of(account_id)
        if known is not None:
            return known
        preview = await self.preview(account_id)
        if preview.held_by and not hand_over:
            rooms = ", ".join(f"{room.name} (then {room.heir}'s)" for room in preview.held_by)
            raise Refused(
                RefusalCode.CONFLICT,
                f"the only owner of rooms with others in them: {rooms}. Make someone else owner, or hand them over",
            )
        now = self._clock.now()
        audit = AuditEntry(at=now, actor_id=by, origin=origin, action="erasure_requested", subject=account_id)
        new = NewErasure(
            id=self._clock.new_id(),
            account_id=account_id,
            handle=await self._free_handle(account_id),
            at=now,
            by=by,
            messages=preview.counts.messages + preview.counts.answers,
        )
        await self._storage.request_erasure(new, audit=audit)
        self._sessions.close_where((), {account_id})
        self._is_asked.set()
        asked = await self._storage.erasure_of(account_id)
        assert asked is not None, "it was just asked for"
        return asked

    async def traces(self, erased: Erased) -> dict[str, int]:
        """Look wherever words of a person may be; return how many are left, by place."""
        return dict(await self._storage.erasure_traces(erased))

    async def run(self) -> None:
        """For ever: carry on what is not done."""
        while True:
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._is_asked.wait()
            self._is_asked.clear()

    async def look(self) -> None:
        """Carry on each erasure that no other pod is at, as far as it goes just now."""
        try:
            async with self._at_it:
                await self._look()
        except (StorageUnavailable, OutcomeUnknown) as error:
            _log.warning("erasures_not_looked_at", error=str(error))

    async def _look(self) -> None:
        tried: set[str] = set()
        while (held := await self._storage.hold_erasure(self._pod, but=tried)) is not None:
            tried.add(held.id)
            await self._carry_on(held)

    async def follow(self, erasure: Erasure, tell: Callable[[Erasure], None]) -> Erasure:
        """Carry one on until it is done, here or by whichever pod is at it; `tell` hears how far it is.

        Returns early when something has to be waited for: `problem` says what.
        """
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(erasure.account_id, tell))
            # What it raises is for the caller as it is, and not in a group.
            [end] = await asyncio.gather(self._to_the_end(erasure), return_exceptions=True)
            telling.cancel()
        if isinstance(end, BaseException):
            raise end
        return end

    async def _to_the_end(self, erasure: Erasure) -> Erasure:
        while True:
            async with self._at_it:
                held = await self._storage.hold_erasure(self._pod, erasure_id=erasure.id)
                if held is not None:
                    await self._carry_on(held)
            found = await self._storage.erasure_of(erasure.account_id)
            assert found is not None, "an erasure stays"
            if found.stage is ErasureStage.DONE or found.problem:
                return found
            await asyncio.sleep(FOLLOW_S)

    async def _tell(self, account_id: AccountId, tell: Callable[[Erasure], None]) -> None:
        while True:
            with suppress(StorageUnavailable):
                found = await self._storage.erasure_of(account_id)
                if found is not None:
                    tell(found)
            await asyncio.sleep(FOLLOW_S)

    async def _carry_on(self, held: Erasure) -> None:
        """Go on with one as far as it goes. What hinders it is noted: it must not hinder the others."""
        try:
            operator = await self._storage.find_account_by_handle(OPERATOR_HANDLE)
            assert operator is not None, "made at the first start"
            if not await self._work.carry_out(held, operator.id):
                await self._storage.release_erasure(held.id, self._pod)
        except NotHeld:
            return
        except Refused as refused:
            # A room that is busy or away: gone on with at the next look.
            _log.info("erasure_waits", erasure=held.id, code=refused.code.value)
            await self._wait(held, f"a room did not take it: {refused.message}")
        except (StorageUnavailable, OutcomeUnknown) as error:
            _log.warning("erasure_waits", erasure=held.id, error=str(error))
            await self._wait(held, "the database did not answer in time")
        except Exception:  # noqa: BLE001 - one erasure's trouble must end neither the others nor the pod
            _log.exception("erasure_broke", erasure=held.id)
            await self._wait(held, "something broke in the server; its log says more")

    async def _wait(self, held: Erasure, problem: str) -> None:
        """Note why it does not go on just now, and leave it to the next look of any pod."""
        try:
            await self._storage.note_erasure(held.id, self._pod, problem=problem)
            await self._storage.release_erasure(held.id, self._pod)
        except (StorageUnavailable, OutcomeUnknown) as error:
            # Then its hold runs out by itself.
            _log.warning("erasure_not_noted", erasure=held.id, error=str(error))

    async def _free_handle(self, account_id: AccountId) -> str:
        for handle in erased_handles(account_id):
            if await self._storage.find_account_by_handle(handle) is None:
                return handle
        raise AssertionError("an id is one account's")
