"""Doing the erasure of a person, room by room, in small batches: each step may be done again, and by two at once."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.erasure_preview import disabled_members
from multiplayer.live.file_services import FileServices
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.protocol.inner_commands import ErasePerson, ForgetMessages, InnerCommand, TakeBack
from multiplayer.protocol.reports_erasure import Erasure
from multiplayer.rooms.erasure_rules import answers_elsewhere
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.erasure_port import Erased, RoomToErase
from multiplayer.storage.port import Storage

BATCH: Final = 100
LINES: Final = 500
ROUNDS: Final = 3
"""So often what was found after all is taken out, before it is left to the next look."""
SWEEPS: Final = 3
SWEEP_PAUSE_S: Final = 1.0
"""So often in a row, and so far apart, the store may remove nothing before it is left to the next look."""
_OF_THE_ACCOUNT: Final = frozenset({"account", "secrets", "read marks", "files"})
"""Places that are emptied last."""

_log = structlog.get_logger(__name__)


class NotHeld(Exception):  # noqa: N818 - says what is so
    """Another pod is at this erasure now."""


class ErasureWork:
    def __init__(self, storage: Storage, directory: Directory, files: FileServices, clock: Clock, pod: str) -> None:
        self._storage = storage
        self._directory = directory
        self._files = files
        self._clock = clock
        self._pod = pod

    async def carry_out(self, erasure: Erasure, operator_id: AccountId) -> bool:
        """Go on until it is done; False if something has to be waited for, which is noted.

        Raises `NotHeld`, `Refused`, and as `Storage` does.
        """
        account = await self._storage.find_account(erasure.account_id)
        assert account is not None, "accounts stay"
        erased = Erased(account.id, account.handle, account.display_name, erasure.handle)
        if not erasure.rooms:
            await self._storage.plan_erasure(erasure.id)
        left: dict[str, int] = {}
        for _ in range(ROUNDS):
            await self._rooms(erasure, erased, operator_id)
            traces = await self._storage.erasure_traces(erased)
            left = {place: count for place, count in traces.items() if place not in _OF_THE_ACCOUNT}
            if not left:
                break
            _log.info("erasure_finds_more", erasure=erasure.id, places=left)
            await self._storage.plan_erasure(erasure.id)
        else:
            places = ", ".join(sorted(left))
            await self._note(erasure, problem=f"something is left, or comes again, in: {places}")
            return False
        if not await self._uploads_and_contents(erasure):
            return False
        audit = AuditEntry(
            at=self._clock.now(), actor_id=None, origin="server", action="erasure_done", subject=account.id
        )
        if await self._storage.finish_erasure(erasure.id, erased, at=audit.at, audit=audit):
            _log.info("person_erased", erasure=erasure.id, account=account.id)
        return True

    async def _rooms(self, erasure: Erasure, erased: Erased, operator_id: AccountId) -> None:
        while rooms := await self._storage.rooms_to_erase(erasure.id, limit=BATCH):
            for room in rooms:
                await self._room(erasure, erased, room, operator_id)
                await self._storage.room_erased(erasure.id, room.room_id)
                await self._note(erasure)

    async def _room(self, erasure: Erasure, erased: Erased, room: RoomToErase, operator_id: AccountId) -> None:
        host = None if room.is_closed else await self._host(room.room_id)
        if host is not None:
            await self._end_part(host, erased, operator_id, is_last=False)
            host = None if host.room.state.is_deleted else host
        if host is None:
            await self._closed_messages(erasure, room.room_id, operator_id)
        else:
            await self._messages(erasure, host, operator_id)
            await self._touched(erasure, host, operator_id)
        seq: int | None = 0
        while seq is not None:
            seq = await self._storage.erase_lines(room.room_id, erased, after_seq=seq, limit=LINES)
            await self._note(erasure)
        await self._storage.erase_rows(room.room_id, erased)
        await self._doors(room.room_id, erased.account_id, operator_id)
        if host is not None:
            # Last: with this everyone who holds lines of the room reads them anew.
            await self._end_part(host, erased, operator_id, is_last=True)

    async def _host(self, room_id: RoomId) -> RoomHost | None:
        try:
            return await self._directory.host(room_id)
        except Refused as refused:
            if refused.code is RefusalCode.NOT_FOUND:
                return None  # deleted meanwhile
            raise

    async def _end_part(self, host: RoomHost, erased: Erased, operator_id: AccountId, *, is_last: bool) -> None:
        proposals = await self._storage.proposals_to_drop(host.room_id, erased.account_id)
        command = ErasePerson(
            account_id=erased.account_id,
            handle=erased.handle,
            display_name=erased.display_name,
            proposals=tuple(proposals),
            not_to=await disabled_members(self._storage, host.room.state, erased.account_id),
            is_last=is_last,
        )
        await _ask(host, operator_id, command)

    async def _messages(self, erasure: Erasure, host: RoomHost, operator_id: AccountId) -> None:
        seq = 0
        while found := await self._storage.messages_to_erase(
            host.room_id, erasure.account_id, after_seq=seq, limit=BATCH
        ):
            await self._forget(erasure, host, operator_id, [one.message_id for one in found])
            seq = found[-1].seq

    async def _touched(self, erasure: Erasure, host: RoomHost, operator_id: AccountId) -> None:
        seq = 0
        while found := await self._storage.messages_touched(
            host.room_id, erasure.account_id, after_seq=seq, limit=BATCH
        ):
            messages = await self._storage.messages(host.room_id, [one.message_id for one in found])
            # What they filled in stands in an answer that was not chosen: no event reaches it but the message's end.
            hidden = [one.id for one in messages.values() if answers_elsewhere(one, erasure.account_id)]
            if hidden:
                await self._forget(erasure, host, operator_id, hidden)
            ids = tuple(one.message_id for one in found if one.message_id not in hidden)
            if ids:
                await _ask(host, operator_id, TakeBack(account_id=erasure.account_id, message_ids=ids))
            await self._note(erasure)
            seq = found[-1].seq

    async def _forget(
        self, erasure: Erasure, host: RoomHost, operator_id: AccountId, message_ids: Sequence[MessageId]
    ) -> None:
        await _ask(host, operator_id, ForgetMessages(message_ids=tuple(message_ids), because="erasure"))
        await self._note(erasure, messages=len(message_ids))

    async def _closed_messages(self, erasure: Erasure, room_id: RoomId, operator_id: AccountId) -> None:
        """A deleted room takes no events: its rows are changed alone. Nobody reads them any more."""
        who = erasure.account_id
        for read, is_counted in ((self._storage.messages_to_erase, True), (self._storage.messages_touched, False)):
            seq = 0
            while found := await read(room_id, who, after_seq=seq, limit=BATCH):
                ids = [one.message_id for one in found]
                await self._storage.close_messages(room_id, who, ids, at=self._clock.now(), by=operator_id)
                await self._note(erasure, messages=len(ids) if is_counted else 0)
                seq = found[-1].seq

    async def _doors(self, room_id: RoomId, account_id: AccountId, operator_id: AccountId) -> None:
        """End the webhooks and invites that they made."""
        now = self._clock.now()
        for hook in await self._storage.hooks(room_id):
            if hook.created_by == account_id and hook.revoked_at is None:
                audit = _ended(now, operator_id, "hook_revoked", hook.id)
                await self._storage.revoke_hook(room_id, hook.id, at=now, audit=audit)
        for invite in await self._storage.list_invites(room_id):
            if invite.created_by == account_id and invite.revoked_at is None:
                audit = _ended(now, operator_id, "invite_revoked", invite.id)
                await self._storage.revoke_invite(room_id, invite.id, at=now, audit=audit)

    async def _uploads_and_contents(self, erasure: Erasure) -> bool:
        """Drop what no message has, and remove the bytes that nobody else has from the store; False while some are there."""
        while uploads := await self._storage.unattached_uploads(erasure.account_id, limit=BATCH):
            for one in uploads:
                await self._storage.drop_upload(AttachmentId(one))
                await self._files.contents.forget_parts(AttachmentId(one))
            await self._note(erasure)
        left = await self._storage.loose_contents(erasure.id, now=self._clock.now())
        tries = SWEEPS
        while left:
            before = len(left)
            await self._files.sweep.look()
            left = await self._storage.loose_contents(erasure.id, now=self._clock.now())
            # Another sweep may be at the very same ones.
            tries = SWEEPS if len(left) < before else tries - 1
            if left and not tries:
                problem = f"files are still in the store, which does not answer just now: {len(left)}"
                await self._note(erasure, files_waiting=len(left), problem=problem)
                return False
            await self._note(erasure, files_waiting=len(left))
            if left and tries < SWEEPS:
                await asyncio.sleep(SWEEP_PAUSE_S)
        return True

    async def _note(
        self, erasure: Erasure, *, messages: int = 0, files_waiting: int | None = None, problem: str = ""
    ) -> None:
        is_held = await self._storage.note_erasure(
            erasure.id, self._pod, messages=messages, files_waiting=files_waiting, problem=problem
        )
        if not is_held:
            raise NotHeld


async def _ask(host: RoomHost, operator_id: AccountId, command: InnerCommand) -> None:
    try:
        await host.ask(operator_id, command, origin="server")
    except Refused as refused:
        # Nothing of it is left, or the room was deleted meanwhile: then what is left is found at the next look.
        if refused.code not in {RefusalCode.NO_CHANGE, RefusalCode.NOT_FOUND}:
            raise


def _ended(at: datetime, by: AccountId, action: str, subject: str) -> AuditEntry:
    return AuditEntry(at=at, actor_id=by, origin="server", action=action, subject=subject)
