"""Rows that resemble each other, and some that do not."""

import numpy as np

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies.scanning import scan_anomalies
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Owner, Subject
from tests.factories import SilentProgress

WORDS = (
    "whale", "sea", "ship", "storm", "iron", "tree", "stone", "river",
    "cloud", "bird", "fish", "harbour", "anchor", "wave", "island", "coast",
)  # fmt: skip
SPAM = "WIN 900 CASH NOW!!! CALL 09061701461 http://prize.example.com/claim?id=%d VALID 12HRS"
CLEAN = "whale sea ship storm river coast bird island"


def usual_texts(n: int, seed: int = 1) -> list[str]:
    """Return texts of the same words in small letters."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=rng.integers(7, 12))) for _ in range(n)]


def subject_of(
    caller: Caller,
    *,
    owner: Owner = Owner.COLLECTIONS,
    slug: str = "papers",
    level: str | None = None,
) -> Subject:
    with db.reading() as session:
        return graphs.subject_of(session, caller, owner, slug, level)


def scan(subject: Subject) -> dict[str, object]:
    """Do the training worker's work."""
    return scan_anomalies(SilentProgress(), subject.arguments)


def live(subject: Subject) -> GraphView:
    with db.reading() as session:
        graph = graphs.live_graph(session, subject)
    assert graph is not None
    return graph
