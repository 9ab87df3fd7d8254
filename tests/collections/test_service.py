import threading
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections import service
from embedhub.collections.service import CollectionChanges, CollectionInput
from embedhub.config import get_config, override_config
from embedhub.errors import Conflict, Forbidden, HubError, InvalidInput, NotFound
from embedhub.jobs import Job
from embedhub.runs.service import carry_out, get_run
from tests.factories import make_collection


def create(caller: Caller, slug: str = "papers", **wanted: Any) -> service.CollectionView:
    return service.create_collection(caller, CollectionInput(slug=slug, **wanted))


def test_only_the_slug_is_needed(caller: Caller) -> None:
    made = create(caller)
    assert made == service.get_collection(caller, "papers")
    assert (made.name, made.language, made.encoder) == ("papers", "english", "hashing-64")
    assert (made.dimension, made.metric) == (64, "cosine")
    assert made.chunking["strategy"] == "passages"


def test_supplied_vectors_have_their_own_dimension_and_one_chunk_a_document(
    caller: Caller,
) -> None:
    made = create(caller, dimension=7, metric="l2")
    assert (made.encoder, made.dimension, made.metric) == ("supplied", 7, "l2")
    assert made.chunking["strategy"] == "document"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"slug": ""}, "slug"),
        ({"slug": "Upper"}, "slug"),
        ({"slug": "a/b"}, "slug"),
        ({"slug": "a" * 64}, "slug"),
        ({"slug": "-a"}, "slug"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"language": "klingon"}, "language"),
        ({"encoder": "no-such-encoder"}, "encoder"),
        ({"encoder": "supplied"}, "dimension"),
        ({"encoder": "supplied", "dimension": 0}, "dimension"),
        ({"encoder": "supplied", "dimension": 4001}, "dimension"),
        ({"dimension": 2001, "metric": "l2"}, "dimension"),
        ({"dimension": 2001, "metric": "inner_product"}, "dimension"),
        ({"dimension": 3, "metric": "manhattan"}, "metric"),
        ({"dimension": 3, "encoder": "hashing-64"}, "dimension"),
        ({"metric": "l2"}, "metric"),
        ({"dimension": 3, "chunking": {"strategy": "passages"}}, "chunking.strategy"),
        ({"chunking": {"strategy": "words"}}, "chunking.strategy"),
        ({"chunking": {"size": 1}}, "chunking.size"),
        ({"filterable": {"year": "integer"}}, "filterable.year"),
        ({"filterable": {"": "number"}}, "filterable"),
        ({"filterable": {str(n): "number" for n in range(101)}}, "filterable"),
    ],
)
def test_a_wrong_collection_is_refused_naming_the_part(
    caller: Caller, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create(caller, **wrong)
    assert refusal.value.field == field
    assert service.list_collections(caller) == []


def test_two_creates_of_one_slug_at_once_make_one_collection(caller: Caller) -> None:
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def attempt() -> None:
        barrier.wait()
        try:
            create(caller)
        except HubError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("created")

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 3 + ["created"]


def test_a_slug_belongs_to_one_workspace(caller: Caller, stranger: Caller) -> None:
    create(caller)
    with pytest.raises(NotFound):
        service.get_collection(stranger, "papers")
    assert service.list_collections(stranger) == []
    theirs = create(stranger)
    assert theirs.id != service.get_collection(caller, "papers").id


def test_a_workspace_has_a_limit_of_collections(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = get_config().max_collections
    override_config(max_collections=1)
    try:
        create(caller)
        with pytest.raises(Conflict):
            create(caller, "more")
    finally:
        override_config(max_collections=before)


def test_a_bound_key_opens_its_collections_and_makes_none(caller: Caller) -> None:
    mine, _ = create(caller, "mine"), create(caller, "other")
    bound = Caller(caller.workspace_id, 1, caller.scopes, frozenset({mine.id}))
    assert [view.slug for view in service.list_collections(bound)] == ["mine"]
    with pytest.raises(NotFound):
        service.get_collection(bound, "other")
    with pytest.raises(NotFound):
        service.delete_collection(bound, "other")
    with pytest.raises(Forbidden):
        create(bound, "third")


def test_a_key_bound_to_principals_cannot_delete_what_it_cannot_see(caller: Caller) -> None:
    create(caller)
    with pytest.raises(Forbidden):
        service.delete_collection(caller.narrowed(["guests"]), "papers")
    assert service.get_collection(caller, "papers")


def test_collections_are_listed_in_pages(caller: Caller) -> None:
    ids = [create(caller, f"c{n}").id for n in range(5)]
    first = [view.id for view in service.list_collections(caller, limit=2)]
    rest = [view.id for view in service.list_collections(caller, after=first[-1])]
    assert first + rest == ids


def test_changed_filterable_fields_start_a_run_and_the_same_ones_do_not(caller: Caller) -> None:
    create(caller, filterable={"year": "number"})
    changed, run_id = service.update_collection(
        caller, "papers", CollectionChanges(name="Papers", filterable={"day": "date"})
    )
    assert (changed.name, changed.filterable) == ("Papers", {"day": "date"})
    assert run_id is not None
    assert get_run(caller, run_id).kind == "update_attributes"
    _, again = service.update_collection(caller, "papers", CollectionChanges(filterable={}))
    assert again not in {None, run_id}, "the first run may have passed some documents already"
    _, none = service.update_collection(caller, "papers", CollectionChanges(filterable={}))
    assert none is None


def test_the_same_fields_start_a_run_again_after_a_failed_one(caller: Caller) -> None:
    create(caller)
    create(caller, "other")
    day = CollectionChanges(filterable={"day": "date"})
    _, failed = service.update_collection(caller, "papers", day)
    assert failed is not None
    # as older releases left it, where it is tried again by now
    with db.writing() as session:
        session.execute(text("UPDATE runs SET status = 'failed' WHERE id = :id"), {"id": failed})
    _, other = service.update_collection(caller, "other", day)
    assert other is not None
    carry_out(other, lambda *_: {})
    assert service.update_collection(caller, "other", day)[1] is None
    _, again = service.update_collection(caller, "papers", day)
    assert again not in {None, failed}
    assert service.update_collection(caller, "papers", day)[1] is None, "it is on its way"
    carry_out(again or 0, lambda *_: {})
    assert service.update_collection(caller, "papers", day)[1] is None


def test_what_the_stored_rows_depend_on_cannot_be_changed() -> None:
    for name in ("slug", "language", "encoder", "dimension", "metric"):
        with pytest.raises(InvalidInput) as refusal:
            service.refuse_fixed({name})
        assert refusal.value.field == name
    service.refuse_fixed({"name", "filterable", "chunking"})


def test_a_deleted_collection_is_gone_at_once_and_its_slug_free(
    caller: Caller, sent_jobs: list[tuple[Job, dict[str, object]]]
) -> None:
    first = make_collection(caller)
    run_id = service.delete_collection(caller, "papers")
    assert (Job.RUN, {"run_id": run_id}) in sent_jobs
    with pytest.raises(NotFound):
        service.get_collection(caller, "papers")
    with pytest.raises(NotFound):
        service.delete_collection(caller, "papers")
    assert service.list_collections(caller) == []
    assert create(caller).id != first.id
