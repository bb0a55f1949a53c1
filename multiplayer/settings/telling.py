"""Settings as people are told them: each with its value, source and meaning, an example file, and what was misspelt."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, TypeAdapter

from multiplayer.settings.model import DOTENV, PREFIX, Settings, environment_names


def unknown_names(environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Say which MULTIPLAYER_* variables mean nothing here, and what might have been meant."""
    names = environment if environment is not None else os.environ
    known = {
        name for field_name, field in Settings.model_fields.items() for name in environment_names(field_name, field)
    }
    # Read by the command line itself.
    known |= {f"{PREFIX}TOKEN", f"{PREFIX}URL"}
    for name in sorted(names):
        plain = name.removesuffix("_FILE")
        if name.startswith(PREFIX) and name not in known and plain not in known:
            close = difflib.get_close_matches(plain, known, n=1)
            yield f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else "")


@dataclass(frozen=True)
class SettingLine:
    """One setting as `config show` shows it; secrets are masked."""

    name: str
    value: str
    source: str
    meaning: str


def described(settings: Settings, *, shows_secrets: bool = False) -> list[SettingLine]:
    dotenv = _dotenv_names()
    lines = []
    for field_name, field in Settings.model_fields.items():
        names = environment_names(field_name, field)
        value = getattr(settings, field_name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value() if shows_secrets else "••••••"
        source = "default"
        if any(name in os.environ for name in names):
            source = "environment"
        elif any(f"{name}_FILE" in os.environ for name in names):
            source = "file"
        elif any(name.lower() in dotenv for name in names):
            source = DOTENV
        elif field_name in settings.model_fields_set:
            source = "argument"
        shown = "" if value is None else ",".join(value) if isinstance(value, tuple) else str(value)
        lines.append(SettingLine(names[0], shown, source, field.description or ""))
    return lines


def example() -> str:
    """Return `.env.example`: every setting, commented out, with its meaning and default."""
    parts = [
        """# Settings of Multiplayer. Copy to .env and take the # away where you want another value.
# The environment wins over this file. NAME_FILE=path reads a value from a file.
"""
    ]
    for field_name, field in Settings.model_fields.items():
        default = TypeAdapter(object).dump_python(field.default, mode="json")
        shown = "" if default is None else str(default).lower() if isinstance(default, bool) else default
        shown = ",".join(default) if isinstance(default, list) else shown
        parts.append(f"# {field.description}\n#{environment_names(field_name, field)[0]}={shown}\n")
    return "\n".join(parts)


def _dotenv_names() -> set[str]:
    try:
        lines = Path(DOTENV).read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {line.split("=", 1)[0].strip().lower() for line in lines if "=" in line and not line.startswith("#")}
