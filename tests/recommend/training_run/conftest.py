"""Trainings that try few settings: what they choose is not what these tests are about."""

import pytest

from embedhub.recommend.training import Plan
from embedhub.recommend.training_run import material

USUAL = Plan()
SMALL = Plan(
    ease=USUAL.ease[:1],
    ials=USUAL.ials[:1],
    half_lives=(None, 5.0),
    popularity_days=(None,),
    judged_users=60,
    holdouts=1,
)


@pytest.fixture(autouse=True)
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings choose from little."""
    monkeypatch.setattr(material, "Plan", lambda: SMALL)
