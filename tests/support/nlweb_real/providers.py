"""Stub providers for the real NLWeb server: no model, no index, no network. Words in the question are its switches.

*nothing* finds nothing, *crash* breaks retrieval after the headers are out, *many* finds 300 things; with the site
`asks.example` the server asks back where people are. Delays come from the configuration.

The server calls its providers by these names and parameters; it does not ask for its own base classes.
"""

import asyncio
from collections.abc import Mapping, Sequence

from nlweb_core.retrieved_item import RetrievedItem  # type: ignore[import-untyped] # the package has no types


class Closing:
    async def close(self) -> None:
        """Nothing is open."""


class StubGeneration(Closing):
    def __init__(self, delay_s: str = "0") -> None:
        self._delay_s = float(delay_s)

    async def get_completion(self, *_: object, **__: object) -> Mapping[str, object]:
        """Answer every kind of prompt at once: each reads only its own fields."""
        await asyncio.sleep(self._delay_s)
        return {
            "summary": "Rice is boiled in water.",
            "question": "Where are you?",
            "requires_decontextualization": True,
            "decontextualized_query": "rice, as asked before",
        }

    async def get_completions(self, prompts: Sequence[str], *_: object, **__: object) -> list[Mapping[str, object]]:
        return [await self.get_completion() for _prompt in prompts]


class StubScoring(Closing):
    async def score_batch(self, _questions: Sequence[str], contexts: Sequence[object], **_: object) -> list[float]:
        """Every item fits; no question ever says what the server would need to know."""
        return [0.0 if getattr(context, "required_info", None) else 77.0 for context in contexts]


class StubRetrieval(Closing):
    def __init__(self, delay_s: str = "0") -> None:
        self._delay_s = float(delay_s)

    async def search(self, query: str, _site: str | Sequence[str], num_results: int, **_: object) -> list[object]:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if "crash" in query:
            raise RuntimeError("the index is gone")
        count = 0 if "nothing" in query else 300 if "many" in query else 3
        return [_item(number) for number in range(1, min(count, num_results) + 1)]


def _item(number: int) -> object:
    address = f"https://recipes.example/rice/{number}"
    recipe = {
        "@type": "Recipe",
        "@id": address,
        "url": address,
        "name": f"Rice {number}",
        "description": f"Boil it {number} times.",
        "cookTime": "PT20M",
    }
    return RetrievedItem(url=address, raw_schema_object=recipe, site="recipes.example")


class StubObjects(Closing):
    async def get_by_id(self, _object_id: str) -> None:
        """Hold no object: what retrieval found stands."""


class StubEmbedding(Closing):
    async def get_embedding(self, *_: object, **__: object) -> list[float]:
        return [0.0]
