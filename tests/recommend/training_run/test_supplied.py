"""Vectors that a trainer elsewhere made: sent in batches, judged, and served as a source."""

import base64
from typing import Any

import numpy as np
import pytest

from embedhub.access.caller import Caller
from embedhub.config import override_config
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.recommend.training_run import service, supplied
from embedhub.recommend.training_run.work import train_recommender
from embedhub.recommend.versions import FoldIn
from embedhub.runs import service as runs
from embedhub.runs.service import RunView
from tests.recommend.taste import GROUP_ITEMS
from tests.recommend.training_run.catalogs import live_version, taste_catalog, train_now


def group_vectors() -> list[dict[str, Any]]:
    """Return vectors that say of each item which group it is of."""
    rng = np.random.default_rng(2)
    sides = [[1.0, 0.0], [0.0, 1.0]]
    return [
        {
            "external_id": f"m{number}",
            "vector": [*sides[number // GROUP_ITEMS], *rng.normal(0, 0.05, 2).tolist()],
        }
        for number in range(2 * GROUP_ITEMS)
    ]


def finish(caller: Caller, number: int, *, publish: bool = True) -> RunView:
    run_id = supplied.finish_version(caller, "films", number, publish=publish)
    runs.carry_out(run_id, train_recommender)
    return runs.get_run(caller, run_id)


def test_supplied_vectors_become_a_source_with_a_learned_weight(caller: Caller) -> None:
    taste_catalog(caller)
    opened = supplied.open_version(caller, "films", name="two-tower", dimension=4)
    assert (opened.number, opened.status, opened.origin) == (1, "training", "supplied")
    first, *others = group_vectors()
    packed = np.asarray(first["vector"], "<f4").tobytes()
    first = first | {"vector": base64.b64encode(packed).decode()}

    sent = supplied.add_vectors(caller, "films", 1, [first, {**others[0], "external_id": "none"}])
    assert (sent.n_stored, sent.unknown) == (1, ["none"])
    assert supplied.add_vectors(caller, "films", 1, others).n_stored == len(others)
    run = finish(caller, 1)

    assert (run.status, run.error) == ("succeeded", None)
    assert run.result["status"] == "live"
    version = live_version(caller)
    assert version is not None
    assert version.factors["two-tower"].fold_in is FoldIn.MEAN
    assert any(weights.get("two-tower", 0) > 0 for weights in version.weights.values())
    with pytest.raises(Conflict, match="takes no vectors"):
        supplied.add_vectors(caller, "films", 1, others)
    # The next training is judged beside it.
    after = train_now(caller)
    assert after.result["live_version"] == 1
    assert after.result["live_ndcg"] == pytest.approx(run.result["ndcg"])


def test_vectors_without_any_sense_do_not_answer(caller: Caller) -> None:
    taste_catalog(caller)
    train_now(caller)
    supplied.open_version(caller, "films", name="noise", dimension=1)
    with pytest.raises(InvalidInput, match=r"items\.0\.vector: has 2 dimensions, not 1"):
        supplied.add_vectors(caller, "films", 2, [{"external_id": "m1", "vector": [1, 2]}])
    with pytest.raises(InvalidInput, match="finite"):
        supplied.add_vectors(caller, "films", 2, [{"external_id": "m1", "vector": [float("nan")]}])
    run = finish(caller, 2)
    assert run.status == "failed"
    assert "no item that anybody interacted with has a vector" in str(run.error)
    supplied.add_vectors(caller, "films", 2, [{"external_id": "m1", "vector": [1]}])
    run = finish(caller, 2, publish=False)
    assert run.result["status"] in {"ready", "rejected"}
    version = live_version(caller)
    assert version is not None
    assert version.number == 1


def test_what_cannot_be_supplied_is_refused(caller: Caller, stranger: Caller) -> None:
    taste_catalog(caller, n_users=10)
    for name, dimension in (("ease", 4), ("Two Towers", 4), ("towers", 0), ("towers", 5_000)):
        with pytest.raises(InvalidInput):
            supplied.open_version(caller, "films", name=name, dimension=dimension)
    supplied.open_version(caller, "films", name="towers", dimension=1)
    twice = [{"external_id": "m1", "vector": [1]}] * 2
    with pytest.raises(InvalidInput, match="named twice"):
        supplied.add_vectors(caller, "films", 1, twice)
    override_config(max_supplied_vectors=1)
    try:
        with pytest.raises(TooLarge):
            supplied.add_vectors(
                caller, "films", 1, [{"external_id": f"m{n}", "vector": [1]} for n in range(2)]
            )
    finally:
        override_config(max_supplied_vectors=1_000_000)
    for ask in (
        lambda: supplied.open_version(stranger, "films", name="towers", dimension=1),
        lambda: supplied.add_vectors(stranger, "films", 1, twice),
        lambda: supplied.finish_version(stranger, "films", 1, publish=True),
    ):
        with pytest.raises(NotFound):
            ask()
    assert service.get_version(caller, "films", 1).status == "training"
