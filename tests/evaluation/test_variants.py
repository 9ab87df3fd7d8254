"""Variants: saved, made live, taken back; and weights that are learned."""

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import (
    CollectionChanges,
    collection_status,
    find_collection,
    get_collection,
    list_collections,
    update_collection,
)
from embedhub.config import override_config
from embedhub.documents.copying import copy_documents
from embedhub.documents.service import delete_documents, list_documents
from embedhub.errors import Conflict, InvalidInput, NotFound, TooLarge
from embedhub.evaluation import evaluations, trials, variants, weights
from embedhub.evaluation.inputs import JudgedInput
from embedhub.evaluation.service import put_judged
from embedhub.evaluation.setting import Setting
from embedhub.evaluation.uncertainty import difference
from embedhub.runs.service import carry_out, get_run
from embedhub.runs.view import RunView
from embedhub.search.request import Mode
from tests.evaluation.conftest import carried_out, fill
from tests.factories import encode_everything, make_collection, send

WHOLE = {"strategy": "document", "max_tokens": 200, "overlap_tokens": 0}
MORE_MEANING = Setting("more meaning", ranking={"weights": {"dense": 0.8}})


def live_ranking(caller: Caller) -> dict[str, object]:
    return get_collection(caller, "papers").ranking


def test_a_variant_is_made_live_and_taken_back(judged: Caller) -> None:
    before = {"diversity": 0.2}
    update_collection(judged, "papers", CollectionChanges(ranking=before))
    variants.save_variant(judged, "papers", MORE_MEANING)
    assert live_ranking(judged) == before
    applied = variants.apply_variant(judged, "papers", "more meaning")
    assert live_ranking(judged) == applied.ranking == {"weights": {"dense": 0.8}, **before}
    assert variants.apply_variant(judged, "papers", applied.former).ranking == before


def test_a_variant_is_measured_by_its_name(judged: Caller) -> None:
    variants.save_variant(judged, "papers", MORE_MEANING)
    view = evaluations.start_evaluation(
        judged, "papers", [{"name": "live"}, {"variant": "more meaning"}]
    )
    assert view.settings[1] == MORE_MEANING.as_mapping()
    with pytest.raises(InvalidInput, match="said by the variant"):
        evaluations.start_evaluation(
            judged, "papers", [{"variant": "more meaning", "mode": "lexical"}]
        )


def test_saving_again_replaces_and_limits_hold(judged: Caller) -> None:
    override_config(max_variants=1)
    try:
        variants.save_variant(judged, "papers", Setting("a", Mode.LEXICAL))
        variants.save_variant(judged, "papers", Setting("a", Mode.DENSE))
        with pytest.raises(TooLarge, match="at most 1 variants"):
            variants.save_variant(judged, "papers", Setting("b"))
    finally:
        override_config(max_variants=100)
    assert [one.setting for one in variants.list_variants(judged, "papers")] == [{"mode": "dense"}]
    for wrong, field in (
        (Setting("live"), "name"),
        (Setting("b", ranking={"diversity": 7}), "ranking.diversity"),
        (Setting("b", collection="none"), "collection"),
    ):
        with pytest.raises(InvalidInput) as raised:
            variants.save_variant(judged, "papers", wrong)
        assert raised.value.field == field
    variants.delete_variant(judged, "papers", "a")
    with pytest.raises(NotFound):
        variants.delete_variant(judged, "papers", "a")


def test_what_is_more_than_a_ranking_cannot_be_made_live(judged: Caller) -> None:
    fill(judged, "shadow")
    variants.save_variant(judged, "papers", Setting("words", Mode.LEXICAL))
    variants.save_variant(judged, "papers", Setting("shadow", collection="shadow"))
    for name, why in (("words", "mode lexical"), ("shadow", "another collection")):
        with pytest.raises(Conflict, match=why):
            variants.apply_variant(judged, "papers", name)
    assert live_ranking(judged) == {}


def test_of_what_was_live_only_the_newest_are_kept(
    judged: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "KEPT", 2)
    names = iter(["first", "second", "third"])
    monkeypatch.setattr(variants, "_former_name", lambda: next(names))
    variants.save_variant(judged, "papers", MORE_MEANING)
    for _ in range(3):
        variants.apply_variant(judged, "papers", "more meaning")
    names_kept = [one.name for one in variants.list_variants(judged, "papers")]
    assert names_kept == ["more meaning", "second", "third"]


