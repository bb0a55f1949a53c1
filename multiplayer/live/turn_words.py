"""The words and cards of one turn: nobody reads the first of them before a trace of them is stored."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from multiplayer.live.room_memory import RoomMemory
from multiplayer.protocol.cards import MAX_CARDS, Card
from multiplayer.protocol.ids import TurnId
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

KEEP_S: Final = 0.9
"""How often the words are checkpointed once they are shown: a crash loses less than a second of them."""
TRY_AGAIN_S: Final = 0.25

Said = tuple[str, tuple[Card, ...]]


class TurnWords:
    """Of one holder. Whoever takes a turn over that has words in store does not ask its model again; so these are held
    until some are in store, and shown together with what came meanwhile. `text`, `cards`: what an earlier holder left.

    `may_show` is asked once more before the first are shown: a stop may have come.
    """

    def __init__(
        self,
        storage: Storage,
        memory: RoomMemory,
        turn_id: TurnId,
        fence: int,
        may_show: Callable[[], Awaitable[bool]],
        text: str = "",
        cards: Sequence[Card] = (),
    ) -> None:
        self._storage = storage
        self._memory = memory
        self._turn_id = turn_id
        self._fence = fence
        self._may_show = may_show
        self._pieces: list[str] = [text] if text else []
        self._cards: tuple[Card, ...] = tuple(cards)
        self._held: list[str | tuple[Card, ...]] = []
        self._has_come = asyncio.Event()
        self._is_open = False

    @property
    def shown(self) -> Said:
        """What people have read."""
        return "".join(self._pieces), self._cards

    @property
    def said(self) -> Said:
        """All of it, shown or held."""
        text, cards = self.shown
        for piece in self._held:
            if isinstance(piece, str):
                text += piece
            else:
                cards += piece
        return text, cards

    def restore(self) -> None:
        """Show what an earlier holder left, which people have read already."""
        self._memory.restore_text(self._turn_id, *self.shown)

    def write(self, text: str) -> None:
        self._take(text)

    def write_cards(self, cards: Sequence[Card]) -> None:
        """Add cards, as many as an answer may have."""
        fresh = tuple(cards[: MAX_CARDS - len(self.said[1])])
        if fresh:
            self._take(fresh)

    def forget_held(self) -> None:
        """Drop what nobody has read: whoever stops a turn keeps what was shown."""
        self._held.clear()

    async def keep(self) -> None:
        """Store the first words and show them, then store what has come since, again and again.

        Returns when the turn is not ours any more; until something is stored, nothing is shown.
        """
        await self._has_come.wait()
        stored: Said = "", ()
        while not self._is_open:
            said = self.said
            match await self._store(said):
                case True if await self._may_show():
                    stored = said
                    self._open()
                case False:
                    return
                case _:
                    await asyncio.sleep(TRY_AGAIN_S)
        while True:
            await asyncio.sleep(KEEP_S)
            shown = self.shown
            if shown != stored:
                match await self._store(shown):
                    case True:
                        stored = shown
                    case False:
                        return
                    case None:
                        pass  # the next round tries again

    async def _store(self, said: Said) -> bool | None:
        """Checkpoint it; False: the turn is not ours any more, None: nobody knows."""
        text, cards = said
        try:
            return await self._storage.checkpoint(self._turn_id, fence=self._fence, text=text, cards=cards)
        except (StorageUnavailable, OutcomeUnknown):
            return None

    def _open(self) -> None:
        self._is_open = True
        held, self._held = self._held, []
        for piece in held:
            self._show(piece)

    def _take(self, piece: str | tuple[Card, ...]) -> None:
        if self._is_open:
            self._show(piece)
        else:
            self._held.append(piece)
            self._has_come.set()

    def _show(self, piece: str | tuple[Card, ...]) -> None:
        if isinstance(piece, str):
            self._pieces.append(piece)
            self._memory.write(self._turn_id, piece)
        else:
            self._cards = (*self._cards, *piece)
            self._memory.write_cards(self._turn_id, piece)
