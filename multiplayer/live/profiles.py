"""The server's AI accounts as operators manage them: made, changed, disabled, given a key, and tried out."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from multiplayer.ai.brain import Brains, NoBrain
from multiplayer.auth.handles import check_handle
from multiplayer.live.ai_keys import KeptKey, KeyFiles, UnsafeKey, check_key, key_address
from multiplayer.live.audit import Origin
from multiplayer.live.clock import Clock
from multiplayer.live.profile_file import BadProfileFile, place, read_profile_file
from multiplayer.live.profile_removal import check_removable, removed_account
from multiplayer.live.profile_trial import ProfileTest, try_out
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.profiles import AiProfile, ProfileView, Provider
from multiplayer.rooms.deciding import checked_name
from multiplayer.storage.account_port import HandleTaken
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.storage.profile_port import StoredProfile

BUILT_IN: Final = "ai"
MAX_NAME: Final = 64


@dataclass(frozen=True)
class BrainStatus:
    """What became of a profile: the model that answers in words for people, and why none does."""

    answers_with: str = ""
    problem: str = ""
    has_key: bool = False
    is_demo: bool = False
    """No model answers, but the built-in script."""


class ProfileModels(Brains, Protocol):
    """The models that the profiles stand for, on this pod."""

    async def refresh(self) -> None:
        """Read all profiles and keys again; turns that run keep the model they have. Raises `StorageUnavailable`."""
        ...

    def status(self, ai_id: AccountId) -> BrainStatus: ...

    def check(self, profile: AiProfile) -> None:
        """Raises `ValueError` with a sentence: no model can ever be made of this."""
        ...


class Profiles:
    """Every write is in the audit trail, and every pod follows it within a second."""

    def __init__(self, storage: Storage, keys: KeyFiles, models: ProfileModels, clock: Clock) -> None:
        self._storage = storage
        self._keys = keys
        self._models = models
        self._clock = clock

    async def list(self) -> Sequence[ProfileView]:
        await self._models.refresh()
        return [self._view(stored) for stored in await self._storage.profiles()]

    async def view(self, account_id: AccountId) -> ProfileView:
        stored = await self._stored(account_id)
        await self._models.refresh()
        return self._view(stored)

    async def called(self, handle: str) -> ProfileView:
        """Return the profile of this handle. Refuses what is not there."""
        folded = handle.removeprefix("@").casefold()
        for stored in await self._storage.profiles():
            if stored.profile.handle == folded:
                await self._models.refresh()
                return self._view(stored)
        raise _no_such_ai()

    async def create(self, profile: AiProfile, *, by: AccountId | None, origin: Origin) -> ProfileView:
        """Make an AI account. Refuses a handle that is taken or reserved, and what cannot work."""
        profile = self._checked(profile, new_handle=True)
        self._check_fallbacks(profile, await self._handles())
        account_id = await self._create(profile, by, origin, is_from_file=False)
        return await self.view(account_id)

    async def change(
        self, account_id: AccountId, profile: AiProfile, *, version: int, by: AccountId | None, origin: Origin
    ) -> ProfileView:
        """Put `profile` in the place of version `version`. Refuses if another is stored by now, or it is the file's."""
        stored = await self._stored(account_id)
        if stored.is_from_file:
            raise Refused(
                RefusalCode.CONFLICT,
                f"{stored.profile.handle} stands in the server's file of profiles: change it there and start the server again",
            )
        if profile.handle != stored.profile.handle:
            raise Refused(RefusalCode.CONFLICT, "an AI keeps its handle: rooms know it by that")
        profile = self._checked(profile)
        self._check_fallbacks(profile, await self._handles())
        if profile == stored.profile and version == stored.version:
            raise Refused(RefusalCode.NO_CHANGE, "it is so already")
        if version != stored.version or not await self._put(stored, profile, by, origin, is_from_file=False):
            raise Refused(RefusalCode.CONFLICT, "someone changed this profile meanwhile: read it again")
        return await self.view(account_id)

    async def disable(
        self, account_id: AccountId, *, disabled: bool, by: AccountId | None, origin: Origin
    ) -> ProfileView:
        """Let it answer no more, in any room; or enable it again. Also for one from the file, until it is enabled."""
        stored = await self._stored(account_id)
        audit = self._audit(by, origin, "ai_disabled" if disabled else "ai_enabled", stored.account_id)
        if not await self._storage.disable_ai(account_id, disabled=disabled, audit=audit):
            raise Refused(RefusalCode.NO_CHANGE, "it is so already")
        return await self.view(account_id)

    async def remove(self, account_id: AccountId, *, by: AccountId | None, origin: Origin) -> None:
        """Take its profile and its key file away. Refuses while rooms or other AIs count on it.

        Its account stays, disabled: an AI that is made under its handle again is the same one.
        """
        stored = await self._stored(account_id)
        await check_removable(self._storage, stored, built_in=BUILT_IN)
        audit = self._audit(by, origin, "ai_removed", account_id, before=_told(stored.profile))
        if not await self._storage.remove_profile(account_id, audit=audit):
            raise _no_such_ai()
        await self._models.refresh()
        with _refusing():
            await asyncio.to_thread(self._keys.remove, stored.profile.handle)

    async def set_key(self, account_id: AccountId, key: str, *, by: AccountId | None, origin: Origin) -> ProfileView:
        """Keep a key in a private file on this machine, for the address that the profile names now."""
        stored = await self._stored(account_id)
        address = key_address(stored.profile)
        if not address:
            raise Refused(
                RefusalCode.CONFLICT,
                f"a profile of provider {stored.profile.provider.value} takes no key of its own: choose a provider first",
            )
        try:
            check_key(key)
        except UnsafeKey as unsafe:
            raise Refused(RefusalCode.MALFORMED, str(unsafe)) from None
        handle = stored.profile.handle
        before = await self._key_of(handle)
        with _refusing():
            await asyncio.to_thread(self._keys.write, handle, key, address=address)
        await self._tell_key_changed(handle, before, self._audit(by, origin, "ai_key_set", account_id, after=address))
        return await self.view(account_id)

    async def remove_key(self, account_id: AccountId, *, by: AccountId | None, origin: Origin) -> ProfileView:
        """Remove the key file. A key from the environment stays where it is."""
        handle = (await self._stored(account_id)).profile.handle
        before = await self._key_of(handle)
        with _refusing():
            if not await asyncio.to_thread(self._keys.remove, handle):
                raise Refused(RefusalCode.NO_CHANGE, "it has no key file")
        await self._tell_key_changed(handle, before, self._audit(by, origin, "ai_key_removed", account_id))
        return await self.view(account_id)

    async def test(self, account_id: AccountId) -> ProfileTest:
        """Ask its model for one short word and say what came of it, within 30 seconds."""
        await self._stored(account_id)
        await self._models.refresh()
        try:
            brain = self._models.of(account_id)
        except NoBrain as problem:
            return ProfileTest(is_ok=False, said=str(problem))
        return await try_out(brain, self._clock.monotonic_s)

    async def take_file(self, path: Path | None) -> None:
        """Let the file's profiles be as it says now. What came from it before and is not there any more is disabled.

        The built-in AI is not disabled then: it goes back to what it is without a file. Raises `BadProfileFile`.
        """
        profiles = await asyncio.to_thread(read_profile_file, path) if path is not None else ()
        stored = {one.profile.handle: one for one in await self._storage.profiles()}
        handles = stored.keys() | {profile.handle for profile in profiles}
        checked: list[AiProfile] = []
        for number, profile in enumerate(profiles, 1):
            assert path is not None, "profiles came from it"
            try:
                checked.append(self._checked(profile, new_handle=profile.handle not in stored))
                self._check_fallbacks(profile, handles)
            except Refused as refused:
                raise BadProfileFile(f"{place(path, number, profile.handle)}: {refused.message}") from None
        for number, profile in enumerate(checked, 1):
            try:
                await self._take(profile, stored.get(profile.handle))
            except Refused as refused:
                raise BadProfileFile(f"{place(path or Path(), number, profile.handle)}: {refused.message}") from None
        for gone in stored.values():
            if gone.is_from_file and all(gone.profile.handle != profile.handle for profile in checked):
                await self._let_go(gone)
        await self._models.refresh()

    async def _take(self, profile: AiProfile, stored: StoredProfile | None) -> None:
        if stored is None:
            await self._create(profile, None, "server", is_from_file=True)
            return
        if stored.is_from_file and stored.profile == profile:
            return
        # When nothing was written, another server that starts with its file was first.
        await self._put(stored, profile, None, "server", is_from_file=True)
        if stored.is_disabled and not stored.is_from_file:
            # It had vanished from the file and is back. One that an operator disabled stays so.
            audit = self._audit(None, "server", "ai_enabled", stored.account_id)
            await self._storage.disable_ai(stored.account_id, disabled=False, audit=audit)

    async def _let_go(self, gone: StoredProfile) -> None:
        handle = gone.profile.handle
        profile = AiProfile(handle=handle, name=gone.profile.name) if handle == BUILT_IN else gone.profile
        await self._put(gone, profile, None, "server", is_from_file=False)
        if handle != BUILT_IN:
            audit = self._audit(None, "server", "ai_disabled", gone.account_id)
            await self._storage.disable_ai(gone.account_id, disabled=True, audit=audit)

    async def _create(
        self, profile: AiProfile, by: AccountId | None, origin: Origin, *, is_from_file: bool
    ) -> AccountId:
        account = Account(
            id=AccountId(self._clock.new_id()),
            kind=AccountKind.AI,
            handle=profile.handle,
            display_name=profile.name,
        )
        audit = self._audit(by, origin, "ai_created", account.id, after=_told(profile))
        try:
            await self._storage.create_ai(account, profile, is_from_file=is_from_file, audit=audit)
        except HandleTaken:
            removed = await removed_account(self._storage, profile.handle)
            if removed is None or not await self._storage.put_profile(
                removed, profile, expected=0, is_from_file=is_from_file, audit=replace(audit, subject=removed)
            ):
                raise Refused(RefusalCode.CONFLICT, f"there is an account {profile.handle!r} already") from None
            await self._storage.disable_ai(
                removed, disabled=False, audit=self._audit(by, origin, "ai_enabled", removed)
            )
            return removed
        return account.id

    async def _put(
        self, stored: StoredProfile, profile: AiProfile, by: AccountId | None, origin: Origin, *, is_from_file: bool
    ) -> bool:
        address = key_address(stored.profile)
        if key_address(profile) != address:
            await self._bind_key(profile.handle, address)
        audit = self._audit(
            by, origin, "ai_changed", stored.account_id, before=_told(stored.profile), after=_told(profile)
        )
        written = await self._storage.put_profile(
            stored.account_id, profile, expected=stored.version, is_from_file=is_from_file, audit=audit
        )
        return written is not None

    async def _bind_key(self, handle: str, address: str) -> None:
        """Before a profile gets another address: a key that someone wrote by hand stays one for the address it had."""
        kept = await self._key_of(handle)
        if kept is not None and not kept.address and address:
            with _refusing():
                await asyncio.to_thread(self._keys.write, handle, kept.text, address=address)

    async def _tell_key_changed(self, handle: str, before: KeptKey | None, audit: AuditEntry) -> None:
        """Tell all pods; when that surely failed, put the earlier key back: no act without its line in the trail."""
        try:
            await self._storage.tell_key_changed(audit)
        except StorageUnavailable:
            with _refusing():
                if before is None:
                    await asyncio.to_thread(self._keys.remove, handle)
                else:
                    await asyncio.to_thread(self._keys.write, handle, before.text, address=before.address)
            raise

    async def _key_of(self, handle: str) -> KeptKey | None:
        try:
            return await asyncio.to_thread(self._keys.read, handle)
        except UnsafeKey:
            return None

    async def _stored(self, account_id: AccountId) -> StoredProfile:
        stored = await self._storage.profile(account_id)
        if stored is None:
            raise _no_such_ai()
        return stored

    async def _handles(self) -> frozenset[str]:
        return frozenset(stored.profile.handle for stored in await self._storage.profiles())

    def _checked(self, profile: AiProfile, *, new_handle: bool = False) -> AiProfile:
        if new_handle:
            check_handle(profile.handle)
        if "\\u0000" in profile.model_dump_json():
            raise Refused(RefusalCode.MALFORMED, "text may not contain NUL")
        if profile.provider in {Provider.AUTO, Provider.DEMO} and (profile.model or profile.base_url):
            raise Refused(
                RefusalCode.MALFORMED,
                f"a profile of provider {profile.provider.value} has no model or base_url: choose another provider",
            )
        try:
            self._models.check(profile)
        except ValueError as error:
            raise Refused(RefusalCode.MALFORMED, str(error)) from None
        return profile.model_copy(update={"name": checked_name(profile.name, MAX_NAME)})

    def _check_fallbacks(self, profile: AiProfile, handles: Iterable[str]) -> None:
        known = set(handles)
        for handle in profile.fallbacks:
            if handle not in known:
                raise Refused(RefusalCode.CONFLICT, f"fallbacks: there is no AI called {handle!r}")

    def _view(self, stored: StoredProfile) -> ProfileView:
        status = self._models.status(stored.account_id)
        return ProfileView(
            account_id=stored.account_id,
            profile=stored.profile,
            version=stored.version,
            is_from_file=stored.is_from_file,
            is_disabled=stored.is_disabled,
            has_key=status.has_key,
            answers_with=status.answers_with,
            is_demo=status.is_demo,
            problem=status.problem,
        )

    def _audit(
        self,
        by: AccountId | None,
        origin: Origin,
        action: str,
        subject: AccountId,
        *,
        before: str = "",
        after: str = "",
    ) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            actor_id=by,
            origin=origin,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )


def _told(profile: AiProfile) -> str:
    """What the audit trail keeps of a profile: all but what is as by default."""
    return profile.model_dump_json(exclude_defaults=True)


def _no_such_ai() -> Refused:
    return Refused(RefusalCode.NOT_FOUND, "there is no such AI")


@contextmanager
def _refusing() -> Iterator[None]:
    """Say to whoever asked what is wrong with a key's file."""
    try:
        yield
    except UnsafeKey as unsafe:
        raise Refused(RefusalCode.CONFLICT, str(unsafe)) from None
