"""An update answers when its last vector is there; until then the old text does."""

from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.spaces.doctor import examine
from embedhub.spaces.service import flip_overdue
from tests.factories import encode_everything, make_collection, send
from tests.spaces.test_ledger import lease, store

LONG = " ".join(f"Sentence {i} speaks of fish number {i}." for i in range(60))


def live_texts() -> list[str]:
    """The texts that answer in the lexical leg."""
    statement = text("""
        SELECT c.text FROM sparse_embeddings e JOIN chunks c ON c.id = e.owner_id
        JOIN spaces s ON s.id = e.space_id AND s.shelf_id = e.shelf_id ORDER BY c.position
    """)
    with db.reading() as session:
        return list(session.execute(statement).scalars())


def n_dense() -> int:
    with db.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM embeddings")).scalar_one())


def document(body: str, **fields: object) -> dict[str, object]:
    return {"external_id": "a", "text": body} | fields


def test_a_new_document_is_found_by_words_at_once(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("one fish"))
    assert live_texts() == ["one fish"]
    assert n_dense() == 0


def test_the_old_text_answers_until_the_new_one_is_embedded(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("old fish"))
    encode_everything()
    send(caller, document("new fish"))
    assert live_texts() == ["old fish"]
    assert n_dense() == 1
    assert examine().is_clean
    encode_everything()
    assert live_texts() == ["new fish"]
    assert n_dense() == 1
    assert examine().is_clean


def test_an_update_of_many_chunks_flips_with_the_last_one(caller: Caller) -> None:
    make_collection(caller, chunking={"max_tokens": 32, "overlap_tokens": 0})
    send(caller, document("old fish"))
    encode_everything()
    send(caller, document(LONG))
    token, rows = lease(limit=3)
    assert len(rows) == 3
    store(token, rows)
    assert live_texts() == ["old fish"]
    encode_everything()
    assert len(live_texts()) > 3
    report = examine()
    assert report.is_clean
    assert report.n_vectors == report.n_chunks == len(live_texts())


def test_unchanged_passages_are_not_encoded_again(caller: Caller) -> None:
    make_collection(caller, chunking={"max_tokens": 32, "overlap_tokens": 0})
    send(caller, document(LONG))
    encoded = encode_everything()
    with db.writing() as session:
        session.execute(text("DELETE FROM vector_cache"))
    send(caller, document(LONG + " And one more at the end."))
    # Those at the end are parted evenly again.
    assert 1 <= encode_everything() <= 5 < encoded / 2
    assert examine().is_clean


def test_an_update_of_an_update_forgets_the_one_between(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("first"))
    encode_everything()
    send(caller, document("second"))
    send(caller, document("third"))
    assert encode_everything() == 1
    assert live_texts() == ["third"]
    assert examine().is_clean


def test_going_back_to_an_old_text_costs_no_encoding(caller: Caller) -> None:
    make_collection(caller)
    for body in ("first", "second"):
        send(caller, document(body))
        encode_everything()
    send(caller, document("first"))
    assert live_texts() == ["first"]
    assert encode_everything() == 0
    assert examine().is_clean


def test_metadata_and_access_change_at_once_without_encoding(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("fish", metadata={"year": 2020}))
    encode_everything()
    [outcome] = send(caller, document("fish", metadata={"year": 2021}, access=["staff"]))
    assert outcome.outcome == "updated"
    assert encode_everything() == 0
    for table in ("embeddings", "sparse_embeddings"):
        with db.reading() as session:
            row = session.execute(text(f"SELECT access, attributes FROM {table}")).one()
        assert row == (["staff"], {"year": 2021})


def test_access_tightens_at_once_even_while_a_new_text_waits(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("old secret"))
    encode_everything()
    send(caller, document("new secret", access=["staff"]))
    with db.reading() as session:
        accesses = session.execute(text("SELECT access FROM sparse_embeddings")).scalars().all()
    assert accesses == [["staff"]]


def test_a_dead_chunk_does_not_hold_its_document_back(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("old"))
    encode_everything()
    send(caller, document("poisonous"))
    with db.writing() as session:
        session.execute(text("UPDATE pending SET dead_at = now(), last_error = 'poison'"))
    flip_overdue()
    assert live_texts() == ["poisonous"]
    report = examine()
    assert report.is_clean
    assert (report.n_vectors, report.n_dead) == (0, 1)


def test_an_emptied_document_stays_but_is_not_found(caller: Caller) -> None:
    make_collection(caller)
    send(caller, document("words"))
    encode_everything()
    send(caller, document(""))
    assert live_texts() == []
    report = examine()
    assert (report.n_documents, report.n_chunks, report.is_clean) == (1, 0, True)


def test_supplied_vectors_answer_at_once_and_follow_updates(caller: Caller) -> None:
    make_collection(caller, dimension=3)
    send(caller, document("fish", vector=[3, 0, 4]))
    send(caller, document("other fish", vector=[0, 2, 0]))
    with db.reading() as session:
        assert session.execute(text("SELECT vector::text FROM embeddings")).scalars().all() == [
            "[0,1,0]"
        ]
    send(caller, document("fish without a vector"))
    report = examine()
    assert (report.n_vectors, report.n_pending, report.is_clean) == (0, 0, True)
    assert live_texts() == ["fish without a vector"]
