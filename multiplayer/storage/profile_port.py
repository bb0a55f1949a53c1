"""What every storage promises of AI profiles: what each AI account is made of, and a counter that says one changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account
from multiplayer.protocol.profiles import AiProfile
from multiplayer.storage.audit_port import AuditEntry


@dataclass(frozen=True)
class StoredProfile:
    """A profile as it is kept. `version` counts its writes from 1; `is_disabled` is its account's."""

    account_id: AccountId
    profile: AiProfile
    version: int
    is_from_file: bool
    is_disabled: bool
    updated_at: datetime


class ProfileStore(Protocol):
    """Profiles of the AI accounts. An account stays when its profile is removed: what it said is still its own.

    Each write moves the profiles' version and writes `audit` (to the server's chain) in its transaction; `audit.at` is
    the time of the write.
    """

    async def create_ai(self, account: Account, profile: AiProfile, *, is_from_file: bool, audit: AuditEntry) -> None:
        """Make an AI account with its profile, both or neither. Raises `HandleTaken`."""
        ...

    async def put_profile(
        self, account_id: AccountId, profile: AiProfile, *, expected: int, is_from_file: bool, audit: AuditEntry
    ) -> int | None:
        """Write it where the stored version is `expected` (0: there is none yet), and its name to the account.

        Return the new version; None, and nothing is written, if another version is stored or it is no AI account.
        """
        ...

    async def profile(self, account_id: AccountId) -> StoredProfile | None: ...

    async def profiles(self) -> Sequence[StoredProfile]:
        """Return all, by handle, the disabled ones too."""
        ...

    async def disable_ai(self, account_id: AccountId, *, disabled: bool, audit: AuditEntry) -> bool:
        """Disable an account that has a profile, or enable it again; True when this call did it.

        It moves the access version too, as it does for any account.
        """
        ...

    async def remove_profile(self, account_id: AccountId, *, audit: AuditEntry) -> bool:
        """Take away an AI's profile and disable its account; True when this call did it.

        It moves the access version too. `put_profile` gives the account a profile again.
        """
        ...

    async def tell_key_changed(self, audit: AuditEntry) -> None:
        """Move the profiles' version for what is kept elsewhere."""
        ...

    async def profiles_version(self) -> int: ...
