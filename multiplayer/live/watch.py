"""What a pod looks at again and again: the rooms' stored seqs, whether anyone's access has ended, the AI profiles."""

import asyncio

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.profiles import ProfileModels
from multiplayer.live.registry import Sessions
from multiplayer.live.room_jobs import RoomJobs
from multiplayer.live.session import Session
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.ids import SessionId
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.port import Storage, StorageUnavailable

LOOK_S = 0.4
"""Together with a round trip this keeps what another process did within half a second."""

_log = structlog.get_logger(__name__)


class Watch:
    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        sessions: Sessions,
        cache: CachedLog,
        clock: Clock,
        models: ProfileModels,
        jobs: RoomJobs,
        *,
        epoch: str,
    ) -> None:
        self._storage = storage
        self._directory = directory
        self._sessions = sessions
        self._cache = cache
        self._clock = clock
        self._models = models
        self._jobs = jobs
        self.epoch = epoch
        self._access_version = -1
        self._profiles_seen = (-1, -1)
        self._checked: set[tuple[SessionId, str]] = set()

    async def run(self) -> None:
        """For ever. A database that is away is looked for again at the next round."""
        is_away = False
        while True:
            try:
                if is_away:
                    await self._check_history()
                await self._directory.look()
                await self._check_access()
                await self._check_profiles()
            except StorageUnavailable:
                if not is_away:
                    _log.warning("database_away")
                is_away = True
            else:
                if is_away:
                    _log.info("database_back")
                is_away = False
            self._directory.let_go()
            await asyncio.sleep(LOOK_S)

    async def _check_history(self) -> None:
        """After the database was away it may be another one, restored or failed over: then everything begins anew."""
        epoch = await self._storage.epoch()
        if epoch == self.epoch:
            return
        _log.warning("database_has_another_history")
        self.epoch = epoch
        self._cache.forget_all()
        self._directory.drop_all()
        self._jobs.end_all()
        self._sessions.close_all(CloseCode.RESTARTING, "the database has another history; reconnect", reconnect_ms=500)

    async def _check_access(self) -> None:
        """When the access version moved, ask once for all who are here; else for those who came or renewed since.

        Who came may have been let in by what ended in the same moment, after the move was looked at.
        """
        version = await self._storage.access_version()
        here = {_entry(session): session for session in self._sessions}
        has_moved = version != self._access_version
        sessions = [session for entry, session in here.items() if has_moved or entry not in self._checked]
        if sessions:
            now = self._clock.now()
            ended = await self._storage.ended_credentials({s.identity.credential_id for s in sessions}, now)
            disabled = await self._storage.disabled_accounts({s.account_id for s in sessions})
            self._sessions.close_where(ended, disabled)
        acting = self._jobs.accounts() if has_moved else frozenset()
        if acting:
            self._jobs.end_of(await self._storage.disabled_accounts(acting))
        # Only now: if a question failed, the next round asks again.
        self._access_version = version
        self._checked = set(here)

    async def _check_profiles(self) -> None:
        """When a profile, or the access of any account (an AI's too), moved, read the profiles again."""
        seen = (await self._storage.profiles_version(), self._access_version)
        if seen != self._profiles_seen:
            await self._models.refresh()
        self._profiles_seen = seen


def _entry(session: Session) -> tuple[SessionId, str]:
    """A session with what it was let in by, which `renew` may change."""
    return session.id, session.identity.credential_id
