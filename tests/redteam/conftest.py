"""What the red team shares: each stage is run once, by the first test that asks for it."""

import pytest

from tests.redteam.corpus import Corpus


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return Corpus()
