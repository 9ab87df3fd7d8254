"""Lists out of a stored version: the same as in memory, with every click, filter and reason."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.config import get_config
from embedhub.direct import Question, ask, conversation
from embedhub.errors import HubError, InvalidInput, NotFound, TooLarge
from embedhub.recommend import listing, scoring
from embedhub.recommend.queries import pools
from embedhub.recommend.queries.histories import find_user
from embedhub.recommend.queries.versions import find_live
from embedhub.recommend.request import (
    By,
    Kind,
    NoteCode,
    Obstacle,
    ReasonKind,
    RecommendationRequest,
    Recommendations,
    Seen,
    WhyNot,
)
from embedhub.recommend.service import (
    forget_old_impressions,
    recommend,
    similar,
    similar_users,
    why_not,
)
from tests.catalog.factories import act, make_catalog, send_items
from tests.recommend.shop import Shop, item, open_shop


@pytest.fixture(scope="module")
def shop(database: str) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "send", lambda job, **arguments: None)
        with db.engine().begin() as connection:
            connection.execute(text("DELETE FROM workspaces"))
        yield open_shop(Caller.for_workspace(create_workspace("lists", "Lists")))


def asked(**parts: object) -> RecommendationRequest:
    return RecommendationRequest(**parts)  # type: ignore[arg-type]


def lists(shop: Shop, **parts: object) -> Recommendations:
    return recommend(shop.caller, shop.slug, asked(**parts))


def names(found: Recommendations) -> list[str]:
    return [hit.item.external_id for hit in found.hits]


def codes(found: Recommendations) -> set[NoteCode]:
    return {note.code for note in found.notes}


def group(name: str) -> str:
    return "ab"[int(name[1:]) // 30]


def position_of(shop: Shop, user: str) -> int:
    with db.reading() as session:
        user_id = find_user(
            session,
            workspace_id=shop.caller.workspace_id,
            catalog_id=shop.catalog_id,
            external_id=user,
        )
    assert user_id is not None
    return int(np.searchsorted(shop.material.read.user_ids, user_id))


@pytest.mark.parametrize("user", ["u0", "u1", "u77"])
@pytest.mark.parametrize("is_large", [False, True])
def test_a_list_is_the_one_that_is_computed_in_memory(
    shop: Shop, user: str, *, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_large:
        small = get_config().model_copy(update={"exact_items": 10, "list_window": 20})
        for module in (scoring, listing):
            monkeypatch.setattr(module, "get_config", lambda: small)
    recommender = shop.recommender
    history = recommender.histories(shop.material.read.events)[[position_of(shop, user)]]
    scores = recommender.scores(history, history)[0]
    seen = set(history.indices.tolist())
    best = [at for at in np.argsort(-scores, kind="stable").tolist() if at not in seen][:6]
    found = lists(shop, user=user, limit=6, relevance=1.0, is_recorded=False)
    assert found.plan == ("proposed" if is_large else "exact")
    assert [shop.position(hit.item.id) for hit in found.hits] == best
    np.testing.assert_allclose([hit.score for hit in found.hits], scores[best], atol=2e-5)


def test_neighbors_are_read_through_the_key_of_their_rows(shop: Shop) -> None:
    with db.reading() as session:
        live = find_live(session, catalog_id=shop.catalog_id)
        assert live is not None
        rows = pools.neighbors(version_id=live.id, sources=["ease"], item_ids=[1, 2, 3])
        # So small a table would be read whole.
        for way in ("seqscan", "bitmapscan"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        explain = Question(b"EXPLAIN " + rows.sql, rows.facts, list)
        plan = [line for (line,) in ask(session, explain)]
    (condition,) = (line for line in plan if "Index Cond" in line)
    assert any("Index Scan using pk_item_neighbors" in line for line in plan)
    assert all(f"({name} =" in condition for name in ("version_id", "source", "item_id"))
    assert not any("Filter" in line for line in plan)


def ask_alone(session: Session, question: Question[list[object]]) -> None:
    ask(session, question)


def ask_among_others(session: Session, question: Question[list[object]]) -> None:
    with conversation(session) as send:
        send(Question(b"SELECT 1", {}, list))
        send(question)()


@pytest.mark.parametrize("way", [ask_alone, ask_among_others])
def test_a_statement_that_fails_does_with_the_errors_of_a_session(
    shop: Shop, way: Callable[[Session, Question[list[object]]], None]
) -> None:
    wrong: Question[list[object]] = Question(b"SELECT 1 / 0", {}, list)
    with pytest.raises(DBAPIError, match="division by zero"), db.reading() as session:
        way(session, wrong)
    assert lists(shop, user="u1").hits


def test_the_parts_of_every_score_add_up_to_it(shop: Shop) -> None:
    for parts in (
        {"user": "u3"},
        {"session": ("i1", "i40")},
        {"like": ("i1",), "unlike": ("i31",)},
    ):
        found = lists(shop, explain=True, is_recorded=False, **parts)
        assert len(found.hits) == 10
        for hit in found.hits:
            assert math.isclose(sum(one.score for one in hit.reasons), hit.score, abs_tol=1e-6)
        history = {one.item for hit in found.hits for one in hit.reasons if one.item}
        assert history


def test_the_next_list_knows_an_interaction_and_leaves_the_item_out(shop: Shop) -> None:
    before = lists(shop, user="newcomer")
    assert codes(before) == {NoteCode.UNKNOWN_USER, NoteCode.NO_HISTORY}
    for number, seen in enumerate(["i32", "i41", "i35"]):
        act(shop.caller, {"user": "newcomer", "item": seen}, slug=shop.slug)
        after = lists(shop, user="newcomer", explain=True)
        assert seen not in names(after)
        assert after.n_history == number + 1
        assert any(one.item == seen for hit in after.hits for one in hit.reasons)
    of_group = sum(group(name) == "b" for name in names(after))
    assert of_group > sum(group(name) == "b" for name in names(before))


def test_an_unwelcome_event_takes_back_what_was_had_and_keeps_the_item_out(shop: Shop) -> None:
    act(
        shop.caller,
        {"user": "picky", "item": "i0"},
        {"user": "picky", "item": "i1"},
        slug=shop.slug,
    )
    act(shop.caller, {"user": "picky", "item": "i0", "type": "dislike"}, slug=shop.slug)
    found = lists(shop, user="picky", seen=Seen(is_excluded=False))
    assert found.n_history == 1
    assert "i0" not in names(found)
    assert why_not_in(shop, "i0", user="picky").obstacles[0] is Obstacle.DISLIKED


def test_a_session_counts_like_stored_events_and_without_a_user(shop: Shop) -> None:
    found = lists(shop, session=("i30", "i33", "i30", "i36"))
    assert found.n_history == 3
    assert not {"i30", "i33", "i36"} & set(names(found))
    assert sum(group(name) == "b" for name in names(found)) >= 8


def test_filters_categories_and_candidates_restrict_a_list(shop: Shop) -> None:
    cheap = lists(shop, user="u0", filter={"price": {"$lt": 5}}, limit=50)
    assert cheap.hits
    assert all(hit.item.attributes["price"] < 5 for hit in cheap.hits)
    of_b = lists(shop, user="u0", categories=("b",))
    assert {group(name) for name in names(of_b)} == {"b"}
    among = lists(shop, candidates=("i5", "i50", "i7"), session=("i31",))
    assert sorted(names(among)) == ["i5", "i50", "i7"]
    nothing = lists(shop, user="u0", filter={"price": 10_000})
    assert codes(nothing) == {NoteCode.NOTHING_PERMITTED}


def test_what_is_hidden_or_out_of_its_time_is_in_no_list(shop: Shop) -> None:
    send_items(
        shop.caller,
        item(58, is_hidden=True),
        item(59, available_until="2026-01-02T00:00:00Z"),
        slug=shop.slug,
    )
    for kind in (Kind.PERSONAL, Kind.POPULAR, Kind.TRENDING, Kind.LATEST):
        assert not {"i58", "i59"} & set(names(lists(shop, kind=kind, limit=60)))
    assert why_not_in(shop, "i58").obstacles == (Obstacle.HIDDEN,)
    assert why_not_in(shop, "i59").obstacles == (Obstacle.NOT_AVAILABLE,)
    send_items(shop.caller, item(58), item(59), slug=shop.slug)


def test_principals_hide_items(shop: Shop) -> None:
    with db.engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE items SET access = '{staff}' WHERE external_id = 'i2' AND catalog_id = :id"
            ),
            {"id": shop.catalog_id},
        )
    try:
        open_to_all = lists(shop, kind=Kind.POPULAR, limit=60, principals=("guest",))
        assert "i2" not in names(open_to_all)
        assert "i2" in names(lists(shop, kind=Kind.POPULAR, limit=60, principals=("staff",)))
        assert why_not_in(shop, "i2", principals=()).obstacles == (Obstacle.NO_ACCESS,)
    finally:
        with db.engine().begin() as connection:
            connection.execute(text("UPDATE items SET access = NULL WHERE external_id = 'i2'"))


def test_seen_items_by_type_by_age_and_with_decay(shop: Shop) -> None:
    everything = lists(shop, user="u0", limit=60, seen=Seen(is_excluded=False))
    fresh = lists(shop, user="u0", limit=60)
    seen = set(names(everything)) - set(names(fresh))
    assert seen
    by_type = lists(shop, user="u0", limit=60, seen=Seen(types=("purchase",)))
    assert seen <= set(names(by_type))
    lately = lists(shop, user="u0", limit=60, seen=Seen(within=timedelta(days=1)))
    assert seen <= set(names(lately))
    faded = lists(shop, user="u0", limit=60, seen=Seen(decay=0.0), explain=True, relevance=1.0)
    assert seen <= set(names(faded))
    lowest = min(hit.score for hit in faded.hits)
    for hit in faded.hits:
        if hit.item.external_id in seen:
            assert math.isclose(hit.score, lowest, abs_tol=1e-6)
            assert math.isclose(sum(one.score for one in hit.reasons), hit.score, abs_tol=1e-6)
    parts = {one.kind for hit in faded.hits for one in hit.reasons}
    assert ReasonKind.SEEN in parts


def test_pages_repeat_no_item_even_if_the_user_acts_between_them(shop: Shop) -> None:
    first = lists(shop, user="u5", limit=7)
    shown = names(first)
    request, cursor = asked(user="u5", limit=7), first.cursor
    act(shop.caller, {"user": "u5", "item": "i44"}, slug=shop.slug)
    while cursor is not None:
        page = recommend(shop.caller, shop.slug, replace(request, cursor=cursor))
        assert page.request_id == first.request_id
        assert page.hits[0].position == len(shown) + 1
        shown += names(page)
        cursor = page.cursor
    assert len(shown) == len(set(shown))
    with pytest.raises(InvalidInput, match="another request"):
        recommend(shop.caller, shop.slug, asked(user="u6", cursor=first.cursor))


def test_what_was_shown_is_kept_unless_it_is_a_preview(shop: Shop) -> None:
    found = lists(shop, user="u9", placement="home", limit=3)
    preview = lists(shop, user="u9", placement="home", is_recorded=False)
    assert preview.cursor is None
    with db.engine().connect() as connection:
        rows = connection.execute(
            text(
                "SELECT position, placement, score FROM impressions WHERE request_id = :id"
                " ORDER BY position"
            ),
            {"id": found.request_id},
        ).all()
        assert [tuple(row) for row in rows] == [
            (hit.position, "home", hit.score) for hit in found.hits
        ]
        none = "SELECT count(*) FROM impressions WHERE request_id = :id"
        assert connection.scalar(text(none), {"id": preview.request_id}) == 0


def test_old_impressions_are_forgotten(shop: Shop) -> None:
    old, kept = (lists(shop, user="u9", limit=3).request_id for _ in range(2))
    age = text(
        "UPDATE impressions SET shown_at = now() - interval '999 days' WHERE request_id = :id"
    )
    left = text("SELECT DISTINCT request_id FROM impressions WHERE request_id IN (:old, :kept)")
    with db.engine().begin() as connection:
        connection.execute(age, {"id": old})
    assert forget_old_impressions() == 3
    with db.engine().connect() as connection:
        assert connection.scalars(left, {"old": old, "kept": kept}).all() == [kept]


def test_new_items_come_into_lists_and_are_marked(shop: Shop) -> None:
    send_items(shop.caller, item(0, external_id="i100", categories=["z"]), slug=shop.slug)
    found = lists(shop, user="u0", categories=("z",))
    assert names(found) == ["i100"]
    assert found.hits[0].is_new
    assert names(lists(shop, kind=Kind.LATEST))[0] == "i100"


def test_examples_pull_and_push(shop: Shop) -> None:
    like = lists(shop, like=("i31", "i33"), limit=10)
    assert not {"i31", "i33"} & set(names(like))
    assert sum(group(name) == "b" for name in names(like)) >= 8
    of_both = lists(shop, like=("i31", "i1"), limit=20)
    pushed = lists(shop, like=("i31", "i1"), unlike=("i2", "i3"), limit=20)
    n_of = [sum(group(name) == "a" for name in names(one)) for one in (of_both, pushed)]
    assert n_of[1] < n_of[0]


def test_similar_items_and_users(shop: Shop) -> None:
    found = similar(shop.caller, shop.slug, "i40", asked(by=By.BEHAVIOR))
    assert sum(group(name) == "b" for name in names(found)) >= 8
    users = similar_users(shop.caller, shop.slug, "u2", limit=5)
    assert len(users) == 5
    assert sum(int(user.external_id[1:]) % 2 == 0 for user in users) >= 4
    assert all(0 < user.score <= 1 for user in users)
    with pytest.raises(NotFound):
        similar(shop.caller, shop.slug, "nothing", asked())
    with pytest.raises(NotFound):
        similar_users(shop.caller, shop.slug, "nobody")


def test_bought_together_is_what_goes_with_the_basket(shop: Shop) -> None:
    found = lists(shop, kind=Kind.BOUGHT_TOGETHER, basket=("i30", "i31"))
    assert {group(name) for name in names(found)} == {"b"}
    assert not {"i30", "i31"} & set(names(found))


def why_not_in(shop: Shop, external_id: str, **parts: object) -> WhyNot:
    return why_not(shop.caller, shop.slug, asked(**parts), external_id)


def test_why_not_tells_what_keeps_an_item_out(shop: Shop) -> None:
    assert why_not_in(shop, "nothing").obstacles == (Obstacle.UNKNOWN,)
    found = lists(shop, user="u0", is_recorded=False)
    everything = lists(shop, user="u0", limit=60, seen=Seen(is_excluded=False))
    had = (set(names(everything)) - set(names(lists(shop, user="u0", limit=60)))).pop()
    assert why_not_in(shop, had, user="u0").obstacles == (Obstacle.SEEN,)
    both = why_not_in(shop, had, user="u0", filter={"price": -1}, categories=("none",))
    assert set(both.obstacles) == {Obstacle.FILTERED, Obstacle.CATEGORY, Obstacle.SEEN}
    assert why_not_in(shop, "i1", like=("i1",)).obstacles == (Obstacle.EXAMPLE,)
    assert Obstacle.NOT_A_CANDIDATE in why_not_in(shop, "i1", candidates=("i2",)).obstacles
    first = why_not_in(shop, names(found)[0], user="u0")
    assert (first.position, first.obstacles) == (1, ())
    low = names(lists(shop, user="u0", limit=60, relevance=1.0))[-1]
    below = why_not_in(shop, low, user="u0", relevance=1.0)
    assert below.obstacles == (Obstacle.BELOW_CUT,)
    assert below.rank is not None
    assert below.rank > 10
    assert below.score is not None
    assert below.cut is not None
    assert below.score < below.cut
    assert math.isclose(sum(one.score for one in below.reasons), below.score, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"user": " "}, "user"),
        ({"like": ("i1", "i1")}, "like.1"),
        ({"unlike": ("i1",)}, "like"),
        ({"like": ("i1",), "unlike": ("i1",)}, "unlike"),
        ({"filter": {"price": {"$near": 3}}}, "filter.price.$near"),
        ({"relevance": float("nan")}, "relevance"),
        ({"seen": Seen(decay=2.0)}, "seen_decay"),
        ({"kind": Kind.BOUGHT_TOGETHER}, "basket"),
        ({"kind": Kind.LATEST, "like": ("i1",)}, "like"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"variant": "none"}, "variant"),
        ({"like_text": ""}, "like_text"),
        ({"candidates": tuple(map(str, range(1_001)))}, "candidates"),
    ],
)
def test_bad_requests_are_refused_by_field(
    shop: Shop, parts: dict[str, object], field: str
) -> None:
    with pytest.raises((InvalidInput, TooLarge)) as refused:
        lists(shop, **parts)
    assert vars(refused.value)["field"] == field


def test_a_catalog_without_anything_gives_lists_with_reasons(shop: Shop) -> None:
    caller = shop.caller
    make_catalog(caller, "bare")
    for kind in (Kind.PERSONAL, Kind.POPULAR, Kind.TRENDING, Kind.LATEST):
        found = recommend(caller, "bare", asked(kind=kind, user="nobody"))
        assert not found.hits
        assert NoteCode.EMPTY_CATALOG in codes(found)
    send_items(caller, item(1), item(2), slug="bare")
    found = recommend(caller, "bare", asked(user="nobody"))
    assert names(found) == ["i2", "i1"]
    assert {NoteCode.NO_VERSION, NoteCode.NO_INTERACTIONS} <= codes(found)
    act(caller, {"user": "u", "item": "i1"}, slug="bare")
    assert names(recommend(caller, "bare", asked())) == ["i1", "i2"]
    assert names(recommend(caller, "bare", asked(user="u"))) == ["i2"]
    assert names(recommend(caller, "bare", asked(kind=Kind.TRENDING))) == ["i1"]


def test_a_stranger_finds_no_catalog(shop: Shop) -> None:
    stranger = Caller.for_workspace(create_workspace("elsewhere", "Elsewhere"))
    bound = replace(shop.caller, principals=("guest",))
    for other in (stranger, bound):
        for call in (
            lambda caller: recommend(caller, shop.slug, asked()),
            lambda caller: similar(caller, shop.slug, "i1", asked()),
            lambda caller: why_not(caller, shop.slug, asked(), "i1"),
            lambda caller: similar_users(caller, shop.slug, "u1"),
        ):
            with pytest.raises(HubError) as refused:
                call(other)
            assert refused.type is NotFound
