"""Contents of items: encoded by the ledger, true after every change, proved by the doctor."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.catalog.members import delete_item, delete_user
from embedhub.catalog.older import open_older_catalogs
from embedhub.catalog.purge import purge_catalog
from embedhub.catalog.service import (
    catalog_status,
    content_space,
    delete_catalog,
    find_catalog,
    list_dead,
    retry_dead,
)
from embedhub.config import override_config
from embedhub.encoders import get_encoder
from embedhub.errors import NotFound
from embedhub.runs.service import carry_out
from embedhub.spaces.doctor import examine
from embedhub.spaces.indexes import grow_space
from tests.catalog.factories import act, make_catalog, send_items, send_users
from tests.factories import SilentProgress, encode_everything


@pytest.fixture(autouse=True)
def _nothing_is_lost(database: str) -> Iterator[None]:
    """After every test each owner is in exactly one place."""
    yield
    broken = {promise: n for promise, n in examine().broken.items() if n}
    assert not broken


def vectors(caller: Caller, slug: str = "films") -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return each item's vector and what filters see of it, by external id."""
    with db.reading() as session:
        space = content_space(session, find_catalog(session, caller, slug))
        assert space is not None
        rows = session.execute(
            text(
                "SELECT i.external_id, e.vector, e.attributes FROM embeddings e"
                " JOIN items i ON i.id = e.owner_id"
                " WHERE e.shelf_id = :shelf AND e.space_id = :space"
            ).columns(vector=__import__("pgvector.sqlalchemy").sqlalchemy.VECTOR),
            {"shelf": space.shelf_id, "space": space.id},
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def like(vector: Any, words: str) -> bool:
    """Say whether this is what the encoder makes of the words."""
    wanted = get_encoder("hashing-64").encode_documents([words])[0]
    return bool(np.allclose(vector, wanted / np.linalg.norm(wanted), atol=1e-5))


def test_items_and_users_are_encoded_and_changed_items_again(caller: Caller) -> None:
    make_catalog(caller, content_template="{title}")
    send_items(
        caller,
        {"external_id": "a", "fields": {"title": "an alien"}, "attributes": {"year": 1979}},
        {"external_id": "b", "fields": {"title": "a boat"}, "categories": ["drama"]},
        {"external_id": "empty"},
    )
    send_users(caller, {"external_id": "u", "text": "likes boats"}, {"external_id": "silent"})
    before = catalog_status(caller, "films")
    assert (before.n_embedded, before.n_pending) == (0, 3)
    encode_everything()
    after = catalog_status(caller, "films")
    assert (after.n_embedded, after.n_pending, after.n_dead) == (3, 0, 0)
    found = vectors(caller)
    assert like(found["a"][0], "an alien")
    assert found["a"][1] == {"year": 1979}
    assert found["b"][1] == {"categories": ["drama"]}
    # The old vector answers until the new one is there; what filters see changes at once.
    send_items(
        caller, {"external_id": "a", "fields": {"title": "aliens"}, "attributes": {"year": 1986}}
    )
    waiting = vectors(caller)["a"]
    assert like(waiting[0], "an alien")
    assert waiting[1] == {"year": 1986}
    encode_everything()
    assert like(vectors(caller)["a"][0], "aliens")
    # Taken back before anybody encoded it: nothing waits.
    send_items(caller, {"external_id": "a", "fields": {"title": "other"}})
    send_items(caller, {"external_id": "a", "fields": {"title": "aliens"}, "is_hidden": True})
    assert catalog_status(caller, "films").n_pending == 0
    assert vectors(caller)["a"][1] == {"$hidden": True}
    send_items(caller, {"external_id": "a"})
    assert "a" not in vectors(caller)


def test_a_content_changed_while_it_is_encoded_is_encoded_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_catalog(caller)
    send_items(caller, {"external_id": "a", "fields": {"title": "first"}})
    encoder, changes = get_encoder("hashing-64"), iter([True])

    def encode(texts: list[str]) -> Any:
        if next(changes, False):
            send_items(caller, {"external_id": "a", "fields": {"title": "second"}})
        return type(encoder).encode_documents(encoder, texts)

    monkeypatch.setattr(encoder, "encode_documents", encode, raising=False)
    encode_everything()
    assert like(vectors(caller)["a"][0], "second")


def test_what_is_deleted_leaves_no_vector_and_no_word(caller: Caller) -> None:
    make_catalog(caller)
    send_items(
        caller,
        {"external_id": "a", "fields": {"title": "an alien"}},
        {"external_id": "b", "fields": {"title": "an alien"}},
    )
    send_users(caller, {"external_id": "u", "text": "likes aliens"})
    act(caller, {"user": "u", "item": "a"})
    encode_everything()
    delete_item(caller, "films", "a")
    delete_user(caller, "films", "u")
    assert set(vectors(caller)) == {"b"}
    assert catalog_status(caller, "films").n_embedded == 1
    send_items(caller, {"external_id": "c", "fields": {"title": "waits for its vector"}})
    delete_item(caller, "films", "c")
    assert catalog_status(caller, "films").n_pending == 0


def test_a_large_catalog_has_an_index_and_copies_stay_reachable(caller: Caller) -> None:
    make_catalog(caller)
    copies = [{"external_id": f"copy{n}", "fields": {"title": "the same"}} for n in range(8)]
    send_items(caller, *copies, {"external_id": "other", "fields": {"title": "another"}})
    encode_everything()
    with db.reading() as session:
        catalog = find_catalog(session, caller, "films")
        space = content_space(session, catalog)
    assert space is not None
    grow_space(SilentProgress(), {"space_id": space.id})
    # The one that stands in the index for those behind it gets another content.
    for n in range(6):
        send_items(caller, {"external_id": f"copy{n}", "fields": {"title": f"different {n}"}})
    encode_everything()
    assert len(vectors(caller)) == 9
    run_id = delete_catalog(caller, "films")
    carry_out(run_id, purge_catalog)
    with db.reading() as session:
        left = session.execute(
            text(
                "SELECT (SELECT count(*) FROM embeddings) + (SELECT count(*) FROM term_deltas)"
                " + (SELECT count(*) FROM spaces) + (SELECT count(*) FROM pending)"
                " + (SELECT count(*) FROM pg_tables"
                "    WHERE schemaname = 'vectors' AND tablename !~ '_0$')"
            )
        ).scalar_one()
    assert left == 0


def test_a_text_that_no_encoder_takes_is_set_aside_with_its_reason(
    caller: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_catalog(caller)
    send_items(
        caller,
        {"external_id": "bad", "fields": {"title": "poison"}},
        {"external_id": "good", "fields": {"title": "food"}},
    )
    encoder = get_encoder("hashing-64")

    def encode(texts: list[str]) -> Any:
        if any("poison" in one for one in texts):
            raise ValueError("cannot swallow that")
        return type(encoder).encode_documents(encoder, texts)

    monkeypatch.setattr(encoder, "encode_documents", encode, raising=False)
    override_config(max_attempts=1)
    try:
        encode_everything()
    finally:
        override_config(max_attempts=5)
    status = catalog_status(caller, "films")
    assert (status.n_embedded, status.n_dead) == (1, 1)
    (dead,) = list_dead(caller, "films")
    assert (dead.kind, dead.external_id) == ("item", "bad")
    assert "cannot swallow that" in dead.reason
    with pytest.raises(NotFound):
        retry_dead(stranger, "films")
    monkeypatch.undo()
    assert retry_dead(caller, "films") == 1
    encode_everything()
    assert catalog_status(caller, "films").n_embedded == 2


def test_a_catalog_of_an_older_release_is_opened_to_search(caller: Caller) -> None:
    make_catalog(caller)
    send_items(caller, {"external_id": "a", "fields": {"title": "old"}}, {"external_id": "b"})
    with db.writing() as session:
        for table in ("pending", "sparse_embeddings", "term_deltas", "size_deltas", "spaces"):
            session.execute(text(f"DELETE FROM {table}"))
    assert open_older_catalogs() == 1
    assert open_older_catalogs() == 0
    encode_everything()
    assert set(vectors(caller)) == {"a"}
