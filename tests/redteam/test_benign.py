"""Ordinary commands succeed in each stage, and trip no canary."""

import pytest

from tests.redteam.attack import Kind
from tests.redteam.benign import BENIGN, Benign
from tests.redteam.corpus import STAGES, Corpus, is_possible

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.mark.parametrize("work", BENIGN, ids=lambda work: work.name)
@pytest.mark.parametrize("kind", STAGES)
async def test_ordinary_work_succeeds(corpus: Corpus, kind: Kind, work: Benign) -> None:
    if not is_possible(work):
        pytest.skip(f"{' or '.join(work.needs)} is not installed")
    if kind in work.cannot:
        pytest.skip(f"{kind}: {work.cannot[kind]}")
    report = await corpus.of(kind)
    if report.unavailable:
        pytest.skip(f"{kind}: {report.unavailable}")
    verdict = report.verdicts[work.name]
    output = verdict.reply.output[-2000:].decode(errors="replace")
    assert not verdict.problems, f"{verdict.problems}; it printed:\n{output}"
