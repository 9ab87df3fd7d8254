"""Label sets over stored rows: trained, published, kept up, given, asked, doubted, hidden."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.config import override_config
from embedhub.documents.deletion import delete_documents
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound, NotReady, TooLarge
from embedhub.graph import following as graphs
from embedhub.graph.service import GraphView, Owner, live_graph, subject_of
from embedhub.labels import following, service, storing, work
from embedhub.labels.predicting import forget_loaded
from embedhub.labels.service import GivenInput, Place, PredictionView, SetInput, Wanted
from embedhub.runs.progress import RunCancelled
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts
from tests.labels.letters import EACH, NAME, OF, SLUG, WORDS, fill, letters, trained

N_ROWS = EACH * len(WORDS)
OPEN_LETTER = "money-3"


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    forget_loaded()


def graph_of(caller: Caller) -> GraphView:
    with db.reading() as session:
        found = live_graph(session, subject_of(session, caller, OF, SLUG))
    assert found is not None
    return found


def follow(caller: Caller) -> int:
    """Do what the worker does after vectors were stored or removed."""
    with db.writing() as session:
        session.execute(text("UPDATE graphs SET followed_at = NULL"))
    graphs.follow(graph_of(caller).id)
    return following.follow(graph_of(caller))


def predicted(caller: Caller, **wanted: Any) -> list[PredictionView]:
    views, _ = service.list_predictions(caller, OF, SLUG, NAME, Wanted(**wanted), limit=100)
    return views


def ids_of(views: list[PredictionView]) -> set[str]:
    return {view.row.external_id for view in views if view.row is not None}


def count(table: str) -> int:
    with db.reading() as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def give(caller: Caller, **labels: str | None) -> list[service.GivenOutcome]:
    inputs = [GivenInput(row.replace("_", "-"), label) for row, label in labels.items()]
    return service.give(caller, OF, SLUG, NAME, inputs)


def test_labels_in_a_field_train_a_classifier_that_predicts_every_row(caller: Caller) -> None:
    fill(caller)
    run = trained(caller)
    assert run.status == "succeeded"
    assert run.result is not None
    assert run.result["status"] == "live"
    assert run.result["n_predicted"] == N_ROWS
    state = service.describe_set(caller, OF, SLUG, NAME)
    assert state.live is not None
    assert state.live.metrics["accuracy"] > 0.9
    assert state.n_predicted == N_ROWS
    views = predicted(caller)
    right = [v for v in views if v.row is not None and v.row.external_id.startswith(v.likeliest)]
    assert len(right) >= 0.9 * N_ROWS
    assert [v.probability for v in views] == sorted((v.probability for v in views), reverse=True)
    # The same labels again: nothing is made anew.
    again = trained(caller)
    assert again.result is not None
    assert (again.result["version"], again.result["is_new"]) == (1, False)
    assert again.result["n_predicted"] == 0


def test_a_text_that_is_not_stored_is_classified_with_reasons(caller: Caller) -> None:
    fill(caller)
    with pytest.raises(NotReady):
        service.classify(caller, OF, SLUG, NAME, ["x"])
    trained(caller)
    texts = ["letter about doctor medicine and fever", "zebra quux flomp gargle"]
    known, unknown = service.classify(caller, OF, SLUG, NAME, texts)
    assert known.likeliest == "health"
    assert sum(one.probability for one in known.probabilities) == pytest.approx(1, abs=0.01)
    assert unknown.is_rejected
    assert unknown.label is None
    assert any(reason["name"] == "rejected" for reason in unknown.reasons)
    with pytest.raises(InvalidInput, match=r"texts\.1"):
        service.classify(caller, OF, SLUG, NAME, ["x", " "])
    with pytest.raises(TooLarge, match="texts"):
        service.classify(caller, OF, SLUG, NAME, ["x"] * 101)


def test_new_changed_and_deleted_rows_are_followed(caller: Caller) -> None:
    fill(caller)
    trained(caller)
    send(caller, {"external_id": "new", "text": "letter about hotel flight and train"}, slug=SLUG)
    changed = {"external_id": OPEN_LETTER, "text": "letter about nurse fever and hospital"}
    send(caller, changed, slug=SLUG)
    encode_everything()
    delete_documents(caller, SLUG, external_ids=["travel-1"])
    assert follow(caller) == 2
    found = {view.row.external_id: view for view in predicted(caller) if view.row is not None}
    assert found["new"].likeliest == "travel"
    assert found[OPEN_LETTER].likeliest == "health"
    assert "travel-1" not in found
    assert count("predictions") == N_ROWS
    assert follow(caller) == 0


def test_lists_go_on_where_a_cursor_says_and_keep_to_what_is_asked(caller: Caller) -> None:
    fill(caller)
    trained(caller)
    seen: list[str] = []
    place: Place | None = None
    while True:
        views, place = service.list_predictions(
            caller, OF, SLUG, NAME, Wanted(), after=place, limit=7
        )
        seen += [view.row.external_id for view in views if view.row is not None]
        if place is None:
            break
    assert len(seen) == len(set(seen)) == N_ROWS
    assert ids_of(predicted(caller, label="money")) == {f"money-{n}" for n in range(EACH)}
    assert not predicted(caller, label="money", max_probability=0.1)
    rejected = predicted(caller, is_rejected=True)
    assert len(rejected) + len(predicted(caller, is_rejected=False)) == N_ROWS


def test_given_labels_are_taken_back_and_a_second_person_is_told(caller: Caller) -> None:
    fill(caller, source="given", field=None, labels=[{"name": kind} for kind in WORDS])
    first = give(caller, money_1="money", travel_1="travel", health_1=None)
    assert all(one.is_new for one in first)
    assert not give(caller, money_1="money")[0].is_new
    with pytest.raises(Conflict, match="command line gave 'money-1' 'money'"):
        give(caller, money_1="health")
    seen = GivenInput("money-1", "health", seen=first[0].id)
    changed = service.give(caller, OF, SLUG, NAME, [seen], by="ada")
    with pytest.raises(Conflict, match="ada gave"):
        service.give(caller, OF, SLUG, NAME, [replace(seen, label="travel")], by="bob")
    state = service.describe_set(caller, OF, SLUG, NAME)
    assert state.given_by_label == {"health": 1, "travel": 1}
    assert state.n_fitting_none == 1
    # Back to what it was before, then to nothing.
    assert service.undo(caller, OF, SLUG, NAME, [changed[0].id]) == [changed[0].id]
    assert service.undo(caller, OF, SLUG, NAME, [changed[0].id]) == []
    assert service.describe_set(caller, OF, SLUG, NAME).given_by_label == {"money": 1, "travel": 1}
    told = service.list_given(caller, OF, SLUG, NAME)
    assert (told[0].given_by, told[0].undone_by) == ("ada", "command line")
    # All of a batch, or none.
    with pytest.raises(InvalidInput, match=r"labels\.1\.label"):
        give(caller, money_2="money", money_3="sports")
    with pytest.raises(NotFound):
        give(caller, money_2="money", nobody="money")
    with pytest.raises(NotFound):
        service.undo(caller, OF, SLUG, NAME, [first[1].id, 999_999])
    assert service.describe_set(caller, OF, SLUG, NAME).given_by_label == {"money": 1, "travel": 1}


def test_a_given_label_goes_before_that_of_the_field(caller: Caller) -> None:
    fill(caller)
    trained(caller)
    give(caller, money_0="travel", money_1=None)
    run = trained(caller)
    assert run.result is not None
    assert run.result["is_new"]
    state = service.describe_set(caller, OF, SLUG, NAME)
    assert state.live is not None
    by_label = {one["label"]: one["n_rows"] for one in state.live.metrics["by_label"]}
    assert by_label == {"health": EACH, "money": EACH - 2, "travel": EACH + 1}
    assert state.live.metrics["outside"]["n_rows"] == 1


def test_wrong_labels_are_found_corrected_dismissed_and_remembered(caller: Caller) -> None:
    fill(caller)
    wrong = [
        {**letter, "metadata": {"kind": "travel"}}
        for letter in letters()
        if letter["external_id"] in {"money-5", "money-6"}
    ]
    send(caller, *wrong, slug=SLUG)
    trained(caller)
    found, _ = service.list_errors(caller, OF, SLUG, NAME)
    by_row = {one.row.external_id: one for one in found}
    assert {"money-5", "money-6"} <= set(by_row)
    assert (by_row["money-5"].label, by_row["money-5"].suggested) == ("travel", "money")

    def decide(row: str, decision: str, **more: Any) -> service.ErrorView:
        return service.decide(caller, OF, SLUG, NAME, by_row[row].id, decision=decision, **more)

    corrected = decide("money-5", "confirmed", by="ada")
    assert service.describe_set(caller, OF, SLUG, NAME).given_by_label == {"money": 1}
    with pytest.raises(Conflict, match="ada decided"):
        decide("money-5", "dismissed", by="bob")
    assert decide("money-5", "confirmed", by="bob").decided_by == "ada"
    reopened = decide("money-5", "open", seen=corrected.decision_id)
    assert (reopened.status, reopened.decided_by) == ("open", None)
    assert service.describe_set(caller, OF, SLUG, NAME).given_by_label == {}
    decide("money-6", "dismissed")
    give(caller, money_5="money")
    trained(caller)
    left, _ = service.list_errors(caller, OF, SLUG, NAME)
    assert not {one.row.external_id for one in left} & {"money-5", "money-6"}
    dismissed, _ = service.list_errors(caller, OF, SLUG, NAME, status="dismissed")
    assert [one.row.external_id for one in dismissed] == ["money-6"]


def test_people_are_asked_about_rows_without_a_label_one_of_each_kind(caller: Caller) -> None:
    fill(caller, source="given", field=None, labels=[{"name": kind} for kind in WORDS])
    # Before anything is known, and before there is a graph.
    assert len(service.queue(caller, OF, SLUG, NAME, limit=5)) == 5
    give(caller, **{f"{kind}_{n}": kind for kind in ("money", "travel") for n in (1, 2, 4)})
    trained(caller)
    asked = service.queue(caller, OF, SLUG, NAME, limit=6)
    rows = {one.row.external_id for one in asked}
    assert not rows & {"money-1", "travel-4"}
    assert len({one.cluster for one in asked}) == 6
    assert all(one.prediction is not None and one.reasons for one in asked)
    # What the classifier has never seen is what it has to be told of.
    assert any(row.startswith("health") for row in rows)
    with pytest.raises(InvalidInput, match="limit"):
        service.queue(caller, OF, SLUG, NAME, limit=101)


def test_descriptions_predict_without_a_single_label(caller: Caller) -> None:
    described = [{"name": kind, "description": " ".join(words)} for kind, words in WORDS.items()]
    fill(caller, source="given", field=None, labels=described)
    run = trained(caller)
    assert run.result is not None
    assert (run.result["origin"], run.result["status"]) == ("described", "live")
    views = predicted(caller)
    right = [v for v in views if v.row is not None and v.row.external_id.startswith(v.likeliest)]
    assert len(right) > 0.8 * N_ROWS
    # Labels that people give take over, once there are enough.
    give(caller, **{f"{kind}_{n}": kind for kind in WORDS for n in range(8)})
    run = trained(caller)
    assert run.result is not None
    assert run.result["origin"] == "trained"


def test_what_is_worse_is_kept_back_unless_told_and_a_version_comes_back(caller: Caller) -> None:
    fill(caller)
    trained(caller)
    wished = {"setting": {"words": False}}
    service.update_set(caller, OF, SLUG, NAME, wished)
    give(caller, **{f"money_{n}": "travel" for n in range(0, EACH, 2)})
    give(caller, **{f"health_{n}": "travel" for n in range(0, EACH, 2)})
    give(caller, **{f"travel_{n}": "money" for n in range(0, EACH, 2)})
    run = trained(caller, publish="never")
    assert run.status == "succeeded", run.error
    assert run.result is not None
    assert run.result["status"] in {"ready", "rejected"}
    run = trained(caller, publish="always")
    assert run.result is not None
    assert (run.result["version"], run.result["status"]) == (3, "live")
    assert service.get_version(caller, OF, SLUG, NAME, 1).status == "retired"
    back = service.publish_version(caller, OF, SLUG, NAME, 1, by="ada")
    assert (back.status, back.published_by) == ("live", "ada")
    assert follow(caller) == N_ROWS
    assert [one.number for one in service.list_versions(caller, OF, SLUG, NAME)] == [3, 2, 1]
    with pytest.raises(NotFound):
        service.publish_version(caller, OF, SLUG, NAME, 9)


@pytest.mark.parametrize(
    ("of_set", "words"),
    [
        ({"field": "missing"}, "the field 'missing' is empty or missing"),
        ({"field": "one"}, "every labelled row has the same label"),
        ({"field": "own"}, "every label has one row only"),
        ({"source": "given", "field": None}, "no row has a label yet"),
    ],
)
def test_labels_that_nothing_can_be_learned_from_say_so(
    caller: Caller, of_set: dict[str, Any], words: str
) -> None:
    make_collection(caller, SLUG)
    rows = [
        {"external_id": str(n), "text": f"row {n}", "metadata": {"one": "a", "own": f"v{n}"}}
        for n in range(4)
    ]
    send(caller, *rows, slug=SLUG)
    encode_everything()
    wanted = {"name": NAME, "source": "field"} | of_set
    service.create_set(caller, OF, SLUG, SetInput(**wanted))
    run = trained(caller)
    assert run.status == "failed"
    assert words in str(run.error)
    assert count("classifiers") == 0


def test_thousands_of_labels_are_refused(caller: Caller) -> None:
    override_config(max_labels=3)
    try:
        fill(caller, field="kind")
        send_texts(caller, ["a", "b"], slug=SLUG, metadata={"kind": "fourth"})
        encode_everything()
        run = trained(caller)
    finally:
        override_config(max_labels=1_000)
    assert run.status == "failed"
    assert "more than 3 different labels" in str(run.error)


def test_a_run_that_is_cancelled_or_killed_leaves_nothing_half_done(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(caller)
    arguments = graph_arguments(caller)

    class Cancelled(Progress):
        def report(self, done: int, total: int | None = None) -> None:
            if "training on all rows" in self.said:
                raise RunCancelled
            super().report(done, total)

    with pytest.raises(RunCancelled):
        work.train_labels(Cancelled(), arguments)
    assert count("classifiers") == count("predictions") == 0

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    # Killed behind the publication: the next try goes on with what is missing.
    with monkeypatch.context() as patched:
        patched.setattr(work, "predict_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            work.train_labels(Progress(), arguments)
    assert count("classifiers") == 1
    done = work.train_labels(Progress(), arguments)
    assert (done["is_new"], done["n_predicted"]) == (False, N_ROWS)
    assert count("classifiers") == 1


class Progress(SilentProgress):
    """Progress of a run that has no row."""

    def __init__(self) -> None:
        super().__init__()
        self.run_id = None  # type: ignore[assignment]


def graph_arguments(caller: Caller) -> dict[str, Any]:
    with db.reading() as session:
        subject = subject_of(session, caller, OF, SLUG)
        found = session.execute(text("SELECT id FROM label_sets")).scalar_one()
    return subject.arguments | {"set_id": found}


def test_rows_deleted_while_it_trains_are_left_out(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(caller)
    arguments = graph_arguments(caller)

    def delete_then_keep(*given: Any) -> Any:
        delete_documents(caller, SLUG, external_ids=["money-1", "travel-2"])
        return storing.keep(*given)

    monkeypatch.setattr(work, "keep", delete_then_keep)
    done = work.train_labels(Progress(), arguments)
    assert done["status"] == "live"
    assert not ids_of(predicted(caller)) & {"money-1", "travel-2"}
    follow(caller)
    assert count("predictions") == N_ROWS - 2


def test_hidden_rows_stay_hidden_and_strangers_see_nothing(
    caller: Caller, stranger: Caller
) -> None:
    fill(caller)
    trained(caller)
    hidden = {f"{kind}-0" for kind in WORDS}
    bound = replace(caller, principals=())
    assert ids_of(predicted(caller)) - ids_of(predicted(bound)) == hidden
    narrowed, _ = service.list_predictions(
        caller, OF, SLUG, NAME, Wanted(), principals=["staff"], limit=100
    )
    assert len(narrowed) == N_ROWS
    service.create_set(caller, OF, SLUG, SetInput(name="mine"))
    for name in (NAME, "mine"):
        asked = service.queue(bound, OF, SLUG, name, limit=100)
        assert not {one.row.external_id for one in asked} & hidden
    service.give(caller, OF, SLUG, "mine", [GivenInput("money-0", "x")])
    assert service.list_given(bound, OF, SLUG, "mine") == []
    errors, _ = service.list_errors(bound, OF, SLUG, NAME, status=None)
    assert not {one.row.external_id for one in errors} & hidden
    for refused in (
        lambda: service.describe_set(bound, OF, SLUG, NAME),
        lambda: service.list_versions(bound, OF, SLUG, NAME),
        lambda: service.give(bound, OF, SLUG, NAME, [GivenInput("money-1", "x")]),
        lambda: service.start_training(bound, OF, SLUG, NAME),
    ):
        with pytest.raises(Forbidden):
            refused()
    for unknown in (
        lambda: service.describe_set(stranger, OF, SLUG, NAME),
        lambda: service.queue(stranger, OF, SLUG, NAME),
        lambda: service.classify(stranger, OF, SLUG, NAME, ["x"]),
        lambda: service.start_training(stranger, OF, SLUG, NAME),
        lambda: service.list_predictions(
            replace(caller, collection_ids=frozenset({0})), OF, SLUG, NAME, Wanted()
        ),
    ):
        with pytest.raises(NotFound):
            unknown()


def test_a_set_and_a_collection_leave_nothing_behind(caller: Caller) -> None:
    fill(caller)
    trained(caller)
    give(caller, money_1="travel")
    service.create_set(caller, OF, SLUG, SetInput(name="other"))
    service.delete_set(caller, OF, SLUG, NAME)
    tables = ("given_labels", "classifiers", "classifier_arrays", "predictions", "label_errors")
    assert [count(table) for table in tables] == [0] * len(tables)
    service.create_set(caller, OF, SLUG, SetInput(name=NAME, source="field", field="kind"))
    trained(caller)
    with db.reading() as session:
        collection_id = subject_of(session, caller, OF, SLUG).collection_id
    delete_collection(caller, SLUG)
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    assert [count(table) for table in ("label_sets", *tables)] == [0] * 6


def test_passages_keep_their_label_when_their_document_changes(caller: Caller) -> None:
    make_collection(
        caller, SLUG, chunking={"strategy": "passages", "max_tokens": 16, "overlap_tokens": 0}
    )
    words = "The doctor gave medicine. ", "The invoice was paid. ", "The train was late. "
    document = {"external_id": "d", "text": "\n\n".join(one * 4 for one in words)}
    send(caller, document, slug=SLUG)
    encode_everything()
    service.create_set(caller, OF, SLUG, SetInput(name=NAME, level="chunk"))
    with pytest.raises(InvalidInput, match="which passage"):
        service.give(caller, OF, SLUG, NAME, [GivenInput("d", "health")])
    service.give(caller, OF, SLUG, NAME, [GivenInput("d", "health", position=0)])
    send(caller, {**document, "text": document["text"] + "\n\nAnd then it rained."}, slug=SLUG)
    encode_everything()
    assert service.describe_set(caller, OF, SLUG, NAME).given_by_label == {"health": 1}


def test_items_of_a_catalog_are_labelled_by_their_categories(caller: Caller) -> None:
    make_catalog(caller)
    items = [
        {"external_id": one["external_id"], "fields": {"title": one["text"]}, "categories": [kind]}
        for one in letters()
        if (kind := one["metadata"]["kind"])
    ]
    send_items(caller, *items)
    encode_everything()
    wanted = SetInput(name="kind", source="field", field="categories")
    service.create_set(caller, Owner.CATALOGS, "films", wanted)
    from embedhub.runs.kinds import RunKind
    from embedhub.runs.service import carry_out, get_run
    from workers.train import WORK

    run_id = service.start_training(caller, Owner.CATALOGS, "films", "kind")
    carry_out(run_id, WORK[RunKind.TRAIN_LABELS])
    result = get_run(caller, run_id).result
    assert result is not None
    assert result["n_predicted"] == N_ROWS
    found, _ = service.list_predictions(
        caller, Owner.CATALOGS, "films", "kind", Wanted(label="travel"), limit=100
    )
    assert ids_of(found) == {f"travel-{n}" for n in range(EACH)}


def test_wishes_that_cannot_be_name_the_field(caller: Caller) -> None:
    make_collection(caller, SLUG)
    for wanted, field in (
        (SetInput(name="Not A Name"), "name"),
        (SetInput(name="x", source="field"), "field"),
        (SetInput(name="x", field="kind"), "field"),
        (SetInput(name="x", level="item"), "level"),
        (SetInput(name="x", labels=[{"name": "a"}, {"name": "a "}]), r"labels\.1\.name"),
        (SetInput(name="x", setting={"rejected_share": 0.9}), r"setting\.rejected_share"),
    ):
        with pytest.raises(InvalidInput, match=field):
            service.create_set(caller, OF, SLUG, wanted)
    service.create_set(caller, OF, SLUG, SetInput(name="x"))
    with pytest.raises(Conflict, match="already"):
        service.create_set(caller, OF, SLUG, SetInput(name="x"))
