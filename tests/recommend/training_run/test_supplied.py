"""Vectors that a trainer elsewhere made: sent in batches, judged, and served as a source."""

import base64
from typing import Any

import numpy as np
import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.members import delete_user
from embedhub.catalog.service import find_catalog
from embedhub.config import override_config
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.recommend.queries.versions import find_version
from embedhub.recommend.request import (
    NoteCode,
    ReasonKind,
    RecommendationRequest,
    Recommendations,
)
from embedhub.recommend.service import recommend
from embedhub.recommend.training_run import service, supplied
from embedhub.recommend.training_run.publishing import remove_stored
from embedhub.recommend.training_run.work import train_recommender
from embedhub.recommend.versions import FoldIn
from embedhub.runs import service as runs
from embedhub.runs.service import RunView
from tests.catalog.factories import send_users
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


def telling_vectors() -> list[dict[str, Any]]:
    """Return vectors that say of each item which group it is of, and how much that group likes it.

    Its inner product with the vector of a user of the group is the chance of `tastes`.
    """
    liked = [float(0.92 ** (number % GROUP_ITEMS)) for number in range(2 * GROUP_ITEMS)]
    return [
        {"external_id": f"m{n}", "vector": [(n < GROUP_ITEMS) * much, (n >= GROUP_ITEMS) * much]}
        for n, much in enumerate(liked)
    ]


def user_vectors(*numbers: int, turned: bool = False) -> list[dict[str, Any]]:
    """Return vectors that say of each user which group they are of, or of the other one."""
    sides = [[1.0, 0.0], [0.0, 1.0]]
    return [{"external_id": f"u{n}", "vector": sides[(n + turned) % 2]} for n in numbers]


def list_for(caller: Caller, user: str) -> Recommendations:
    asked = RecommendationRequest(
        user=user, limit=10, relevance=1.0, collapse_duplicates=False, explain=True
    )
    return recommend(caller, "films", asked)


def n_vectors(subject: str) -> int:
    statement = text("""
        SELECT count(*) FROM embeddings e JOIN spaces s ON s.id = e.space_id
        WHERE s.subject = :subject AND s.encoder = 'two-tower'
    """)
    with db.reading() as session:
        return int(session.execute(statement, {"subject": subject}).scalar_one())


def profile_of(found: Recommendations) -> list[float]:
    """Return what the user's own vector adds to each hit."""
    return [
        reason.score
        for hit in found.hits
        for reason in hit.reasons
        if reason.kind is ReasonKind.PROFILE
    ]


def weigh_vectors_from_the_first() -> None:
    weights = {"1": {"two-tower": 0.5, "popularity": 0.5}}
    statement = text("UPDATE recommender_versions SET settings = settings || :changes")
    with db.writing() as session:
        changes = bindparam("changes", {"weights": weights}, type_=JSONB)
        session.execute(statement.bindparams(changes))


def test_vectors_of_users_take_the_place_of_the_fold_in(caller: Caller) -> None:
    taste_catalog(caller)
    send_users(caller, {"external_id": "new"}, {"external_id": "empty"})
    supplied.open_version(caller, "films", name="two-tower", dimension=2)
    supplied.add_vectors(caller, "films", 1, telling_vectors())
    # Of u0 to u39; one of the first group is said to be of the second.
    first = supplied.add_vectors(caller, "films", 1, [], user_vectors(*range(20)))
    assert (first.n_stored, first.unknown, first.unknown_users) == (20, [], [])
    wrong = [*user_vectors(2, turned=True), {"external_id": "new", "vector": [0, 1]}]
    nobody = {"external_id": "nobody", "vector": [1, 0]}
    sent = supplied.add_vectors(
        caller, "films", 1, [], [*user_vectors(*range(20, 40)), *wrong, nobody]
    )
    assert (sent.n_stored, sent.unknown_users) == (22, ["nobody"])
    run = finish(caller, 1)
    assert (run.result["status"], run.result["n_user_vectors"]) == ("live", 40)

    # The next training is judged beside the vectors of users too.
    assert train_now(caller, publish=False).result["live_ndcg"] == pytest.approx(run.result["ndcg"])
    by_vector, by_fold_in = list_for(caller, "u1"), list_for(caller, "u41")
    assert profile_of(by_vector)
    assert not profile_of(by_fold_in)
    for hit in (*by_vector.hits, *list_for(caller, "u2").hits):
        assert sum(reason.score for reason in hit.reasons) == pytest.approx(hit.score, abs=1e-5)
    # A newcomer is known by the vector alone, where it counts for a first item.
    weigh_vectors_from_the_first()
    newcomer = list_for(caller, "new")
    assert newcomer.n_history == 0
    assert [note.code for note in newcomer.notes] == []
    assert all(int(hit.item.external_id[1:]) >= GROUP_ITEMS for hit in newcomer.hits)
    assert NoteCode.NO_HISTORY in {note.code for note in list_for(caller, "empty").notes}

    # A user's vector goes with the user, all others with the version.
    assert n_vectors("user") == 41
    delete_user(caller, "films", "u1")
    assert n_vectors("user") == 40
    with db.reading() as session:
        row = find_version(session, catalog_id=find_catalog(session, caller, "films").id, number=1)
    assert row is not None
    remove_stored(row)
    assert (n_vectors("user"), n_vectors("item")) == (0, 0)


def test_users_who_are_misled_by_their_vector_show_in_the_figures(caller: Caller) -> None:
    taste_catalog(caller)
    figures = []
    for number, turned in ((1, False), (2, True)):
        supplied.open_version(caller, "films", name="two-tower", dimension=2)
        users = user_vectors(*range(60), turned=turned)
        supplied.add_vectors(caller, "films", number, telling_vectors(), users)
        figures.append(finish(caller, number, publish=False).result["by_source"]["two-tower"])
    assert figures[0] > 2 * figures[1]


def test_users_vectors_that_cannot_be_are_refused_with_their_batch(
    caller: Caller, stranger: Caller
) -> None:
    taste_catalog(caller, n_users=10)
    supplied.open_version(caller, "films", name="two-tower", dimension=2)
    items = telling_vectors()[:2]
    with pytest.raises(InvalidInput, match=r"users\.0\.vector: has 3 dimensions, not 2"):
        supplied.add_vectors(
            caller, "films", 1, items, [{"external_id": "u1", "vector": [1, 2, 3]}]
        )
    with pytest.raises(InvalidInput, match=r"users\.1\.external_id: is named twice"):
        supplied.add_vectors(caller, "films", 1, items, user_vectors(1, 1))
    override_config(max_supplied_vectors=2)
    try:
        with pytest.raises(TooLarge, match="vectors of users"):
            supplied.add_vectors(caller, "films", 1, items, user_vectors(1, 2, 3))
    finally:
        override_config(max_supplied_vectors=1_000_000)
    with pytest.raises(NotFound):
        supplied.add_vectors(stranger, "films", 1, [], user_vectors(1))
    assert (n_vectors("item"), n_vectors("user")) == (0, 0)
