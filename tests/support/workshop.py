"""AI profiles without a server: the real store in memory, real key files, and the brains that are built of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from multiplayer.compose.models import ProfiledBrains
from multiplayer.live.ai_keys import KeyFiles
from multiplayer.live.clock import Clock
from multiplayer.live.profiles import Profiles
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.profiles import AiProfile, ProfileView
from multiplayer.settings import Settings
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory import MemoryStorage
from tests.support.pods import system_clock

OPERATOR = AccountId("01OPERATOR")


@dataclass
class Now:
    """A monotonic clock that a test moves."""

    at_s: float = 1_000.0

    def __call__(self) -> float:
        return self.at_s


@dataclass
class Workshop:
    storage: MemoryStorage
    folder: Path
    keys: KeyFiles
    brains: ProfiledBrains
    profiles: Profiles
    now: Now

    def key_file(self, handle: str) -> Path:
        return self.folder / "ai" / f"{handle}.key"

    async def built_in(self) -> AccountId:
        """Make the AI that every server has."""
        account = Account(id=AccountId("01AI"), kind=AccountKind.AI, handle="ai", display_name="AI")
        audit = AuditEntry(datetime.now(UTC), None, "server", "account_created", account.id)
        await self.storage.create_ai(account, AiProfile(handle="ai", name="AI"), is_from_file=False, audit=audit)
        await self.brains.refresh()
        return account.id

    async def add(self, handle: str, **fields: object) -> ProfileView:
        profile = AiProfile.model_validate({"handle": handle, "name": handle.title(), **fields})
        return await self.profiles.create(profile, by=OPERATOR, origin="http")

    async def set(self, handle: str, **fields: object) -> ProfileView:
        """Change what is named of a profile."""
        view = await self.profiles.called(handle)
        profile = AiProfile.model_validate({**view.profile.model_dump(), **fields})
        return await self.profiles.change(view.account_id, profile, version=view.version, by=OPERATOR, origin="http")

    async def give_key(self, handle: str, key: str) -> ProfileView:
        account_id = (await self.profiles.called(handle)).account_id
        return await self.profiles.set_key(account_id, key, by=OPERATOR, origin="http")

    async def acts(self) -> list[str]:
        return [row.entry.action for row in await self.storage.audit_after(None, 0, limit=1_000)]


@asynccontextmanager
async def workshop(
    folder: Path, settings: Mapping[str, str] | None = None, *, storage: MemoryStorage | None = None
) -> AsyncIterator[Workshop]:
    """`settings` are those of the environment that a server would be started with; nothing else of it counts."""
    given: dict[str, object] = {
        name: SecretStr(value) if name.endswith("_key") else value for name, value in (settings or {}).items()
    }
    storage, now = storage or MemoryStorage(), Now()
    system = system_clock()
    clock = Clock(now=system.now, monotonic_s=now, new_id=system.new_id)
    keys = KeyFiles(folder / "ai")
    brains = ProfiledBrains(storage, keys, Settings.model_construct(**given), clock)  # type: ignore[arg-type]  # by name
    try:
        yield Workshop(storage, folder, keys, brains, Profiles(storage, keys, brains, clock), now)
    finally:
        await brains.aclose()
