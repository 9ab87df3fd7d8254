"""Rerankers that no test before has worn out."""

import pytest

from embedhub.search.ranking import reranking
from embedhub.search.ranking.patience import Patience


@pytest.fixture(autouse=True)
def fresh_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranking, "patience", Patience())
