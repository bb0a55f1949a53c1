"""The money of one turn: each model call is reserved before it is made, and settled after."""

from collections.abc import Sequence
from contextlib import suppress

from multiplayer.ai.brain import Brain
from multiplayer.ai.budget import OverBudget, Reservation, Spender
from multiplayer.ai.steps import CallUsed
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.models.port import Usage
from multiplayer.protocol.budgets import CallKind
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.turns import TokenUsage
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable


class TurnMoney:
    """Who asked first pays. At most one call is open at a time."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._brain: Brain | None = None
        self._open: Reservation | None = None
        self._open_tokens_in = 0
        self._is_in_doubt = False
        """Something is being written to the ledger, or was when we were called off."""
        self._aside: TokenUsage | None = None
        """What was used for other things than the answer itself."""

    def open(self, brain: Brain) -> None:
        self._brain = brain

    async def reserve(
        self, tokens_in: int, kind: CallKind = CallKind.TURN, *, tokens_out_at_most: int | None = None
    ) -> None:
        """Raise `OverBudget` if the next call would break a cap, `StorageUnavailable` while the database is away.

        `tokens_out_at_most` is what the call's answer is limited to; None: what the AI's are.
        """
        assert self._brain is not None, "a model is asked with a brain"
        spender = self._spender(kind)
        tokens_out = self._brain.max_output_tokens if tokens_out_at_most is None else tokens_out_at_most
        if not self._brain.counts_tokens:
            tokens_in = tokens_out = 0
        self._is_in_doubt = True
        try:
            self._open = await self._seat.purse.reserve(
                spender,
                await self._seat.budgets_of(self._host),
                self._brain.dearest,
                tokens_in=tokens_in,
                tokens_out_at_most=tokens_out,
                context_tokens=self._brain.model.context_tokens,
            )
        except OutcomeUnknown as error:
            # Whether it is reserved nobody knows: the turn is left to be taken over.
            raise StorageUnavailable(str(error)) from error
        except OverBudget:
            self._is_in_doubt = False
            raise
        self._is_in_doubt = False
        self._open_tokens_in = tokens_in

    async def settle(self, used: CallUsed) -> None:
        """Replace the open reservation by what the call has used; one that another follows is written beside it."""
        if self._open is None or self._brain is None:
            return
        tariff = self._brain.tariff_of(used.model)
        usage = used.usage if self._brain.counts_tokens else Usage(0, 0, 0)
        self._is_in_doubt = True
        if used.is_last:
            charge, self._open = self._open, None
            await charge.settle(usage, is_estimated=used.is_estimated, answered_by=tariff)
        else:
            spender = self._spender(self._open.charge.kind)
            try:
                await self._seat.purse.book(spender, tariff, usage, is_estimated=used.is_estimated)
            except OutcomeUnknown as error:
                raise StorageUnavailable(str(error)) from error
        self._is_in_doubt = False

    async def settle_aside(self, calls: Sequence[CallUsed]) -> None:
        """Settle a call that was not for the answer itself: its tokens are added at the end.

        `calls` are those of all the models that were asked in it. None: it was not made.
        """
        for used in calls:
            await self.settle(used)
            self._aside = _sum(self._aside, used.usage, used.model, is_estimated=used.is_estimated)
        await self.release()

    async def release(self) -> None:
        """The call was not made. Nothing happens if it is settled."""
        if self._open is not None:
            charge, self._open, self._is_in_doubt = self._open, None, True
            await charge.release()
            self._is_in_doubt = False

    async def settle_cut(self, usage: TokenUsage | None, text: str) -> TokenUsage | None:
        """Settle a call that was cut short, by our own count of the `text` it had written; return the turn's usage.

        Nothing happens when there is none, so it may be called again.
        """
        if self._open is not None and self._brain is not None:
            words = self._brain.counter.count(text) if text and self._brain.counts_tokens else 0
            cut = Usage(self._open_tokens_in, 0, words)
            model = self._brain.model.model_name
            tariff = self._brain.tariff_of(model)
            was_in_doubt, self._is_in_doubt = self._is_in_doubt, True
            await self._open.settle(cut, is_estimated=True, answered_by=tariff)
            self._open, self._is_in_doubt = None, was_in_doubt
            usage = _sum(usage, cut, model, is_estimated=True)
        if self._is_in_doubt:
            # We were called off while the ledger was written to: what may stand open there is closed.
            with suppress(StorageUnavailable, OutcomeUnknown):
                await self._seat.purse.settle_left(self._turn_id)
                self._is_in_doubt = False
        return usage

    def total(self, usage: TokenUsage | None) -> TokenUsage | None:
        """Return what the turn used in all. What that cost only the ledger says: not everybody in a room may know."""
        aside = self._aside
        if usage is None:
            usage = aside
        elif aside is not None:
            together = Usage(aside.tokens_in, aside.tokens_cached, aside.tokens_out)
            usage = _sum(usage, together, usage.model, is_estimated=aside.is_estimated, calls=aside.calls)
        if usage is None:
            return None
        if self._brain is not None and not self._brain.counts_tokens:
            return usage.model_copy(update={"tokens_in": 0, "tokens_out": 0, "is_estimated": False})
        return usage

    async def settle_left(self) -> None:
        """Settle what an earlier holder of this turn left open."""
        await self._seat.purse.settle_left(self._turn_id)

    def _spender(self, kind: CallKind) -> Spender:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return Spender(
            room_id=self._host.room_id,
            asker_id=turn.askers[0] if turn.askers else None,
            ai_id=turn.ai_id,
            turn_id=self._turn_id,
            kind=kind,
        )


def _sum(before: TokenUsage | None, more: Usage, model: str, *, is_estimated: bool, calls: int = 1) -> TokenUsage:
    if before is None:
        return TokenUsage(
            model=model,
            tokens_in=more.tokens_in,
            tokens_cached=more.tokens_cached,
            tokens_out=more.tokens_out,
            is_estimated=is_estimated,
            calls=calls,
        )
    return before.model_copy(
        update={
            "tokens_in": before.tokens_in + more.tokens_in,
            "tokens_cached": before.tokens_cached + more.tokens_cached,
            "tokens_out": before.tokens_out + more.tokens_out,
            "calls": before.calls + calls,
            "is_estimated": before.is_estimated or is_estimated,
        }
    )
