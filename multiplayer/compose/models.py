"""The brains of this server's AI accounts: builds what the profiles mean, shares it, and lets go what none needs."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.ai.budget import Tariff
from multiplayer.ai.plain_results import PlainResults
from multiplayer.ai.tokens import TokenCounters
from multiplayer.compose.endpoints import CannotBuild, ChatPlan, DemoPlan, NlwebPlan, Plan, Planner
from multiplayer.live.ai_keys import KeyFiles, UnsafeKey
from multiplayer.live.clock import Clock
from multiplayer.live.profiles import BrainStatus
from multiplayer.models.catalogue import Price
from multiplayer.models.failover import Failover
from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_dialects import DialectMemory
from multiplayer.models.openai_compatible import OpenAICompatible
from multiplayer.models.port import ChatModel, ChatRequest, Chunk, Finished, ModelRejected, Usage
from multiplayer.models.pricing import cost_of, list_prices
from multiplayer.models.retry import Retrying
from multiplayer.models.scripted import DemoModel
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile, NlwebMode
from multiplayer.settings import Settings
from multiplayer.storage.profile_port import ProfileStore, StoredProfile

OUTPUT_TOKENS: Final = 4_096
"""What one call may write where neither the profile nor the catalogue says."""
MOST_OUTPUT_TOKENS: Final = 16_384
"""However much a model could write: so much is reserved of a budget before each call."""
LOOK_S: Final = 15.0
SPARE_S: Final = 60.0
"""A turn may end a little later than its time."""


@dataclass(frozen=True)
class Patience:
    """How long a chain waits for one of its models, and the longest that a turn can hold one."""

    first_token_s: float = 30.0
    progress_s: float = 20.0
    turn_s: float = 300.0


@dataclass
class _Held:
    """A model with its connections, shared by every profile that means the same. `close` ends them."""

    model: ChatModel
    close: Callable[[], Awaitable[None]] | None = None
    retired_at_s: float | None = None


@dataclass
class _Entry:
    """A profile with what is to be built of it; its brain is made when it is first asked for."""

    stored: StoredProfile
    plan: Plan | None
    problem: str = ""
    composer: "_Entry | None" = None
    """Whose model writes the answer from what a site has found."""
    brain: Brain | None = None

    @property
    def profile(self) -> AiProfile:
        return self.stored.profile

    @property
    def identity(self) -> tuple[object, ...] | None:
        if self.plan is None:
            return None
        return (*self.plan.identity, *((self.composer.identity,) if self.composer else ()))


class ProfiledBrains:
    """`ai.brain.Brains` and `live.profiles.ProfileModels`. Profiles that mean the same model share it and its circuit.

    A model that no profile means any more is closed when no turn can hold it any longer: `keep_closing` sees to that.
    """

    def __init__(
        self, storage: ProfileStore, keys: KeyFiles, settings: Settings, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._planner = Planner(settings)
        self._clock = clock
        self._patience = patience or Patience()
        self._counters = TokenCounters()
        self._prices = list_prices()
        self._dialects = DialectMemory()
        self._entries: Mapping[AccountId, _Entry] = {}
        self._held: dict[tuple[object, ...], _Held] = {}
        self._refreshing = asyncio.Lock()

    def __len__(self) -> int:
        """How many models are open, those that are about to be closed too."""
        return len(self._held)

    async def refresh(self) -> None:
        """See `ProfileModels.refresh`."""
        async with self._refreshing:
            rows = await self._storage.profiles()
            entries = await asyncio.to_thread(lambda: [self._entry(row) for row in rows])
            by_handle = {entry.profile.handle: entry for entry in entries}
            for entry in entries:
                self._find_composer(entry, by_handle)
            self._entries = {entry.stored.account_id: entry for entry in entries}
            self._retire()

    def of(self, ai_id: AccountId) -> Brain:
        """See `Brains.of`."""
        entry = self._entries.get(ai_id)
        if entry is None:
            raise NoBrain("this AI has no profile; an operator of the server can give it one")
        if entry.stored.is_disabled:
            raise NoBrain(f"{entry.profile.name} is disabled on this server")
        if entry.brain is None:
            entry.brain = self._brain(entry)
        return entry.brain

    def status(self, ai_id: AccountId) -> BrainStatus:
        """See `ProfileModels.status`."""
        entry = self._entries.get(ai_id)
        if entry is None:
            return BrainStatus(problem="it is not known here yet")
        stand_ins = self._fallbacks(entry)
        answering = entry if entry.plan is not None else next(iter(stand_ins), None)
        return BrainStatus(
            answers_with=answering.plan.shown if answering is not None and answering.plan is not None else "",
            problem=entry.problem,
            has_key=entry.plan is not None and bool(entry.plan.key),
            is_demo=answering is not None and isinstance(answering.plan, DemoPlan),
        )

    def check(self, profile: AiProfile) -> None:
        """See `ProfileModels.check`."""
        self._planner.check(profile)

    def check_environment(self) -> None:
        """Raises `BadSettings` when the model that the environment names cannot be."""
        self._planner.check_environment()

    async def keep_closing(self) -> None:
        """For ever: close what was retired long enough ago."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.close_retired()

    async def close_retired(self) -> None:
        """Close the models that no profile means any more and no turn can still hold."""
        before_s = self._clock.monotonic_s() - self._patience.turn_s - SPARE_S
        for identity, held in tuple(self._held.items()):
            if held.retired_at_s is not None and held.retired_at_s <= before_s:
                del self._held[identity]
                if held.close is not None:
                    await held.close()

    async def aclose(self) -> None:
        """Close everything."""
        held = tuple(self._held.values())
        self._held.clear()
        for one in held:
            if one.close is not None:
                await one.close()

    def _entry(self, stored: StoredProfile) -> _Entry:
        try:
            return _Entry(stored, self._planner.plan(stored.profile, self._keys.read(stored.profile.handle)))
        except (CannotBuild, UnsafeKey) as problem:
            return _Entry(stored, None, str(problem))

    def _find_composer(self, entry: _Entry, by_handle: Mapping[str, _Entry]) -> None:
        if not isinstance(entry.plan, NlwebPlan) or entry.plan.options.mode is not NlwebMode.GENERATE:
            return
        first = by_handle.get(entry.profile.fallbacks[0]) if entry.profile.fallbacks else None
        can_write = first is not None and first.plan is not None and not first.stored.is_disabled
        if first is not None and can_write and not isinstance(first.plan, NlwebPlan):
            entry.composer = first
            return
        entry.plan = None
        entry.problem = "in mode generate its first fallback writes the answers, and there is none that can"

    def _fallbacks(self, entry: _Entry) -> Sequence[_Entry]:
        """Return those who stand in for it, and can, in order; not the one that writes its answers."""
        by_handle = {other.profile.handle: other for other in self._entries.values()}
        named = [by_handle[handle] for handle in entry.profile.fallbacks if handle in by_handle]
        return [
            other
            for other in named
            if other.plan is not None and not other.stored.is_disabled and other is not entry.composer
        ]

    def _brain(self, entry: _Entry) -> Brain:
        stand_ins = self._fallbacks(entry)
        if entry.plan is None and not stand_ins:
            raise NoBrain(f"{entry.profile.name} cannot answer: {entry.problem}")
        models = [self._model(other) for other in stand_ins]
        if entry.plan is not None:
            models.insert(0, self._model(entry))
        else:
            sentence = f"{entry.profile.name} cannot answer: {entry.problem}"
            name = entry.profile.model or entry.profile.handle
            models.insert(0, _Unbuilt(name, models[0].context_tokens, sentence))
        patience = self._patience
        chain = Failover(
            models,
            first_token_s=patience.first_token_s,
            progress_s=patience.progress_s,
            clock=self._clock.monotonic_s,
        )
        model = chain if len(models) > 1 else models[0]
        who = entry if entry.plan is not None else stand_ins[0]
        limit = who.plan.endpoint.max_output_tokens if isinstance(who.plan, ChatPlan) else None
        return Brain(
            profile=entry.profile,
            model=model,
            counter=self._counters.counter_for(
                *(name for other in (who, *stand_ins) for name in self._read_by_tokens(other))
            ),
            # Of two models of one name the first counts: it is asked first.
            tariffs={
                tariff.model: tariff
                for other in reversed([*([entry] if entry.plan is not None else []), *stand_ins])
                for tariff in self._tariffs(other)
            },
            max_output_tokens=entry.profile.max_output_tokens or min(limit or OUTPUT_TOKENS, MOST_OUTPUT_TOKENS),
            takes_tools=not isinstance(who.plan, NlwebPlan),
            counts_tokens=any(_counts_tokens(other) for other in (who, *stand_ins)),
        )

    def _read_by_tokens(self, entry: _Entry) -> Sequence[str]:
        """Return the names of the models of this entry that are paid by tokens, the one that writes its answers too."""
        own = [self._model(entry).model_name] if isinstance(entry.plan, ChatPlan) else []
        return (*own, *(self._read_by_tokens(entry.composer) if entry.composer is not None else ()))

    def _tariffs(self, entry: _Entry) -> Sequence[Tariff]:
        """Return what its model costs, and the one that writes its answers under that one's own name too."""
        name = self._model(entry).model_name
        composers = self._tariffs(entry.composer) if entry.composer is not None else ()
        given = entry.profile.price
        if given is not None:
            price = Price(tokens_in=given.tokens_in, tokens_cached=given.tokens_cached, tokens_out=given.tokens_out)
            version = f"profile-{entry.profile.handle}-{entry.stored.version}"
            return (*composers, Tariff(name, partial(cost_of, price=price), version))
        if composers:
            return (*composers, replace(composers[-1], model=name))
        if isinstance(entry.plan, NlwebPlan):
            # The site pays for its own answers.
            return (Tariff(name, _nothing, "nlweb"),)
        return (Tariff(name, partial(self._prices.cost, model_name=name), self._prices.version),)

    def _model(self, entry: _Entry) -> ChatModel:
        """Return its own model, open; make it if no profile has asked for it yet."""
        assert entry.plan is not None, "it can be built"
        identity = entry.identity
        assert identity is not None, "it has a plan"
        held = self._held.get(identity)
        if held is None:
            composer = self._model(entry.composer) if entry.composer is not None else None
            held = self._held[identity] = self._open(entry.plan, composer)
        held.retired_at_s = None
        if isinstance(entry.plan, ChatPlan) and held.model.context_tokens != entry.plan.endpoint.context_tokens:
            return _Sized(held.model, entry.plan.endpoint.context_tokens)
        return held.model

    def _open(self, plan: Plan, composer: ChatModel | None) -> _Held:
        clock = self._clock
        match plan:
            case DemoPlan():
                return _Held(PlainResults(DemoModel()))
            case ChatPlan():
                chat = OpenAICompatible(plan.endpoint, plan.key, now=clock.now, make_id=clock.new_id)
                asked = Retrying(
                    chat,
                    asyncio.sleep,
                    clock.monotonic_s,
                    random.random,
                    first_token_s=self._patience.first_token_s,
                    progress_s=self._patience.progress_s,
                )
                return _Held(asked, chat.aclose)
            case NlwebPlan():
                site = NLWeb(
                    plan.base_url,
                    plan.options,
                    key=plan.key or None,
                    composer=composer,
                    allows_plain_http=plan.allows_plain_http,
                    dialects=self._dialects,
                    clock=clock.monotonic_s,
                    now=clock.now,
                    again=lambda one: Retrying(one, asyncio.sleep, clock.monotonic_s, random.random),
                )
                return _Held(site, site.aclose)
            case _:
                assert_never(plan)

    def _retire(self) -> None:
        needed = {entry.identity for entry in self._entries.values() if not entry.stored.is_disabled}
        needed |= {entry.composer.identity for entry in self._entries.values() if entry.composer is not None}
        for identity, held in self._held.items():
            if identity in needed:
                held.retired_at_s = None
            elif held.retired_at_s is None:
                held.retired_at_s = self._clock.monotonic_s()


class _Sized:
    """A shared model under a context of the profile's own."""

    def __init__(self, model: ChatModel, context_tokens: int) -> None:
        self._model = model
        self._context_tokens = context_tokens

    @property
    def model_name(self) -> str:
        return self._model.model_name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        return self._model.stream(request)


class _Unbuilt:
    """Stands at the head of a chain whose own model cannot be made, so that the room hears why another answers."""

    def __init__(self, model_name: str, context_tokens: int, sentence: str) -> None:
        self._model_name = model_name
        self._context_tokens = context_tokens
        self._sentence = sentence

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def stream(self, _: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Raises `ModelRejected`."""
        for sentence in (self._sentence,):
            raise ModelRejected(sentence)
        yield Finished("stop")


def _counts_tokens(entry: _Entry) -> bool:
    return not isinstance(entry.plan, NlwebPlan) or entry.composer is not None


def _nothing(_: Usage) -> int:
    return 0
