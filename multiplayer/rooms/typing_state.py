"""Who is typing, on a given clock: a note that ends by itself when it is not renewed."""

from multiplayer.protocol.ids import AccountId

TYPING_S = 6.0


class TypingState:
    def __init__(self) -> None:
        self._until_s: dict[AccountId, float] = {}

    def set(self, account_id: AccountId, *, is_typing: bool, now_s: float) -> bool:
        """Note it and return whether that is news for the others."""
        was_typing = account_id in self._until_s
        if is_typing:
            self._until_s[account_id] = now_s + TYPING_S
        else:
            self._until_s.pop(account_id, None)
        return was_typing != is_typing

    def expired(self, now_s: float) -> list[AccountId]:
        """Forget and return those whose note has ended."""
        ended = [account_id for account_id, until_s in self._until_s.items() if until_s <= now_s]
        for account_id in ended:
            del self._until_s[account_id]
        return ended

    @property
    def is_quiet(self) -> bool:
        return not self._until_s
