"""The money of one turn: each model call is reserved before it is made, and settled after."""

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
        self._cost_micros: int | None = 0
        self._price_version = ""
        self._spent_aside = Usage(0, 0, 0)

    def open(self, brain: Brain) -> None:
        self._brain = brain

    async def reserve(self, tokens_in: int, kind: CallKind = CallKind.TURN) -> None:
        """Raise `OverBudget` if the next call would break a cap, `StorageUnavailable` while the database is away."""
        assert self._brain is not None, "a model is asked with a brain"
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        spender = Spender(
            room_id=self._host.room_id,
            asker_id=turn.askers[0] if turn.askers else None,
            ai_id=turn.ai_id,
            turn_id=self._turn_id,
            kind=kind,
        )
        tokens_out = self._brain.max_output_tokens
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
        """Replace the open reservation by what the call has used."""
        if self._open is None or self._brain is None:
            return
        tariff = self._brain.tariff_of(used.model)
        charge, self._open, self._is_in_doubt = self._open, None, True
        usage = used.usage if self._brain.counts_tokens else Usage(0, 0, 0)
        cost = await charge.settle(usage, is_estimated=used.is_estimated, answered_by=tariff)
        self._is_in_doubt = False
        self._add(cost, tariff.price_version)

    async def settle_aside(self, used: CallUsed) -> None:
        """Settle a call that was not for the answer itself: its tokens are added at the end."""
        await self.settle(used)
        before = self._spent_aside
        self._spent_aside = Usage(
            before.tokens_in + used.usage.tokens_in,
            before.tokens_cached + used.usage.tokens_cached,
            before.tokens_out + used.usage.tokens_out,
        )

    async def release(self) -> None:
        """The call was not made, or told nothing of what it used."""
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
            model = usage.model if usage else self._brain.model.model_name
            tariff = self._brain.tariff_of(model)
            was_in_doubt, self._is_in_doubt = self._is_in_doubt, True
            cost = await self._open.settle(cut, is_estimated=True, answered_by=tariff)
            self._open, self._is_in_doubt = None, was_in_doubt
            self._add(cost, tariff.price_version)
            usage = _sum(usage, cut, model)
        if self._is_in_doubt:
            # We were called off while the ledger was written to: what may stand open there is closed.
            with suppress(StorageUnavailable, OutcomeUnknown):
                await self._seat.purse.settle_left(self._turn_id)
                self._is_in_doubt = False
        return usage

    def total(self, usage: TokenUsage | None) -> TokenUsage | None:
        """Return what the turn used and what it cost in all."""
        if usage is None:
            return None
        if self._brain is not None and not self._brain.counts_tokens:
            usage = usage.model_copy(update={"tokens_in": 0, "tokens_out": 0, "is_estimated": False})
        return usage.model_copy(
            update={
                "tokens_in": usage.tokens_in + self._spent_aside.tokens_in,
                "tokens_cached": usage.tokens_cached + self._spent_aside.tokens_cached,
                "tokens_out": usage.tokens_out + self._spent_aside.tokens_out,
                "cost_micros": self._cost_micros,
                "price_version": self._price_version or None,
            }
        )

    async def settle_left(self) -> None:
        """Settle what an earlier holder of this turn left open."""
        await self._seat.purse.settle_left(self._turn_id)

    def _add(self, cost_micros: int | None, price_version: str) -> None:
        known = self._cost_micros
        self._cost_micros = None if cost_micros is None or known is None else known + cost_micros
        self._price_version = price_version


def _sum(usage: TokenUsage | None, cut: Usage, model: str) -> TokenUsage:
    if usage is None:
        return TokenUsage(
            model=model, tokens_in=cut.tokens_in, tokens_cached=0, tokens_out=cut.tokens_out, is_estimated=True
        )
    return usage.model_copy(
        update={
            "tokens_in": usage.tokens_in + cut.tokens_in,
            "tokens_out": usage.tokens_out + cut.tokens_out,
            "calls": usage.calls + 1,
            "is_estimated": True,
        }
    )
