"""The options that describe an AI profile on the command line, and the fields they become."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

Fields: TypeAlias = dict[str, object]


class ProviderName(StrEnum):
    AUTO = "auto"
    DEEPSEEK = "deepseek"
    OPENAI_COMPATIBLE = "openai_compatible"
    NLWEB = "nlweb"
    DEMO = "demo"


class DialectName(StrEnum):
    AUTO = "auto"
    A_0_1 = "0.1"
    B_0_5 = "0.5"
    C_0_54 = "0.54"


class ModeName(StrEnum):
    LIST = "list"
    SUMMARIZE = "summarize"
    GENERATE = "generate"


ProviderOption = Annotated[ProviderName | None, typer.Option("--provider", help="What answers. auto: as set for all.")]
Name = Annotated[str | None, typer.Option("--name", help="The name to show.")]
Model = Annotated[str | None, typer.Option("--model", help="The model's name at its provider.")]
Url = Annotated[
    str | None,
    typer.Option("--url", help="openai_compatible: up to and with /v1; nlweb: the site's address, without /ask."),
]
Persona = Annotated[str | None, typer.Option("--persona", help="How it is to be, in words for the model.")]
Tools = Annotated[list[str] | None, typer.Option("--tool", help="A tool it may use; again for more. Default: all.")]
NoTools = Annotated[bool, typer.Option("--no-tools", help="It may use no tool.")]
Fallbacks = Annotated[
    list[str] | None,
    typer.Option("--fallback", metavar="HANDLE", help="Whose model answers when its own cannot; again for more."),
]
PriceOption = Annotated[
    str | None,
    typer.Option("--price", metavar="IN,CACHED,OUT", help="Per million tokens, like 0.30,0.006,1.20."),
]
Context = Annotated[int | None, typer.Option("--context-tokens", help="How many tokens the model holds.")]
Output = Annotated[int | None, typer.Option("--max-output-tokens", help="How many one answer may have.")]
AllowHttp = Annotated[
    bool | None,
    typer.Option("--allow-http/--no-allow-http", help="Let the key cross the network in the clear."),
]
Site = Annotated[str | None, typer.Option("--site", help="nlweb: which of its sites to ask.")]
Dialect = Annotated[DialectName | None, typer.Option("--dialect", help="nlweb: the protocol's version.")]
Mode = Annotated[ModeName | None, typer.Option("--mode", help="nlweb: results, a summary of them, or an answer.")]
Results = Annotated[int | None, typer.Option("--max-results", help="nlweb: how many results at most.")]
Previous = Annotated[int | None, typer.Option("--previous-messages", help="nlweb: how many earlier ones go along.")]
Reset = Annotated[
    list[str] | None,
    typer.Option("--reset", metavar="FIELD", help="Take a field back to its default, like price; again for more."),
]


def given(**fields: object) -> Fields:
    """Return the options that were given, enums as their words."""
    return {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in fields.items()
        if value is not None
    }


def read_tools(names: list[str] | None, *, is_none: bool) -> list[str] | None:
    if names and is_none:
        raise typer.BadParameter("either some tools, with --tool, or --no-tools")
    return [] if is_none else names or None


def read_price(text: str | None) -> Fields | None:
    """Read prices per million tokens, in whole units of the currency, into millionths."""
    if text is None:
        return None
    try:
        micros = [Decimal(part.strip()) * 1_000_000 for part in text.split(",")]
    except InvalidOperation:
        micros = []
    if len(micros) != 3 or not all(price.is_finite() and price == price.to_integral_value() for price in micros):
        raise typer.BadParameter("a price is written IN,CACHED,OUT per million tokens, like 0.30,0.006,1.20")
    return dict(zip(("tokens_in", "tokens_cached", "tokens_out"), map(int, micros), strict=True))
