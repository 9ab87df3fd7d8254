"""Scans over stored rows: what is flagged, decided, followed, and what is left behind."""

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies import following, scanning, service
from embedhub.anomalies.service import TextAsked
from embedhub.catalog.service import delete_catalog, purge_catalog
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.documents.deletion import delete_documents
from embedhub.errors import Conflict, InvalidInput, NotFound, NotReady, TooLarge
from embedhub.graph import following as graph_following
from embedhub.graph.service import Owner
from embedhub.runs.progress import RunCancelled
from tests.anomalies.seed import CLEAN, SPAM, live, scan, subject_of, usual_texts
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts

PAPERS = (Owner.COLLECTIONS, "papers")
TABLES = ("profiles", "arrays", "scores", "flags", "decisions")


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rest between two comparisons of a graph."""
    monkeypatch.setattr(graph_following, "SHORTEST_REST_S", 0.0)
    monkeypatch.setattr(graph_following, "REST", 0)


def fill(caller: Caller, *odd: dict[str, object], n: int = 60) -> None:
    make_collection(caller)
    send_texts(caller, usual_texts(n))
    send(caller, *odd)
    encode_everything()


def spam(number: int = 1, **fields: object) -> dict[str, object]:
    return {"external_id": f"spam-{number}", "text": SPAM % number} | fields


def flagged(caller: Caller, status: str | None = "open") -> list[str]:
    return [one.row.external_id for one in service.list_flags(caller, *PAPERS, status=status)]


def follow(caller: Caller) -> int:
    graph = graph_following.follow(live(subject_of(caller)).id)
    assert graph is not None
    return following.follow(graph)


def counts() -> dict[str, int]:
    with db.reading() as session:
        return {
            table: session.execute(text(f"SELECT count(*) FROM anomaly_{table}")).scalar_one()
            for table in TABLES
        }


def test_what_stands_out_is_flagged_with_its_reasons(caller: Caller) -> None:
    fill(caller, spam())
    result = scan(subject_of(caller))
    assert (result["n_rows"], result["n_flags"], result["with_vectors"]) == (61, 1, True)
    [flag] = service.list_flags(caller, *PAPERS)
    assert (flag.row.external_id, flag.status, flag.current) == ("spam-1", "open", None)
    assert {"looks", "words"} <= {one["signal"] for one in flag.reasons}
    assert all(one["words"] and 0 < one["share"] <= 0.05 for one in flag.reasons)
    assert "CASH" in flag.rare_words
    assert len(flag.normal) == 3
    assert "spam-1" not in {one.external_id for one in flag.normal}
    assert flag.percentile > 98
    state = service.describe(caller, *PAPERS)
    assert (state.n_rows, state.counts["open"], state.precision) == (61, 1, None)


def test_decisions_are_rows_that_a_second_person_is_told_of(caller: Caller) -> None:
    fill(caller, spam())
    scan(subject_of(caller))
    [flag] = service.list_flags(caller, *PAPERS)
    accepted = service.decide(caller, *PAPERS, flag.id, "accept", by="ann")
    assert (accepted.status, accepted.decisions[0].decided_by) == ("dismissed", "ann")
    with pytest.raises(Conflict, match=r"ann accepted this row at .* send seen="):
        service.decide(caller, *PAPERS, flag.id, "confirm", by="bob")
    confirmed = service.decide(caller, *PAPERS, flag.id, "confirm", seen=accepted.current, by="bob")
    assert confirmed.status == "confirmed"
    assert service.describe(caller, *PAPERS).precision == 1.0
    undone = service.decide(caller, *PAPERS, flag.id, "undo", seen=confirmed.current)
    assert (undone.status, undone.current) == ("open", None)
    assert [one.decision for one in undone.decisions] == ["accept", "confirm", "undo"]
    assert undone.decisions[-1].undoes == confirmed.current
    with pytest.raises(Conflict, match="nothing is decided"):
        service.decide(caller, *PAPERS, flag.id, "undo")
    with pytest.raises(InvalidInput):
        service.decide(caller, *PAPERS, flag.id, "hide")
    with pytest.raises(NotFound):
        service.decide(caller, *PAPERS, flag.id + 1, "accept")


def test_an_accepted_row_makes_its_like_usual_and_a_confirmed_one_does_not(
    caller: Caller,
) -> None:
    fill(caller, spam())
    scan(subject_of(caller))
    [flag] = service.list_flags(caller, *PAPERS)

    def score(number: int) -> float:
        return service.score_text(caller, *PAPERS, TextAsked(SPAM % number)).score

    before = score(2)
    accepted = service.decide(caller, *PAPERS, flag.id, "accept")
    assert score(2) < before / 2
    scan(subject_of(caller))
    assert flagged(caller) == []
    service.decide(caller, *PAPERS, flag.id, "confirm", seen=accepted.current)
    again = service.score_text(caller, *PAPERS, TextAsked(SPAM % 2))
    assert again.score > before
    assert again.is_flagged
    assert again.reasons[0]["signal"] == "confirmed"
    scan(subject_of(caller))
    assert flagged(caller) == []
    assert flagged(caller, "confirmed") == ["spam-1"]


def test_new_rows_are_scored_as_they_come(caller: Caller) -> None:
    fill(caller)
    subject = subject_of(caller)
    scan(subject)
    assert flagged(caller) == []
    assert follow(caller) == 0
    send(caller, spam(), {"external_id": "calm", "text": CLEAN})
    encode_everything()
    assert follow(caller) > 0
    assert flagged(caller) == ["spam-1"]
    # Its text changes to a usual one: nobody has to look at it any more.
    send(caller, {"external_id": "spam-1", "text": CLEAN + " harbour"})
    encode_everything()
    follow(caller)
    assert flagged(caller) == []
    delete_documents(caller, "papers", external_ids=["spam-1", "calm"])
    follow(caller)
    assert counts()["scores"] == 60


def test_following_keeps_to_the_budget(caller: Caller) -> None:
    fill(caller)
    scan(subject_of(caller))
    service.change_setting(caller, *PAPERS, {"budget": {"per_day": 2}})
    send(caller, *(spam(n, text=f"{SPAM % n} {'Z' * n * 9}") for n in range(5)))
    encode_everything()
    follow(caller)
    assert len(flagged(caller)) == 2


def test_a_score_needs_a_scan_and_stores_nothing(caller: Caller) -> None:
    fill(caller, spam())
    with pytest.raises(NotReady):
        service.score_text(caller, *PAPERS, TextAsked("anything"))
    scan(subject_of(caller))
    before = counts()
    odd = service.score_text(caller, *PAPERS, TextAsked(SPAM % 3))
    usual = service.score_text(caller, *PAPERS, TextAsked(CLEAN))
    assert odd.is_flagged
    assert not usual.is_flagged
    assert odd.score > odd.limit > usual.score
    assert odd.signals["looks"]["percentile"] > usual.signals["looks"]["percentile"]  # type: ignore[operator]
    assert service.score_text(caller, *PAPERS, TextAsked("")).score >= 0
    with pytest.raises(TooLarge):
        service.score_text(caller, *PAPERS, TextAsked("x" * 60_000))
    assert counts() == before


def test_words_and_looks_are_enough_without_vectors(caller: Caller) -> None:
    make_collection(caller, dimension=3)
    send_texts(caller, usual_texts(60))
    send(caller, spam())
    result = scan(subject_of(caller))
    assert (result["with_vectors"], flagged(caller)) == (False, ["spam-1"])
    assert service.score_text(caller, *PAPERS, TextAsked(SPAM % 3)).is_flagged


@pytest.mark.parametrize("texts", [["alone"], ["the same text"] * 30, ["", "", ""], []])
def test_rows_that_are_alike_are_not_flagged(caller: Caller, texts: list[str]) -> None:
    make_collection(caller)
    send_texts(caller, texts)
    encode_everything()
    assert scan(subject_of(caller))["n_flags"] == 0
    assert flagged(caller) == []


def test_the_centroid_detector_flags_below_its_limit(caller: Caller) -> None:
    fill(caller, spam())
    service.change_setting(caller, *PAPERS, {"detector": "centroid", "limit": 0.1})
    scan(subject_of(caller))
    [flag] = service.list_flags(caller, *PAPERS)
    assert flag.reasons[0]["signal"] == "centroid"
    assert "below 0.1" in flag.reasons[0]["words"]


def test_neighbors_with_another_label_are_a_reason(caller: Caller) -> None:
    make_collection(caller)
    usual = usual_texts(60)
    send_texts(caller, usual, metadata={"kind": "sea"})
    send(caller, {"external_id": "twin", "text": usual[3], "metadata": {"kind": "land"}})
    encode_everything()
    service.change_setting(caller, *PAPERS, {"label_field": "kind", "budget": {"share": 0.2}})
    scan(subject_of(caller))
    asked = TextAsked(usual[4], label="land")
    signals = service.score_text(caller, *PAPERS, asked).signals
    assert signals["label"]["value"] == pytest.approx(1.0, abs=0.11)
    assert signals["label"]["percentile"] > 95  # type: ignore[operator]


def test_hidden_rows_hide_their_flags(caller: Caller) -> None:
    fill(caller, spam(1, access=["staff"]))
    scan(subject_of(caller))
    assert flagged(caller) == ["spam-1"]
    bound = caller.narrowed([])
    assert service.list_flags(bound, *PAPERS) == []
    [flag] = service.list_flags(caller, *PAPERS, principals=["staff"])
    with pytest.raises(NotFound):
        service.get_flag(bound, *PAPERS, flag.id)
    score = service.score_text(bound, *PAPERS, TextAsked(SPAM % 1))
    assert "spam-1" not in {one.external_id for one in score.normal}


def test_a_cancelled_scan_leaves_what_was_there(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(caller, spam())
    subject = subject_of(caller)
    scan(subject)
    before = service.describe(caller, *PAPERS)
    send(caller, spam(2))
    encode_everything()

    class Cancelled(SilentProgress):
        def stay_alive(self) -> None:
            if self.said and self.said[-1] == "storing":
                raise RunCancelled("run 0")

    with pytest.raises(RunCancelled):
        scanning.scan_anomalies(Cancelled(), subject.arguments)
    after = service.describe(caller, *PAPERS)
    assert (after.fitted_at, after.n_rows) == (before.fitted_at, 61)
    assert flagged(caller) == ["spam-1"]
    assert counts()["scores"] == 61 + 62
    scan(subject)
    assert counts()["scores"] == 62


def test_removal_leaves_nothing(caller: Caller) -> None:
    fill(caller, spam())
    scan(subject_of(caller))
    flag = service.list_flags(caller, *PAPERS)[0]
    service.decide(caller, *PAPERS, flag.id, "confirm")
    n_flags = counts()["flags"]
    delete_documents(caller, "papers", external_ids=[flag.row.external_id])
    assert (counts()["flags"], counts()["decisions"]) == (n_flags - 1, 0)
    collection_id = subject_of(caller).collection_id
    delete_collection(caller, "papers")
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    assert set(counts().values()) == {0}


def test_items_of_catalogs_are_rows_too(caller: Caller) -> None:
    make_catalog(caller)
    items = [{"external_id": str(i), "fields": {"title": t}} for i, t in enumerate(usual_texts(60))]
    send_items(caller, *items, {"external_id": "odd", "fields": {"title": SPAM % 1}})
    encode_everything()
    subject = subject_of(caller, owner=Owner.CATALOGS, slug="films")
    scan(subject)
    [flag] = service.list_flags(caller, Owner.CATALOGS, "films")
    assert flag.row.external_id == "odd"
    service.decide(caller, Owner.CATALOGS, "films", flag.id, "confirm")
    delete_catalog(caller, "films")
    purge_catalog(SilentProgress(), {"catalog_id": subject.catalog_id})
    assert set(counts().values()) == {0}


def test_a_stranger_sees_nothing(caller: Caller, stranger: Caller) -> None:
    fill(caller, spam())
    scan(subject_of(caller))
    [flag] = service.list_flags(caller, *PAPERS)
    for ask in (
        lambda: service.list_flags(stranger, *PAPERS),
        lambda: service.get_flag(stranger, *PAPERS, flag.id),
        lambda: service.decide(stranger, *PAPERS, flag.id, "accept"),
        lambda: service.describe(stranger, *PAPERS),
        lambda: service.score_text(stranger, *PAPERS, TextAsked("x")),
        lambda: service.start_scan(stranger, *PAPERS),
    ):
        with pytest.raises(NotFound):
            ask()
