"""Duplicates of stored rows: found, kept up, decided, taken back, and seen by who may see them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.members import get_item
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.documents.deletion import delete_documents
from embedhub.duplicates import following, scanning, service
from embedhub.duplicates.across import compare_collections
from embedhub.duplicates.queries import fingerprints, sets
from embedhub.duplicates.queries import pairs as pair_queries
from embedhub.duplicates.reclustering import recluster
from embedhub.duplicates.service import Action, PairFilter, PairView, Verdict, Wanted, Where
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from embedhub.graph import following as graph_following
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Owner
from embedhub.jobs import Job
from embedhub.runs.progress import RunCancelled
from embedhub.runs.service import get_run
from embedhub.search.request import SearchRequest
from embedhub.search.service import search
from embedhub.tables import (
    DuplicateCluster,
    DuplicateDecision,
    DuplicateMember,
    DuplicatePair,
    DuplicateSet,
    Fingerprint,
)
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything, make_collection, send

Sent = list[tuple[Job, dict[str, object]]]
HERE = Where(Owner.COLLECTIONS, "papers")
BODY = (
    "Blue whales are the largest animals known to have lived, reaching {} metres, and they feed on"
    " krill in cold seas where upwelling brings nutrients to the surface every summer"
)
WHALES = BODY.format(30)
NEAR = WHALES.replace("largest animals known", "largest known animals") + " of the year"
CHANGED = BODY.format(40)
OTHER = "Postgres keeps rows in heaps and finds them through indexes such as trees of pages"


def stored(caller: Caller, texts: dict[str, str], **fields: Any) -> None:
    make_collection(caller)
    add(caller, texts, **fields)


def add(caller: Caller, texts: dict[str, str], slug: str = "papers", **fields: Any) -> None:
    send(
        caller,
        *({"external_id": key, "text": text} | fields for key, text in texts.items()),
        slug=slug,
    )
    encode_everything()


def scan(caller: Caller, where: Where = HERE, **wanted: Any) -> dict[str, Any]:
    service.start_scan(caller, where, wanted)
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, where.owner, where.slug, where.level)
    return scanning.scan_duplicates(SilentProgress(), subject.arguments)


def followed(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(graph_following, "SHORTEST_REST_S", 0.0)
    monkeypatch.setattr(graph_following, "REST", 0)
    graph = graph_following.follow(graph_of(caller).id)
    assert graph is not None
    return following.follow(graph)


def graph_of(caller: Caller) -> GraphView:
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
        graph = graphs.live_graph(session, subject)
    assert graph is not None
    return graph


def listed(caller: Caller, where: Where = HERE, **wanted: Any) -> list[PairView]:
    return service.list_pairs(caller, where, PairFilter(**wanted))


def names(view: PairView) -> set[str]:
    return {view.left.external_id, view.right.external_id}


def clusters(caller: Caller) -> list[set[str]]:
    return [{n.external_id for n in one.members} for one in service.list_clusters(caller, HERE)]


def found_by_search(caller: Caller, words: str) -> set[str]:
    hits = search(caller, "papers", SearchRequest(query=words), is_counted=False).hits
    return {hit.document.external_id for hit in hits}


def decided(caller: Caller, pair_id: int, action: str, **how: Any) -> service.DecisionView:
    by = how.pop("by", None)
    return service.decide_pair(caller, HERE, pair_id, Wanted(Action(action), **how), by=by)


def count(table: Any) -> int:
    with db.reading() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_copies_near_copies_and_changed_facts_are_told_apart(caller: Caller) -> None:
    texts = {"a": WHALES, "b": f"<p>{WHALES.upper()}</p>", "c": NEAR, "d": CHANGED, "e": OTHER}
    stored(caller, texts)
    result = scan(caller)
    assert result["n_rows"] == 5
    assert result["n_copies"] == 1
    by_names = {frozenset(names(view)): view for view in listed(caller)}
    assert by_names[frozenset("ab")].kind == "exact"
    assert by_names[frozenset("ac")].kind == "near_copy"
    assert by_names[frozenset("ac")].is_automatic
    changed = by_names[frozenset("ad")]
    assert changed.contradictions == ["number"]
    assert not changed.is_automatic
    assert clusters(caller) == [{"a", "b", "c"}]
    assert not any("e" in names(view) for view in listed(caller))


def test_a_second_scan_changes_nothing_and_forgets_what_is_no_more(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR, "e": OTHER})
    scan(caller)
    before = {view.id for view in listed(caller)}
    ids = {one.id for one in service.list_clusters(caller, HERE)}
    assert scan(caller)["n_new"] == 0
    assert {view.id for view in listed(caller)} == before
    assert {one.id for one in service.list_clusters(caller, HERE)} == ids
    add(caller, {"c": "Something else altogether, about trains and tickets"})
    scan(caller)
    assert [names(view) for view in listed(caller)] == [{"a", "b"}]


@pytest.mark.parametrize(
    ("texts", "n_pairs"),
    [
        ({"a": WHALES}, 0),
        ({"a": "", "b": " ", "c": "<p></p>"}, 0),
        ({str(n): "the same words in every row" for n in range(60)}, 59),
    ],
)
def test_one_row_empty_rows_and_equal_rows(
    caller: Caller, texts: dict[str, str], n_pairs: int
) -> None:
    stored(caller, texts)
    assert scan(caller)["n_pairs"] == n_pairs
    assert count(DuplicatePair) == n_pairs
    assert len(clusters(caller)) == bool(n_pairs)
    if n_pairs:
        assert service.list_clusters(caller, HERE)[0].n_members == 60


def test_an_empty_collection_is_scanned(caller: Caller) -> None:
    make_collection(caller)
    assert scan(caller)["n_rows"] == 0
    assert listed(caller) == []


def test_without_vectors_words_alone_find_copies(caller: Caller) -> None:
    make_collection(caller, encoder="supplied", dimension=4)
    send(caller, *({"external_id": key, "text": t} for key, t in {"a": WHALES, "b": NEAR}.items()))
    scan(caller)
    assert [names(view) for view in listed(caller)] == [{"a", "b"}]
    assert "cosine" not in {part["name"] for part in listed(caller)[0].parts}


def test_a_cancelled_scan_goes_on_from_the_fingerprints_there_are(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(caller, {str(n): f"{WHALES} number{n}" for n in range(6)})

    class Cancelled(SilentProgress):
        def report(self, done: int, total: int | None = None) -> None:
            if "comparing texts" in self.said:
                raise RunCancelled("asked to")

    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
    with pytest.raises(RunCancelled):
        scanning.scan_duplicates(Cancelled(), subject.arguments)
    assert count(Fingerprint) == 6
    assert listed(caller) == []
    assert clusters(caller) == []
    read: list[int] = []
    monkeypatch.setattr(
        "embedhub.duplicates.fingerprinting.row_of", lambda node, *_: read.append(node.id)
    )
    scan(caller)
    assert read == []


def test_new_changed_and_removed_rows_follow(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(caller, {"a": WHALES, "e": OTHER})
    add(caller, {"b": WHALES})
    scan(caller)
    assert clusters(caller) == [{"a", "b"}]
    add(caller, {"c": NEAR, "d": WHALES})
    assert followed(caller, monkeypatch) == 2
    assert clusters(caller) == [{"a", "b", "c", "d"}]
    add(caller, {"b": "Something else altogether, about trains and tickets"})
    followed(caller, monkeypatch)
    assert clusters(caller) == [{"a", "c", "d"}]
    # The row that copies are stored as copies of goes: the others find each other.
    delete_documents(caller, "papers", external_ids=["a"])
    followed(caller, monkeypatch)
    assert clusters(caller) == [{"c", "d"}]
    assert followed(caller, monkeypatch) == 0


def test_nothing_follows_before_the_first_scan(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(caller, {"a": WHALES, "b": WHALES})
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
    graphs.ensure_graph(SilentProgress(), subject)
    assert following.follow(graph_of(caller)) == 0
    assert count(Fingerprint) == 0


def test_hiding_really_hides_and_undo_shows_again(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "e": OTHER})
    scan(caller)
    [pair] = listed(caller)
    made = decided(caller, pair.id, "hide", keep="a")
    assert made.hidden == "b"
    assert found_by_search(caller, "blue whales") >= {"a"}
    assert "b" not in found_by_search(caller, "blue whales")
    assert listed(caller, status="confirmed")[0].decision == made
    undone = decided(caller, pair.id, "undo")
    assert undone.undoes == made.id
    assert "b" in found_by_search(caller, "blue whales")
    assert listed(caller)[0].status == "open"
    actions = [one.action for one in service.list_decisions(caller, HERE)]
    assert actions == ["undo", "hide"]


def test_a_row_hidden_twice_shows_only_when_both_are_taken_back(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    by_names = {frozenset(names(view)): view.id for view in listed(caller)}
    one, other = by_names[frozenset("ab")], by_names[frozenset("ac")]
    decided(caller, one, "hide", keep="b")
    decided(caller, other, "hide", keep="c")
    decided(caller, one, "undo")
    assert "a" not in found_by_search(caller, "blue whales")
    decided(caller, other, "undo")
    assert "a" in found_by_search(caller, "blue whales")


def test_the_second_person_is_told(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES})
    scan(caller)
    [pair] = listed(caller)
    first = decided(caller, pair.id, "link", by="staff ada")
    with pytest.raises(Conflict, match="staff ada decided 'link'"):
        decided(caller, pair.id, "not_duplicate", by="staff bob")
    second = decided(caller, pair.id, "not_duplicate", seen=first.id, by="staff bob")
    assert clusters(caller) == []
    with pytest.raises(Conflict):
        decided(caller, pair.id, "undo", seen=first.id)
    decided(caller, pair.id, "undo", seen=second.id)
    with pytest.raises(Conflict, match="nothing is decided"):
        decided(caller, pair.id, "undo")
    assert clusters(caller) == [{"a", "b"}]


def test_decisions_are_remembered_when_rows_are_sent_again(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    by_names = {frozenset(names(view)): view.id for view in listed(caller)}
    decided(caller, by_names[frozenset("ab")], "not_duplicate")
    # In the other order, so that the rows' ids change places too.
    delete_documents(caller, "papers", external_ids=["a", "b", "c"])
    add(caller, {"c": NEAR})
    add(caller, {"b": WHALES})
    add(caller, {"a": WHALES})
    scan(caller)
    statuses = {frozenset(names(view)): view.status for view in listed(caller)}
    assert statuses[frozenset("ab")] == "dismissed"
    assert {"a", "b"} not in [one & {"a", "b"} for one in clusters(caller)]


def test_a_passage_keeps_its_decision_when_it_is_parted_again(caller: Caller) -> None:
    where = replace(HERE, level="chunk")
    stored(caller, {"a": WHALES, "b": WHALES})
    scan(caller, where)
    [pair] = service.list_pairs(caller, where, PairFilter())
    with pytest.raises(InvalidInput, match="passages are not hidden"):
        service.decide_pair(caller, where, pair.id, Wanted(Action.HIDE))
    service.decide_pair(caller, where, pair.id, Wanted(Action.NOT_DUPLICATE))
    delete_documents(caller, "papers", external_ids=["a"])
    add(caller, {"a": WHALES})
    scan(caller, where)
    [again] = service.list_pairs(caller, where, PairFilter())
    assert again.id != pair.id
    assert again.status == "dismissed"


def test_a_canonical_row_follows_its_policy_or_a_choice(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    [cluster] = service.list_clusters(caller, HERE)
    assert cluster.canonical is not None
    assert cluster.canonical.external_id == "c"
    scan(caller, policy="manual")
    [cluster] = service.list_clusters(caller, HERE)
    assert cluster.canonical is not None
    assert cluster.canonical.external_id == "a"
    chosen = service.choose_canonical(caller, HERE, cluster.id, "b")
    assert chosen.canonical is not None
    assert chosen.canonical.external_id == "b"
    scan(caller, policy="longest")
    [cluster] = service.list_clusters(caller, HERE)
    assert cluster.canonical is not None
    assert cluster.canonical.external_id == "b"
    with pytest.raises(InvalidInput, match="no member"):
        service.choose_canonical(caller, HERE, cluster.id, "nobody")


def test_a_merge_lets_the_kept_row_stand_for_the_cluster(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    pair = next(view for view in listed(caller) if names(view) == {"a", "b"})
    decided(caller, pair.id, "merge", keep="b")
    [cluster] = service.list_clusters(caller, HERE)
    assert cluster.canonical is not None
    assert cluster.canonical.external_id == "b"
    assert "a" not in found_by_search(caller, "blue whales")


def test_a_text_is_checked_before_it_is_stored(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "e": OTHER})
    unscanned = service.check(caller, Owner.COLLECTIONS, "papers", text=NEAR)
    assert not unscanned.is_scanned
    scan(caller)

    def verdict(text: str) -> service.Checked:
        return service.check(caller, Owner.COLLECTIONS, "papers", text=text)

    assert verdict(f"<b>{WHALES}</b>").matches[0].judged.kind == "exact"
    near = verdict(NEAR)
    assert near.verdict is Verdict.DUPLICATE
    assert near.is_scanned
    assert verdict(CHANGED).verdict is Verdict.REVIEW
    assert verdict("An entirely new subject: cheese and wine").verdict is Verdict.NEW
    assert count(DuplicatePair) == 1
    with pytest.raises(InvalidInput):
        verdict(" ")
    with pytest.raises(TooLarge):
        verdict("x" * 100_001)


def test_a_pair_is_seen_only_by_who_may_see_both(caller: Caller, stranger: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES})
    add(caller, {"s": NEAR}, access=["board"])
    scan(caller)
    secret = next(view for view in listed(caller) if "s" in names(view))
    bound = replace(caller, principals=("sales",), scopes=frozenset({"read"}))
    assert [names(view) for view in listed(bound)] == [{"a", "b"}]
    with pytest.raises(NotFound):
        service.get_pair(bound, HERE, secret.id)
    [cluster] = service.list_clusters(bound, HERE)
    assert cluster.n_members == 2
    checked = service.check(bound, Owner.COLLECTIONS, "papers", text=NEAR)
    assert "s" not in {match.node.external_id for match in checked.matches}
    for refused in (
        lambda: service.thresholds(bound, HERE),
        lambda: service.list_decisions(bound, HERE),
        lambda: decided(bound, secret.id, "link"),
    ):
        with pytest.raises(Forbidden):
            refused()
    for hidden in (
        lambda: listed(stranger),
        lambda: service.list_clusters(stranger, HERE),
        lambda: service.start_scan(stranger, HERE),
        lambda: decided(stranger, secret.id, "link"),
    ):
        with pytest.raises(NotFound):
            hidden()


def test_what_if_counts_stored_pairs_and_precision_follows_decisions(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR, "d": CHANGED})
    with pytest.raises(NotFound):
        service.thresholds(caller, HERE)
    scan(caller)
    low, high = service.thresholds(caller, HERE, 0.0), service.thresholds(caller, HERE, 0.95)
    assert low.n_pairs >= high.n_pairs > 0
    assert low.n_flagged > 0
    before = high.precision
    for view in listed(caller, least=0.95):
        decided(caller, view.id, "not_duplicate")
    after = service.thresholds(caller, HERE, 0.95)
    assert before is not None
    assert after.precision is not None
    assert after.precision < before
    assert after.n_dismissed > 0


def test_a_band_is_decided_at_once_but_for_what_differs_in_a_fact(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR, "d": CHANGED})
    scan(caller)
    done, refused = service.decide_band(
        caller, HERE, Wanted(Action.LINK), least=0.0, most=1.01, by="staff ada"
    )
    assert (done, refused) == (2, 0)
    assert all(view.contradictions for view in listed(caller, status="open"))


def test_a_test_set_is_looked_for_in_a_training_set(caller: Caller) -> None:
    stored(caller, {"t1": WHALES, "t2": OTHER, "t3": "Nothing like the others at all, really"})
    make_collection(caller, "train")
    add(caller, {"x": NEAR, "y": OTHER, "z": "Stocks fell on Monday as traders went home"}, "train")
    where = replace(HERE, within="train")
    run_id = service.start_comparison(caller, where)
    assert get_run(caller, run_id).kind == "compare_collections"
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
        other = graphs.subject_of(session, caller, Owner.COLLECTIONS, "train")
    arguments = subject.arguments | {"other_collection_id": other.collection_id}
    compare_collections(SilentProgress(), arguments)
    found = {(v.left.external_id, v.right.external_id): v for v in listed(caller, where)}
    assert set(found) == {("t1", "x"), ("t2", "y")}
    pair = found["t1", "x"]
    service.decide_pair(caller, where, pair.id, Wanted(Action.NOT_DUPLICATE))
    compare_collections(SilentProgress(), arguments)
    assert {v.status for v in listed(caller, where) if v.id == pair.id} == {"dismissed"}
    with pytest.raises(InvalidInput, match="another collection"):
        service.start_comparison(caller, replace(HERE, within="papers"))


def test_items_of_a_catalog_are_hidden_and_shown(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, {"external_id": "a", "fields": {"title": WHALES}},
               {"external_id": "b", "fields": {"title": WHALES}})  # fmt: skip
    encode_everything()
    where = Where(Owner.CATALOGS, "films")
    scan(caller, where)
    [pair] = service.list_pairs(caller, where, PairFilter())
    service.decide_pair(caller, where, pair.id, Wanted(Action.HIDE, keep="a"))
    assert get_item(caller, "films", "b").is_hidden
    assert not get_item(caller, "films", "a").is_hidden
    service.decide_pair(caller, where, pair.id, Wanted(Action.UNDO))
    assert not get_item(caller, "films", "b").is_hidden


def test_a_deleted_collection_leaves_nothing(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    decided(caller, listed(caller)[0].id, "link")
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
    delete_collection(caller, "papers")
    purge_collection(SilentProgress(), {"collection_id": subject.collection_id})
    tables: Sequence[Any] = (
        DuplicateSet, Fingerprint, DuplicatePair, DuplicateDecision, DuplicateCluster,
        DuplicateMember,
    )  # fmt: skip
    assert {table.__tablename__: count(table) for table in tables if count(table)} == {}


def test_rows_that_are_gone_are_forgotten_by_the_clock(caller: Caller) -> None:
    stored(caller, {"a": WHALES, "b": WHALES, "c": NEAR})
    scan(caller)
    delete_documents(caller, "papers", external_ids=["b"])
    assert all("b" not in names(view) for view in listed(caller))
    assert following.remove_left_overs() == 1
    assert following.remove_left_overs() == 0
    assert clusters(caller) == [{"a", "c"}]


@pytest.mark.slow
def test_fifty_thousand_equal_rows_make_one_star(caller: Caller) -> None:
    """Straight into the tables: what is looked at is how many pairs and statements follow."""
    make_collection(caller)
    with db.writing() as session:
        subject = graphs.subject_of(session, caller, Owner.COLLECTIONS, "papers")
        found = sets.make_set(session, subject)
        session.execute(
            text(
                "INSERT INTO fingerprints (set_id, node_id, node_hash, text_hash, bands, n_words)"
                " SELECT :set_id, n, 'h', 'same text', array_fill(1, ARRAY[25]), 7"
                " FROM generate_series(1, 50000) AS n"
            ),
            {"set_id": found.id},
        )
    with db.writing() as session:
        held = sets.hold_set(session, found.id)
        assert held is not None
        assert pair_queries.star_copies(session, held, scanning.judged_copy()) == 49_999
        assert recluster(session, held, subject) == 1
    with db.reading() as session:
        assert session.scalars(select(DuplicateCluster.n_members)).one() == 50_000
        prints = fingerprints.read_prints(session, found.id, 25)
    candidates, _ = scanning.candidates_of(
        scanning.Found(found.id, subject, service.Settings(), None), prints
    )
    assert len(candidates) == 0
