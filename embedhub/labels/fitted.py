"""What a training makes, before it is stored."""

from dataclasses import dataclass
from typing import Any

from embedhub.labels.classifier import Classifier
from embedhub.labels.confident_learning import Suspects
from embedhub.labels.gate import Verdict
from embedhub.labels.material import Material
from embedhub.runs.progress import RunProgress

TRAINED, DESCRIBED = "trained", "described"


@dataclass(frozen=True)
class Fitted:
    """A classifier with its figures and verdict; `suspects` are places in the material."""

    origin: str
    classifier: Classifier
    settings: dict[str, Any]
    metrics: dict[str, Any]
    verdict: Verdict
    data_hash: bytes
    n_rows: int
    material: Material | None = None
    suspects: Suspects | None = None


@dataclass
class Told:
    """Counts the steps of a training as they are told."""

    progress: RunProgress
    total: int
    done: int = 0

    def __call__(self, phase: str) -> None:
        """Say what is done now; raises as `report` does."""
        self.done = min(self.done + 1, self.total - 1)
        self.progress.describe(phase)
        self.progress.report(self.done, self.total)
