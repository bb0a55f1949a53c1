"""What a handle may look like, and which ones nobody may take."""

import re
import unicodedata

from multiplayer.protocol.errors import RefusalCode, Refused

OPERATOR_HANDLE = "host"
RESERVED_HANDLES = frozenset({"ai", "owner", "admin", "member", "guest", "all", "here"})
MAX_HANDLE = 32
_SHAPE = re.compile(r"[a-z0-9][a-z0-9_.-]{1,31}")


def check_handle(text: str, *, for_operator: bool = False) -> str:
    """Return the handle case-folded, or refuse it. Whether it is still free only the store can say.

    `host` is for the operator account that the first start makes, and for nobody else.
    """
    handle = text.casefold()
    if len(handle) > MAX_HANDLE:
        raise Refused(RefusalCode.TOO_LONG, f"A handle may have at most {MAX_HANDLE} characters.")
    if _SHAPE.fullmatch(handle) is None:
        raise Refused(
            RefusalCode.MALFORMED,
            "A handle has 2 to 32 letters a to z, digits, dots, dashes or underscores, and starts with a letter or digit.",
        )
    if handle in RESERVED_HANDLES or (handle == OPERATOR_HANDLE and not for_operator):
        raise Refused(RefusalCode.CONFLICT, f"The handle {handle} is reserved.")
    return handle


def derive_handle(*suggestions: str | None) -> str:
    """Return a valid, unreserved handle from the first suggestion that has letters to work with, else `user`.

    For people who come from another sign-in service and are asked nothing. An address gives the part before its `@`.
    """
    for suggestion in suggestions:
        plain = unicodedata.normalize("NFKD", (suggestion or "")[:320].split("@")[0]).casefold()
        plain = plain.encode("ascii", "ignore").decode("ascii")
        words = re.sub(r"[^a-z0-9_.-]+", "-", plain).strip("_.-")[:MAX_HANDLE].rstrip("_.-")
        if len(words) < 2:
            continue
        if words in RESERVED_HANDLES or words == OPERATOR_HANDLE:
            return f"{words}-user"
        return words
    return "user"
