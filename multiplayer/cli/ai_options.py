"""The options that describe an AI profile on the command line, and the fields they become."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import wraps
from typing import Annotated, TypeAlias, cast

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


@dataclass(frozen=True)
class Description:
    """What was given of a profile: fields of its own, and of its NLWeb options."""

    fields: Fields
    nlweb: Fields


def _description(  # the one declaration of these options; `describes` gives them to commands
    *,
    provider: ProviderOption = None,
    name: Name = None,
    model: Model = None,
    url: Url = None,
    persona: Persona = None,
    tool: Tools = None,
    no_tools: NoTools = False,
    fallback: Fallbacks = None,
    price: PriceOption = None,
    context_tokens: Context = None,
    max_output_tokens: Output = None,
    allow_http: AllowHttp = None,
    site: Site = None,
    dialect: Dialect = None,
    mode: Mode = None,
    max_results: Results = None,
    previous_messages: Previous = None,
) -> Description:
    return Description(
        fields=given(
            provider=provider,
            name=name,
            model=model,
            base_url=url,
            persona=persona,
            tools=read_tools(tool, is_none=no_tools),
            fallbacks=fallback,
            price=read_price(price),
            context_tokens=context_tokens,
            max_output_tokens=max_output_tokens,
            allows_plain_http=allow_http,
        ),
        nlweb=given(
            site=site, dialect=dialect, mode=mode, max_results=max_results, previous_messages=previous_messages
        ),
    )


def describes(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options that describe a profile, after its own; it takes them as `described`."""
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "described"]
    options = inspect.signature(_description).parameters

    @wraps(command)
    def run(**arguments: object) -> None:
        about = {name: arguments.pop(name) for name in options}
        command(**arguments, described=cast("Callable[..., Description]", _description)(**about))

    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *options.values())]
    # What typer makes the command line of.
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


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
