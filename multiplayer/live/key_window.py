"""The recent idempotency keys of one room: a retry shortly after is answered without asking the database."""

from collections import OrderedDict

from multiplayer.protocol.ids import AccountId
from multiplayer.storage.port import KeyUse

KEPT = 2_000


class KeyWindow:
    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._uses: OrderedDict[tuple[AccountId, str], KeyUse] = OrderedDict()

    def find(self, actor_id: AccountId, key: str) -> KeyUse | None:
        return self._uses.get((actor_id, key))

    def add(self, actor_id: AccountId, key: str, use: KeyUse) -> None:
        self._uses[actor_id, key] = use
        if len(self._uses) > self._kept:
            self._uses.popitem(last=False)