def test_of_what_was_learned_only_the_newest_are_kept(
    judged: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else there would be no room for those saved by hand after some nights."""
    monkeypatch.setattr(variants, "KEPT", 2)
    variants.save_variant(judged, "papers", MORE_MEANING)
    with db.writing() as session:
        collection = find_collection(session, judged, "papers")
        for name in ("first", "second", "third"):
            variants.store(session, collection, Setting(name), source=variants.LEARNED)
    names_kept = [one.name for one in variants.list_variants(judged, "papers")]
    assert names_kept == ["more meaning", "second", "third"]


def test_another_workspace_has_none_of_it(judged: Caller, stranger: Caller) -> None:
    variants.save_variant(judged, "papers", MORE_MEANING)
    make_collection(stranger)
    assert variants.list_variants(stranger, "papers") == []
    for call in (variants.apply_variant, variants.delete_variant):
        with pytest.raises(NotFound):
            call(stranger, "papers", "more meaning")


def test_learning_refuses_too_few_queries(judged: Caller) -> None:
    with pytest.raises(Conflict, match=r"needs 30 judged queries .* there are 4"):
        weights.start_learning(judged, "papers")


@pytest.fixture
def noisy(caller: Caller) -> Caller:
    """A collection ranked by meaning alone, which is poor where words are many: much to learn."""
    make_collection(caller, ranking={"weights": {"dense": 1.0}}, chunking={"strategy": "document"})
    common = [[f"common{(i * 7 + j * j) % 50}" for j in range(90)] for i in range(25)]
    send(
        caller,
        *(
            {"external_id": str(i), "text": f"rare{i} {' '.join(words)}"}
            for i, words in enumerate(common)
        ),
    )
    encode_everything()
    questions = [
        JudgedInput(f"rare{i} {words[3]} {words[5]} {words[8]}", relevance={str(i): 1})
        for i, words in enumerate(common)
    ]
    put_judged(caller, "papers", questions)
    return caller


def test_weights_are_learned_kept_as_a_variant_and_applied_if_better(noisy: Caller) -> None:
    override_config(min_learning_queries=5)
    try:
        run = carried_out(noisy, weights.start_learning(noisy, "papers", k=3))
        assert run.status == "succeeded", run.error
        assert run.result["applied"] is False
        assert live_ranking(noisy) == {"weights": {"dense": 1.0}}
        [learned] = variants.list_variants(noisy, "papers")
        assert (learned.name, learned.source) == (run.result["variant"], "learned")
        assert learned.setting["ranking"]["weights"]["dense"] == run.result["weight"] < 1
        assert run.result["n_queries"] == 25
        assert run.result["difference"]["mean"] > 0.1
        asked = weights.start_learning(noisy, "papers", k=3, is_applied_if_better=True)
        result = carried_out(noisy, asked).result
        assert result["applied"] is True
        assert live_ranking(noisy) == {"weights": {"dense": result["weight"]}}
        variants.apply_variant(noisy, "papers", result["former"])
        assert live_ranking(noisy) == {"weights": {"dense": 1.0}}
    finally:
        override_config(min_learning_queries=30)


def test_what_may_be_chance_is_not_made_live() -> None:
    from embedhub.evaluation.learning import Learned

    learned = Learned(0.7, [0.5, 0.6, 0.4], [0.5, 0.5, 0.5], [0.7] * 5)
    assert not weights.is_better(difference(learned.held_out, learned.live), learned, 0.5)
    sure = difference([0.9] * 10, [0.5] * 10)
    assert weights.is_better(sure, learned, 0.5)
    assert not weights.is_better(sure, learned, 0.7)  # it is live already


def test_another_chunking_is_tried_beside_measured_and_made_live(judged: Caller) -> None:
    trial = trials.save_trial(judged, "papers", Setting("whole", chunking=WHOLE))
    assert trial.setting == {"collection": "papers-whole", "chunking": WHOLE}
    assert copied(judged, trial).result == {"n_documents": 5, "n_changed": 5}
    assert collection_status(judged, "papers-whole").n_documents == 5
    view = evaluations.start_evaluation(judged, "papers", [{"name": "live"}, {"variant": "whole"}])
    assert carried_out(judged, view.run_id).status == "succeeded"
    live, whole = evaluations.get_evaluation(judged, "papers", view.id).results
    assert live["metrics"] == whole["metrics"]
    applied = variants.apply_variant(judged, "papers", "whole")
    assert applied.run_id is not None
    assert get_collection(judged, "papers").chunking == WHOLE
    with pytest.raises(InvalidInput, match="its passages are gone"):
        evaluations.start_evaluation(judged, "papers", [{"variant": applied.former}])
    variants.apply_variant(judged, "papers", applied.former)
    assert get_collection(judged, "papers").chunking["strategy"] == "passages"


def test_a_trial_saved_again_follows_its_collection(judged: Caller) -> None:
    setting = Setting("whole", chunking=WHOLE)
    copied(judged, trials.save_trial(judged, "papers", setting))
    delete_documents(judged, "papers", external_ids=["bats"])
    send(judged, {"external_id": "rain", "text": "Rain is water.", "access": ["ann"]})
    done = copied(judged, trials.save_trial(judged, "papers", setting)).result
    assert done == {"n_documents": 4, "n_changed": 1, "n_removed": 1}
    copies = list_documents(judged, "papers-whole").documents
    assert {one.external_id: one.access for one in copies} == {
        "whales": None, "volcano": None, "bread": None, "rain": ["ann"],
    }  # fmt: skip


def test_what_cannot_be_tried_is_refused_and_leaves_nothing(judged: Caller, caller: Caller) -> None:
    make_collection(judged, "taken", encoder="supplied", dimension=2)
    for setting, field in (
        (Setting("no", chunking={"strategy": "passages"}), "chunking"),
        (Setting("no", chunking={"max_tokens": -1}), "chunking.max_tokens"),
        (Setting("no", chunking=WHOLE, ranking={"diversity": 7}), "ranking.diversity"),
    ):
        with pytest.raises(InvalidInput) as raised:
            trials.save_trial(judged, "papers", setting)
        assert raised.value.field == field
    with pytest.raises(Conflict, match="already a collection 'taken'"):
        trials.save_trial(judged, "papers", Setting("no", chunking=WHOLE, collection="taken"))
    with pytest.raises(InvalidInput, match="vectors are supplied"):
        trials.save_trial(judged, "taken", Setting("no", chunking=WHOLE))
    assert variants.list_variants(judged, "papers") == []
    assert {one.slug for one in list_collections(judged)} == {"papers", "taken"}


def copied(caller: Caller, trial: variants.VariantView) -> RunView:
    """Do the work of the run that fills a trial, its passages encoded in the pauses."""
    run_id = trial.facts["run_id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("embedhub.documents.pace.time.sleep", lambda _: encode_everything())
        carry_out(run_id, copy_documents)
    return get_run(caller, run_id)
