"""Scores of vectors that are at hand: the same as the database gives."""

from typing import Any

import numpy as np
import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.search.nearness import Vectors, scores_of
from embedhub.search.request import Leg, Mode, SearchRequest
from embedhub.search.service import search
from tests.factories import make_collection, send

QUERY = np.array([1, 0.25], dtype=np.float32)


@pytest.mark.usefixtures("sent_jobs")
@pytest.mark.parametrize("metric", ["cosine", "inner_product", "l2"])
@pytest.mark.parametrize("most_compared", [200, 0])
def test_what_words_found_has_the_score_that_a_longer_list_gives(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, metric: str, most_compared: int
) -> None:
    # With none to be compared the database computes it.
    monkeypatch.setattr("embedhub.search.candidates.MAX_COMPARED", most_compared)
    make_collection(caller, encoder="supplied", dimension=2, metric=metric)
    send(
        caller,
        {"external_id": "near", "text": "dogs", "vector": [1, 0.5]},
        {"external_id": "far", "text": "cats", "vector": [0.3, -9]},
    )
    asked: dict[str, Any] = {"query": "cats", "vector": QUERY}
    alone = search(caller, "papers", SearchRequest(**asked, mode=Mode.DENSE))
    override_config(candidate_pool=1)
    both = search(caller, "papers", SearchRequest(**asked, limit=2))
    override_config(candidate_pool=100)
    (far,) = [hit for hit in both.hits if hit.document.external_id == "far"]
    assert far.explain is not None
    (part,) = [part for part in far.explain.legs if part.leg is Leg.DENSE]
    wanted = {hit.document.external_id: hit.score for hit in alone.hits}
    assert part.rank is None
    assert part.score == pytest.approx(wanted["far"], abs=1e-6)


def test_a_vector_without_length_has_no_cosine() -> None:
    vectors = Vectors([1, 2], np.array([[0, 0], [2, 0.5]], np.float32))
    assert scores_of(vectors, [1, 2, 3], QUERY, "cosine") == {2: pytest.approx(1)}
    assert scores_of(vectors, [3], QUERY, "l2") == {}
