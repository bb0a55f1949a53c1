"""Whatever is killed, whenever: nothing acknowledged is lost or doubled, and every client sees the log."""

from pathlib import Path

import pytest

from tests.support.crash_trial import Blow, CrashTrial

# The two trials have 20 kills together. Each has every kind of fault: what one hides another shows.
TALK = [Blow.SERVER] * 2 + [Blow.POSTGRES] * 4 + [Blow.BOTH] * 2 + [Blow.STARTING] + [Blow.DRAIN]
TURNS = [Blow.SERVER] * 3 + [Blow.POSTGRES] * 3 + [Blow.BOTH] * 2 + [Blow.STARTING] + [Blow.DRAIN]


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_nothing_acknowledged_is_lost_and_every_view_is_the_log_whatever_is_killed(tmp_path: Path) -> None:
    report = await CrashTrial(20261121, tmp_path / "data", TALK).run()
    assert not report.faults, str(report)
    assert report.kills == 10
    assert report.acks > 300


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_every_turn_of_the_ai_ends_once_whatever_is_killed_while_it_works(tmp_path: Path) -> None:
    report = await CrashTrial(3, tmp_path / "data", TURNS, with_ai=True).run()
    assert not report.faults, str(report)
    assert report.kills == 10
    assert report.turns > 5
