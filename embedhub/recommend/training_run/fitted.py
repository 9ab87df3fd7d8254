"""What fitting hands on to storing."""

from dataclasses import dataclass
from typing import Any

from embedhub.recommend.training_run.artifacts import Artifacts
from embedhub.recommend.training_run.gate import Verdict
from embedhub.recommend.training_run.material import Material
from embedhub.tables import RecommenderVersion


@dataclass(frozen=True)
class Fitted:
    """A fitted recommender; `row` is that of supplied vectors, None where one is to be made."""

    row: RecommenderVersion | None
    material: Material
    artifacts: Artifacts
    metrics: dict[str, Any]
    verdict: Verdict

    @property
    def columns(self) -> dict[str, Any]:
        """Return what the version's row says."""
        return {
            "settings": self.artifacts.settings,
            "metrics": self.metrics,
            **self.material.columns,
        }
