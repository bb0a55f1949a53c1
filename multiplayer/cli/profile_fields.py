"""Turns the fields given on a command line into an AI profile, or into a sentence on what is wrong with them."""

from pydantic import ValidationError

from multiplayer.cli.ai_options import Fields
from multiplayer.cli.failures import Failure
from multiplayer.protocol.codec import explain
from multiplayer.protocol.profiles import AiProfile

_OPTIONS = {"base_url": "--url"}


def profile_of(fields: Fields) -> AiProfile:
    """Raises `Failure`."""
    try:
        return AiProfile.model_validate(fields)
    except ValidationError as error:
        said = explain(error)
        hint = next((f"{field} is {option} here" for field, option in _OPTIONS.items() if field in said), "")
        raise Failure(said, hint=hint or "multiplayer ai add --help shows the options") from None


def changed(before: AiProfile, changes: Fields, nlweb: Fields, reset: list[str]) -> AiProfile:
    """Return the profile with what was given in the place of what was; `reset` names fields to take back first."""
    for field in reset:
        if field not in AiProfile.model_fields or field in {"handle", "name"}:
            raise Failure(f"a profile has no field {field!r} that has a default")
    kept: Fields = {name: value for name, value in _fields(before).items() if name not in reset}
    return profile_of(with_nlweb({**kept, **changes}, nlweb))


def with_nlweb(fields: Fields, nlweb: Fields) -> Fields:
    """Return the fields with these NLWeb options put into what is there of them."""
    if not nlweb:
        return fields
    there = fields.get("nlweb")
    return {**fields, "nlweb": {**(there if isinstance(there, dict) else {}), **nlweb}}


def _fields(profile: AiProfile) -> Fields:
    return dict(profile.model_dump(mode="json", exclude_defaults=True))
