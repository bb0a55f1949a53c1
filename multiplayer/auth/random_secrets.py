"""Random secrets: how they are made, what they look like, and the digest that is stored in their place."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum


class SecretKind(StrEnum):
    """The prefix of a secret, so that people and leak scanners can tell what they have found."""

    ACCESS_TOKEN = "mp_"  # noqa: S105 - a prefix, not a secret
    SIGN_IN = "ms_"
    LOGIN_LINK = "ml_"
    INVITE = "mi_"
    TICKET = "mt_"
    HOOK = "mh_"


@dataclass(frozen=True, slots=True)
class RandomSecret:
    """A fresh secret. `text` is handed to its owner once; only `sha256` is kept. Neither shows in a repr."""

    text: str = field(repr=False)
    sha256: bytes = field(repr=False)


def mint(kind: SecretKind) -> RandomSecret:
    """Return a new secret with 256 bits from the operating system."""
    text = kind + secrets.token_urlsafe(32)
    return RandomSecret(text, _sha256(text))


def digest_of(text: str, kind: SecretKind) -> bytes | None:
    """Return the digest to look `text` up by, or None when it cannot be a secret of this kind.

    Costs the same for every text of the right shape, and no look-up at all for any other. A fast hash will do: the
    secret is as long as the digest, so there is nothing to guess.
    """
    shape = re.compile(re.escape(kind) + r"[A-Za-z0-9_-]{43}")
    return _sha256(text) if shape.fullmatch(text) else None


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
