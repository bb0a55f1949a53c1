"""A sign-in that ends in the very moment in which a session is opened with it."""

import asyncio
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.auth.port import Identity
from multiplayer.live.pod import Pod
from multiplayer.protocol.requests import Hello
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory import MemoryStorage
from tests.support.pods import PATIENCE_S, memory_pod

pytestmark = pytest.mark.slow


class WatchedStorage(MemoryStorage):
    """Tells when the pod has looked at the access version."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.looked = asyncio.Condition()

    @override
    async def access_version(self) -> int:
        version = await super().access_version()
        async with self.looked:
            self.looks += 1
            self.looked.notify_all()
        return version

    async def until_looked_again(self) -> None:
        """Wait until a look that began after this call is over, and what follows from it done."""
        async with asyncio.timeout(PATIENCE_S), self.looked:
            seen = self.looks
            await self.looked.wait_for(lambda: self.looks >= seen + 2)


async def identified(pod: Pod) -> tuple[Identity, str]:
    account = await pod.lobby.create_account("mallory", origin="cli")
    made = await pod.doors.access_tokens.create(account.id, "test", None)
    return await pod.doors.of_credential(Hello.model_validate({"token": made.text})), made.row.id


async def closed_code(pod: Pod, identity: Identity) -> int:
    session = await pod.open_session(identity, address="127.0.0.1", origin="ws")
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await session.outbox.take():
                pass
        assert session.closing is not None
        return session.closing.code
    finally:
        pod.close_session(session)


async def test_a_session_opened_with_a_token_that_was_revoked_meanwhile_is_closed(tmp_path: Path) -> None:
    storage = WatchedStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        identity, token_id = await identified(pod)
        await pod.doors.access_tokens.revoke(token_id, account_id=None)
        # The pod has seen that something ended, while this session was still on its way in.
        await storage.until_looked_again()
        assert await closed_code(pod, identity) == 4001


async def test_a_session_of_an_account_that_is_disabled_while_it_comes_in_is_closed(tmp_path: Path) -> None:
    storage = WatchedStorage()
    async with memory_pod(tmp_path, storage=storage) as pod:
        identity, _ = await identified(pod)
        session = await pod.open_session(identity, address="127.0.0.1", origin="ws")
        audit = AuditEntry(
            at=pod.clock.now(), actor_id=None, origin="cli", action="account_disabled", subject=session.account_id
        )
        assert await storage.disable_account(session.account_id, disabled=True, audit=audit)
        async with asyncio.timeout(PATIENCE_S):
            while await session.outbox.take():
                pass
        assert session.closing is not None
        assert session.closing.code == 4003
        pod.close_session(session)
