"""The operator's file of AI profiles: TOML with one `[[ai]]` table for each."""

import tomllib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from multiplayer.protocol.profiles import AiProfile

MAX_BYTES: Final = 1_000_000


class BadProfileFile(Exception):  # noqa: N818 - a sentence for whoever starts the server
    """The file of profiles cannot be used; the sentence names the file, the table and the field."""


def read_profile_file(path: Path) -> tuple[AiProfile, ...]:
    """Read all profiles, in their order. Raises `BadProfileFile`, which repeats no value: one may be a key by mistake."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BadProfileFile(f"{path} is too long for a file of AI profiles")
        parsed = tomllib.loads(content.decode())
    except OSError as error:
        raise BadProfileFile(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadProfileFile(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadProfileFile(f"{path} is not TOML: {error}") from None
    tables = parsed.pop("ai", [])
    if parsed:
        raise BadProfileFile(f"{path}: there is no {next(iter(parsed))!r} here, only tables [[ai]]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadProfileFile(f"{path}: AI profiles are written as tables [[ai]]")
    profiles: list[AiProfile] = []
    for number, table in enumerate(tables, 1):
        profile = _profile(path, number, table)
        if any(profile.handle == other.handle for other in profiles):
            raise BadProfileFile(f"{place(path, number, profile.handle)}: handle: it stands twice in this file")
        profiles.append(profile)
    return tuple(profiles)


def place(path: Path, number: int, handle: object) -> str:
    """Say where in the file it is: `ai.toml, [[ai]] 2 (helper)`."""
    named = f" ({handle[:40]!r})" if isinstance(handle, str) else ""
    return f"{path}, [[ai]] table {number}{named}"


def _profile(path: Path, number: int, table: dict[str, object]) -> AiProfile:
    try:
        return AiProfile.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        said = "there is no such field" if first["type"] == "extra_forbidden" else first["msg"]
        where = (
            f"{place(path, number, table.get('handle'))}: {field}" if field else place(path, number, table["handle"])
        )
        raise BadProfileFile(f"{where}: {said.removeprefix('Value error, ')}") from None
