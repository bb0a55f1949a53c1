"""Hostile commands: each verifiably ran, and verifiably failed, in each way that this machine can run them."""

import subprocess
from pathlib import Path

import pytest

from tests.redteam.attack import Kind
from tests.redteam.corpus import ATTACKS, CLASSES, STAGES, Corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("kind", STAGES)
async def test_the_attack_ran_and_failed(corpus: Corpus, kind: Kind, name: str) -> None:
    report = await corpus.of(kind)
    if report.unavailable:
        pytest.skip(f"{kind}: {report.unavailable}")
    attack = ATTACKS[name]
    if attack.name in report.left_out:
        pytest.skip(f"{kind}: an accepted weakness: {report.left_out[attack.name]}")
    verdict = report.verdicts[attack.name]
    output = verdict.reply.output[-2000:].decode(errors="replace")
    assert not verdict.problems, f"{verdict.problems}; it printed:\n{output}"


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.control])
async def test_without_a_sandbox_the_attack_succeeds(corpus: Corpus, name: str) -> None:
    report = await corpus.of(Kind.BARE)
    attack = ATTACKS[name]
    if report.unavailable:
        pytest.skip(f"the control: {report.unavailable}")
    if attack.needs and (missing := _missing(attack.needs, report.listeners)):
        pytest.skip(f"the control: {missing}")
    verdict = report.verdicts[attack.name]
    assert verdict.did_run
    assert verdict.problems, (
        f"the oracle saw nothing; it printed:\n{verdict.reply.output[-2000:].decode(errors='replace')}"
    )


@pytest.mark.parametrize("kind", [*STAGES, Kind.BARE])
async def test_when_all_is_over_nothing_is_left(corpus: Corpus, kind: Kind) -> None:
    report = await corpus.of(kind)
    if report.unavailable:
        pytest.skip(f"{kind}: {report.unavailable}")
    assert report.left_over == []


def test_there_are_enough_attacks_of_every_class() -> None:
    assert len({attack.name for attack in ATTACKS.values()}) == len(ATTACKS) >= 110
    assert {name: len(attacks) >= 15 for name, attacks in CLASSES.items()} == dict.fromkeys(CLASSES, True)
    assert sum(attack.control for attack in ATTACKS.values()) >= 60


def _missing(needs: str, listeners: frozenset[str]) -> str:
    """Why the kernel of this machine stops it without any sandbox."""
    match needs:
        case "ipv6":
            return "" if "TCP6" in listeners else "this machine has no IPv6"
        case "tracing":
            yama = Path("/proc/sys/kernel/yama/ptrace_scope")
            return "" if not yama.exists() or yama.read_text().strip() == "0" else "Yama forbids tracing"
        case "user namespaces":
            tried = subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True)
            return "" if tried.returncode == 0 else "this machine has no user namespaces"
        case _:
            raise AssertionError(needs)
