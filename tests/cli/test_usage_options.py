"""How times and caps are typed, and what is typed wrong."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from multiplayer.cli.app import app
from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.usage import read_when

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T08:30+02:00", datetime(2026, 11, 1, 8, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("7d", NOW - timedelta(days=7)),
        (" 12h ", NOW - timedelta(hours=12)),
    ],
)
def test_a_time_is_a_day_a_time_or_how_long_ago(text: str, at: datetime) -> None:
    assert read_when(text, NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "", "7", "2026-13-01", "999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="2026-11-01"):
        read_when(text, NOW)


@pytest.mark.parametrize("option", ["--tokens-per-month", "--per-asker-money-per-day"])
def test_a_cap_that_cannot_be_read_is_named(option: str, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["budget", "set", "demo", option, "much", "--data-dir", str(tmp_path / "data")])
    assert isinstance(ran.exception, Failure)
    assert ran.exception.said.message.startswith(f"{option}: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["budget", "show"],
        ["budget", "show", "demo", "--server"],
        ["budget", "set", "demo"],
        ["budget", "set", "demo", "--tokens-per-day", "many"],
        ["budget", "set", "demo", "--money-per-day", "0.0000001"],
        ["budget", "set", "--server", "demo", "--money-per-day", "1"],
        ["usage", "demo", "--by", "room"],
        ["usage", "--by", "nothing"],
        ["room", "settings", "demo", "--summarise-after", "4"],
        ["room", "settings", "demo", "--tools", ","],
        ["room", "settings", "demo", "--while-busy", "shout"],
        ["usage", "--since", "yesterday"],
        ["catch-up", "demo", "--after", "-1"],
        ["room", "turns", "demo", "--limit", "0"],
    ],
)
def test_what_is_typed_wrong_ends_with_2_before_anything_is_touched(arguments: list[str], tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, [*arguments, "--data-dir", str(tmp_path / "data")])
    code = ran.exception.said.exit_code if isinstance(ran.exception, Failure) else ran.exit_code
    assert code == USAGE
    assert list(tmp_path.iterdir()) == []
