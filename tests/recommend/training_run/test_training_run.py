"""Training as a run: what is stored, what answers, what becomes of a run that is stopped."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.members import delete_user
from embedhub.config import override_config
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.recommend.training import Trained
from embedhub.recommend.training_run import evaluating, publishing, service, upkeep, work
from embedhub.recommend.training_run.material import Material, read_material
from embedhub.recommend.training_run.queries import storing as stored
from embedhub.recommend.versions import FoldIn, SourceKind
from embedhub.runs import service as runs
from embedhub.spaces.ledger import encode_pending
from tests.catalog.factories import act, make_catalog, send_items
from tests.factories import encode_everything
from tests.recommend.taste import GROUP_ITEMS
from tests.recommend.training_run.catalogs import (
    item,
    live_version,
    taste_catalog,
    train_now,
    watch,
)


def scalar(statement: str, **facts: object) -> int:
    with db.reading() as session:
        return int(session.execute(text(statement), facts).scalar() or 0)


def test_a_training_stores_a_version_that_answers(caller: Caller) -> None:
    taste_catalog(caller)
    encode_everything()
    run = train_now(caller)
    assert (run.status, run.error) == ("succeeded", None)
    assert run.result["status"] == "live"
    assert run.result["ndcg"] > run.result["popularity_ndcg"]

    version = live_version(caller)

    assert version is not None
    assert version.number == 1
    assert version.kinds["popularity"] is SourceKind.PRIOR
    assert version.kinds["ease"] is SourceKind.NEIGHBORS
    assert version.factors["ials"].fold_in is FoldIn.SOLVE
    assert version.content is not None
    space = {"id": version.factor_space_id}
    n_items = scalar("SELECT count(*) FROM item_priors WHERE version_id = :id", id=version.id)
    assert n_items == version.n_items
    assert scalar("SELECT count(*) FROM embeddings WHERE space_id = :id", **space) == n_items
    assert scalar("SELECT count(*) FROM spaces WHERE id = :id AND status = 'live'", **space) == 1
    rows = scalar("SELECT count(*) FROM item_neighbors WHERE version_id = :id", id=version.id)
    assert rows == 3 * n_items


def test_what_is_not_better_is_rejected_with_its_figures(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taste_catalog(caller)
    train_now(caller)
    train_on = work.train_on

    def hardly_learned(*given: Any) -> Trained:
        trained = train_on(*given)
        popularity = trained.holdout_ndcg["popularity"]
        return replace(trained, holdout_ndcg={"blend": popularity + 0.01, "popularity": popularity})

    monkeypatch.setattr(work, "train_on", hardly_learned)
    run = train_now(caller)

    assert run.result["status"] == "rejected"
    assert "of popularity and" in run.result["reason"]
    assert [one.status for one in service.list_versions(caller, "films")] == ["rejected", "live"]
    with pytest.raises(Conflict, match="only its figures are kept"):
        service.publish_version(caller, "films", 2)
    assert scalar("SELECT count(DISTINCT version_id) FROM item_priors") == 1


def test_events_without_any_taste_do_not_beat_popularity(caller: Caller) -> None:
    make_catalog(caller)
    rng = np.random.default_rng(5)
    send_items(caller, *map(item, range(40)))
    act(caller, *({"user": f"u{u}", "item": f"m{i}", "time": "2026-01-01T00:00:00Z"}
                  for u in range(40) for i in rng.choice(40, 6, replace=False)))  # fmt: skip
    run = train_now(caller)
    assert run.result["status"] in {"rejected", "live"}
    assert (run.result["status"] == "live") == (run.result["ndcg"] > run.result["popularity_ndcg"])


def test_one_call_brings_the_version_before_back(caller: Caller) -> None:
    taste_catalog(caller)
    train_now(caller)
    watch(caller, n_users=110, seed=4)
    assert train_now(caller).result["status"] == "live"

    back = service.publish_version(caller, "films", 1)

    assert (back.number, back.status) == (1, "live")
    assert service.get_version(caller, "films", 2).status == "retired"
    version = live_version(caller)
    assert version is not None
    assert version.number == 1
    assert service.publish_version(caller, "films", 1).status == "live"


def test_a_version_can_wait_until_it_is_published(caller: Caller) -> None:
    taste_catalog(caller)
    assert train_now(caller, publish=False).result["status"] == "ready"
    assert live_version(caller) is None
    assert service.publish_version(caller, "films", 1).published_at is not None


def test_old_versions_are_dropped_with_their_spaces(caller: Caller) -> None:
    taste_catalog(caller)
    override_config(kept_versions=1)
    try:
        for _ in range(3):
            train_now(caller)
    finally:
        override_config(kept_versions=3)
    found = service.list_versions(caller, "films")
    assert [one.status for one in found] == ["live", "retired", "dropped"]
    assert scalar("SELECT count(*) FROM spaces WHERE encoder = 'ials'") == 2
    assert scalar("SELECT count(DISTINCT version_id) FROM item_neighbors") == 2
    with pytest.raises(Conflict, match="too old"):
        service.publish_version(caller, "films", 1)


class Killed(BaseException):
    """The process was killed."""


def test_a_training_killed_half_way_is_healed_and_the_live_version_answers_on(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taste_catalog(caller)
    train_now(caller)
    run_id = service.start_training(caller, "films")
    with monkeypatch.context() as killing:
        killing.setattr(stored, "copy_priors", lambda *_, **__: die())
        with pytest.raises(Killed):
            runs.carry_out(run_id, work.train_recommender)
    version = live_version(caller)
    assert version is not None
    assert version.number == 1
    assert scalar("SELECT count(*) FROM spaces WHERE encoder = 'ials'") == 2
    with db.writing() as session:
        session.execute(text("UPDATE runs SET heartbeat_at = now() - interval '1 hour'"))
    runs.carry_out(run_id, work.train_recommender)
    assert runs.get_run(caller, run_id).result["status"] == "live"
    assert [one.status for one in service.list_versions(caller, "films")] == [
        "live", "dropped", "retired",
    ]  # fmt: skip
    assert scalar("SELECT count(*) FROM spaces WHERE encoder = 'ials'") == 2


def die() -> None:
    raise Killed


def test_what_nobody_goes_on_with_is_removed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taste_catalog(caller)
    run_id = service.start_training(caller, "films")
    with monkeypatch.context() as killing:
        killing.setattr(stored, "copy_priors", lambda *_, **__: die())
        with pytest.raises(Killed):
            runs.carry_out(run_id, work.train_recommender)
    assert publishing.remove_left_overs() == 0
    runs.cancel_run(caller, run_id)
    with db.writing() as session:
        session.execute(text("UPDATE runs SET status = 'failed'"))
    assert publishing.remove_left_overs() == 1
    assert publishing.remove_left_overs() == 0
    assert scalar("SELECT count(*) FROM spaces WHERE encoder = 'ials'") == 0


def test_a_training_waits_for_an_earlier_one_of_its_catalog(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog_id = taste_catalog(caller)
    with db.writing() as session:
        earlier = runs.start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=runs.RunKind.TRAIN_RECOMMENDER,
            subject=f"catalog {catalog_id}, version 9",
            arguments={"catalog_id": catalog_id},
        )
        session.execute(text("UPDATE runs SET status = 'running', heartbeat_at = now()"))
    run_id = service.start_training(caller, "films")
    assert service.start_training(caller, "films") == run_id
    looks: list[str | None] = []

    def ends_it(_: float) -> None:
        looks.append(runs.get_run(caller, run_id).waiting_for)
        with db.writing() as session:
            session.execute(
                text("UPDATE runs SET status = 'succeeded' WHERE id = :id"), {"id": earlier}
            )

    monkeypatch.setattr(time, "sleep", ends_it)
    runs.carry_out(run_id, work.train_recommender)
    assert looks == [f"run {earlier}, which trains this catalog"]
    assert runs.get_run(caller, run_id).status == "succeeded"


@pytest.mark.parametrize("n_events", [0, 1, 3])
def test_too_few_events_are_a_reason(caller: Caller, n_events: int) -> None:
    make_catalog(caller)
    send_items(caller, *map(item, range(3)))
    act(caller, *({"user": f"u{n}", "item": f"m{n}"} for n in range(n_events)))
    run = train_now(caller)
    assert run.status == "failed"
    assert "too few interactions" in str(run.error)


def test_a_cancelled_training_leaves_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taste_catalog(caller)
    run_id = service.start_training(caller, "films")

    def cancelled_meanwhile(catalog_id: int) -> Material:
        runs.cancel_run(caller, run_id)
        return read_material(catalog_id)

    monkeypatch.setattr(work, "read_material", cancelled_meanwhile)
    runs.carry_out(run_id, work.train_recommender)
    assert runs.get_run(caller, run_id).status == "cancelled"
    assert service.list_versions(caller, "films") == []


def test_a_new_item_is_placed_by_its_text_and_learned_by_the_next_training(caller: Caller) -> None:
    taste_catalog(caller)
    encode_everything()
    train_now(caller)
    send_items(caller, {**item(3), "external_id": "new"})
    encode_pending(budget_s=10)
    upkeep.place_missed()
    version = live_version(caller)
    assert version is not None
    assert len(vector_of(version.factor_space_id, "new")) == 48
    own, other = (
        np.mean([
            vector_of(version.factor_space_id, "new") @ vector_of(version.factor_space_id, f"m{n}")
            for n in numbers
        ])
        for numbers in (range(10), range(GROUP_ITEMS, GROUP_ITEMS + 10))
    )  # fmt: skip
    assert own > other
    mapped = input_hash_of(version.factor_space_id, "new")
    send_items(caller, {**item(GROUP_ITEMS), "external_id": "new"})
    encode_pending(budget_s=10)
    upkeep.place_missed()
    assert input_hash_of(version.factor_space_id, "new") != mapped

    act(caller, *({"user": f"u{n}", "item": "new"} for n in range(0, 60, 2)))
    assert train_now(caller).result["status"] == "live"

    version = live_version(caller)
    assert version is not None
    assert len(input_hash_of(version.factor_space_id, "new")) == 8


def vector_of(space_id: int | None, external_id: str) -> np.ndarray:
    return np.array(eval_vector(cell("vector", space_id, external_id)))


def eval_vector(written: object) -> list[float]:
    return [float(part) for part in str(written).strip("[]").split(",")]


def input_hash_of(space_id: int | None, external_id: str) -> bytes:
    found = cell("input_hash", space_id, external_id)
    assert isinstance(found, bytes)
    return found


def cell(column: str, space_id: int | None, external_id: str) -> object:
    statement = text(
        f"SELECT e.{column} FROM embeddings e JOIN items i ON i.id = e.owner_id"
        " WHERE e.space_id = :space_id AND i.external_id = :external_id"
    )
    with db.reading() as session:
        facts = {"space_id": space_id, "external_id": external_id}
        return session.execute(statement, facts).scalar_one()


def test_unwelcome_events_take_back_what_was_done_before(caller: Caller) -> None:
    catalog_id = taste_catalog(caller, n_users=20)
    act(caller, *({"user": "u0", "item": f"m{n}", "type": "dislike"} for n in range(60)))
    read = read_material(catalog_id).read
    users = scalar("SELECT id FROM users WHERE external_id = 'u0'")
    assert users not in read.user_ids
    assert len(read.events) == 19 * 14


def test_trainings_come_due_by_amount_and_by_time(caller: Caller) -> None:
    taste_catalog(caller, n_users=100)
    assert upkeep.start_due() == 1
    assert upkeep.start_due() == 0
    with db.writing() as session:
        session.execute(text("DELETE FROM runs"))
    train_now(caller)
    forget_tries(hours=1)
    assert upkeep.start_due() == 0
    watch(caller, n_users=20, seed=9)
    assert upkeep.start_due() == 1


def test_a_day_after_one_new_event_is_enough(caller: Caller) -> None:
    taste_catalog(caller, n_users=60)
    train_now(caller)
    forget_tries(hours=25)
    assert upkeep.start_due() == 0
    act(caller, {"user": "u1", "item": "m1"})
    service.change_training(caller, "films", {"automatic": False})
    assert upkeep.start_due() == 0
    service.change_training(caller, "films", {"automatic": None})
    assert upkeep.start_due() == 1


def forget_tries(*, hours: int) -> None:
    with db.writing() as session:
        session.execute(
            text("UPDATE runs SET started_at = now() - make_interval(hours => :h)"), {"h": hours}
        )


def test_wishes_are_checked(caller: Caller) -> None:
    make_catalog(caller)
    assert service.change_training(caller, "films", {"hours": 2}).setting.hours == 2
    with pytest.raises(InvalidInput, match="hours"):
        service.change_training(caller, "films", {"hours": 0})


def test_strangers_find_nothing(caller: Caller, stranger: Caller) -> None:
    taste_catalog(caller, n_users=20)
    for ask in (
        lambda: service.start_training(stranger, "films"),
        lambda: service.describe_training(stranger, "films"),
        lambda: service.change_training(stranger, "films", {"hours": 1}),
        lambda: service.list_versions(stranger, "films"),
        lambda: service.get_version(stranger, "films", 1),
        lambda: service.publish_version(stranger, "films", 1),
    ):
        with pytest.raises(NotFound):
            ask()


def test_a_catalogs_own_data_are_evaluated(caller: Caller) -> None:
    taste_catalog(caller)
    run_id = evaluating.start_evaluation(caller, "films", order="random", k=5)
    runs.carry_out(run_id, evaluating.evaluate_recommender)
    run = runs.get_run(caller, run_id)
    assert (run.status, run.error) == ("succeeded", None)
    by_name = {row["name"]: row for row in run.result["sources"]}
    assert by_name["default pipeline"]["ndcg"] > by_name["popularity"]["ndcg"]
    assert 0 < by_name["default pipeline"]["diversity"] < 1
    assert sum(row["users"] for row in run.result["lengths"]) == 60
    with pytest.raises(InvalidInput, match="order"):
        evaluating.start_evaluation(caller, "films", order="backwards")


def test_too_few_events_to_hide_some_are_a_reason(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, *map(item, range(2)))
    act(caller, {"user": "u1", "item": "m0"}, {"user": "u2", "item": "m1"})
    run_id = evaluating.start_evaluation(caller, "films")
    runs.carry_out(run_id, evaluating.evaluate_recommender)
    assert evaluating.TOO_FEW in str(runs.get_run(caller, run_id).error)


def test_bots_are_named_as_long_as_they_are_there(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    taste_catalog(caller)
    train_on = work.train_on
    monkeypatch.setattr(
        work, "train_on", lambda *given: replace(train_on(*given), flagged_users=np.array([3]))
    )
    run = train_now(caller)
    assert run.result["n_flagged_users"] == 1
    assert "flagged_user_ids" not in run.result
    (flagged,) = service.get_version(caller, "films", 1).flagged_users
    delete_user(caller, "films", flagged)
    assert service.get_version(caller, "films", 1).flagged_users == []
