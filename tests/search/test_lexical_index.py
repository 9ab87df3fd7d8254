"""The lexical index: exact counts whatever happens at once, and weights true to their lengths."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.search import lexical_index
from embedhub.search.lexical import weight
from embedhub.search.lexical_index import (
    LexicalRow,
    fold,
    fold_counts,
    index_chunks,
    remove_chunks,
    reweigh_space,
    settle_averages,
)
from embedhub.search.queries import lexical_index as queries
from embedhub.tables import Space
from tests.factories import make_collection

pytestmark = pytest.mark.usefixtures("sent_jobs")


def row(owner_id: int, body: str, **fields: Any) -> LexicalRow:
    defaults: dict[str, Any] = {
        "document_id": owner_id, "access": None, "attributes": {}, "language": "english",
    }  # fmt: skip
    return LexicalRow(owner_id=owner_id, text=body, **(defaults | fields))


@pytest.fixture
def space_id(caller: Caller) -> int:
    """The empty lexical space of a fresh collection."""
    make_collection(caller)
    with db.reading() as session:
        return int(
            session.execute(text("SELECT id FROM spaces WHERE kind = 'sparse'")).scalar_one()
        )


def held(work: Callable[[Any, Space], None], space_id: int) -> None:
    """Do work as an ingest does it: in one transaction that holds the space."""
    with db.writing() as session:
        space = session.get_one(Space, space_id, with_for_update={"read": True})
        work(session, space)


def index(space_id: int, *rows: LexicalRow) -> None:
    held(lambda session, space: index_chunks(session, space=space, rows=rows), space_id)


def remove(space_id: int, *owner_ids: int) -> None:
    held(lambda session, space: remove_chunks(session, space=space, owner_ids=owner_ids), space_id)


def counted(space_id: int) -> tuple[dict[str, int], tuple[int, int]]:
    """Return what the deltas say: rows of each lexeme, rows and summed length."""
    with db.reading() as session:
        terms = session.execute(
            text(
                "SELECT lexeme, sum(delta) FROM term_deltas WHERE space_id = :s"
                " GROUP BY lexeme HAVING sum(delta) <> 0"
            ),
            {"s": space_id},
        )
        sizes = session.execute(
            text(
                "SELECT coalesce(sum(rows), 0), coalesce(sum(length), 0) FROM size_deltas"
                " WHERE space_id = :s"
            ),
            {"s": space_id},
        ).one()
        return {lexeme: int(n) for lexeme, n in terms}, (int(sizes[0]), int(sizes[1]))


def actual(space_id: int) -> tuple[dict[str, int], tuple[int, int]]:
    """Return the same from the rows themselves."""
    with db.reading() as session:
        terms = session.execute(
            text(
                "SELECT t.lexeme, count(*) FROM sparse_embeddings s, unnest(s.terms) AS t"
                " WHERE s.space_id = :s GROUP BY t.lexeme"
            ),
            {"s": space_id},
        )
        sizes = session.execute(
            text(
                "SELECT count(*), coalesce(sum(length), 0) FROM sparse_embeddings"
                " WHERE space_id = :s"
            ),
            {"s": space_id},
        ).one()
        return {lexeme: int(n) for lexeme, n in terms}, (int(sizes[0]), int(sizes[1]))


def weights_of(space_id: int, owner_id: int) -> list[float]:
    with db.reading() as session:
        stored = session.execute(
            text(
                "SELECT CAST(weights AS text) FROM sparse_embeddings"
                " WHERE space_id = :s AND owner_id = :o"
            ),
            {"s": space_id, "o": owner_id},
        ).scalar_one()
    pairs = stored.partition("/")[0].strip("{}")
    return sorted(float(pair.partition(":")[2]) for pair in pairs.split(",") if pair)


def test_rows_are_counted_in_and_out(space_id: int) -> None:
    index(space_id, row(1, "cats and cats"), row(2, "a cat, a dog"), row(3, ""))
    assert counted(space_id) == ({"cat": 2, "dog": 1}, (3, 4)) == actual(space_id)
    remove(space_id, 1, 3, 99)
    remove(space_id, 1)
    assert counted(space_id) == ({"cat": 1, "dog": 1}, (1, 2)) == actual(space_id)
    held(lambda session, space: remove_chunks(session, space=space, document_ids=[2]), space_id)
    assert counted(space_id) == ({}, (0, 0)) == actual(space_id)


def test_a_row_stored_twice_counts_once(space_id: int) -> None:
    index(space_id, row(1, "cats"))
    index(space_id, row(1, "dogs"), row(2, "dogs"))
    assert counted(space_id) == ({"cat": 1, "dog": 1}, (2, 2)) == actual(space_id)


def test_a_failed_transaction_leaves_no_trace(space_id: int) -> None:
    def fail(session: Any, space: Space) -> None:
        index_chunks(session, space=space, rows=[row(1, "cats")])
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        held(fail, space_id)
    assert counted(space_id) == ({}, (0, 0)) == actual(space_id)


def test_weights_are_the_saturated_frequencies(space_id: int) -> None:
    index(space_id, row(1, "cat cat dog"), row(2, "fish"))
    # two rows of 3 and 1 lexemes: 2 on average
    assert weights_of(space_id, 1) == pytest.approx(sorted([weight(2, 3, 2), weight(1, 3, 2)]))
    assert weights_of(space_id, 2) == pytest.approx([weight(1, 1, 2)])


def test_access_keeps_its_three_meanings(space_id: int) -> None:
    lists: list[list[str] | None] = [None, [], ['a"b', "c,d", "{}"]]
    index(space_id, *(row(i, "cats", access=access) for i, access in enumerate(lists)))
    with db.reading() as session:
        stored = session.execute(
            text("SELECT access FROM sparse_embeddings WHERE space_id = :s ORDER BY owner_id"),
            {"s": space_id},
        )
        assert list(stored.scalars()) == lists


def test_attributes_are_stored_as_they_are(space_id: int) -> None:
    attributes = {"ü\"'\\": ["a", 1.5, None, True], "n": 2**100}
    index(space_id, row(1, "cats", attributes=attributes))
    with db.reading() as session:
        stored = session.execute(text("SELECT attributes FROM sparse_embeddings")).scalar_one()
    assert stored == attributes


def test_the_largest_text_is_stored(space_id: int) -> None:
    index(space_id, row(1, " ".join(f"w{i}.x{i}-y{i}" for i in range(60_000))))
    with db.reading() as session:
        n_weights = session.execute(
            text("SELECT length(CAST(weights AS text)) FROM sparse_embeddings")
        ).scalar_one()
    assert n_weights > 100_000
    assert counted(space_id) == actual(space_id)


def test_counts_stay_exact_while_everything_happens_at_once(space_id: int) -> None:
    n_threads, n_rounds = 6, 8
    barrier = threading.Barrier(n_threads + 2)
    stop = threading.Event()
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                barrier.wait(10)
                work()
            # whatever a thread raises must fail the test
            except BaseException as error:
                errors.append(error)

        return run

    def ingest(thread: int) -> Callable[[], None]:
        def work() -> None:
            for round_ in range(n_rounds):
                first = (thread * n_rounds + round_) * 10
                index(
                    space_id,
                    *(
                        row(first + i, f"the common cat word{thread} {'dog ' * i}")
                        for i in range(10)
                    ),
                )
                # some of one's own, and some that a neighbour may just be removing
                remove(space_id, first, first + 3, first + 7 - 10 * n_rounds)

        return work

    def fold_on() -> None:
        while not stop.is_set():
            fold_counts(space_id)

    workers = [threading.Thread(target=guarded(ingest(i))) for i in range(n_threads)]
    folders = [threading.Thread(target=guarded(fold_on)) for _ in range(2)]
    for thread in [*workers, *folders]:
        thread.start()
    for thread in workers:
        thread.join(60)
    stop.set()
    for thread in folders:
        thread.join(60)
    assert errors == []
    assert counted(space_id) == actual(space_id)
    fold_counts(space_id)
    with db.reading() as session:
        rows, lexemes = session.execute(
            text("SELECT count(*), count(DISTINCT lexeme) FROM term_deltas")
        ).one()
        sizes = session.execute(text("SELECT count(*) FROM size_deltas")).scalar_one()
    assert rows == lexemes
    assert sizes == 1
    assert counted(space_id) == actual(space_id)


def test_folding_drops_what_is_gone(space_id: int) -> None:
    index(space_id, row(1, "cats"))
    remove(space_id, 1)
    fold()
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM term_deltas")).scalar() == 0


def test_a_drifted_average_is_settled_at_once_in_a_small_space(space_id: int) -> None:
    index(space_id, row(1, "cat dog"))
    settle_averages()
    assert average_of(space_id) == 2
    index(space_id, *(row(i, "fish " * 20) for i in range(2, 6)))
    true_average = (2 + 4 * 20) / 5
    assert weights_of(space_id, 1) == pytest.approx([weight(1, 2, 2)] * 2)
    settle_averages()
    assert average_of(space_id) == pytest.approx(true_average)
    assert weights_of(space_id, 1) == pytest.approx([weight(1, 2, true_average)] * 2)
    assert weights_of(space_id, 2) == pytest.approx([weight(20, 20, true_average)])


def test_a_small_drift_changes_nothing(space_id: int) -> None:
    index(space_id, *(row(i, "cat dog fish bird cow") for i in range(20)))
    settle_averages()
    index(space_id, row(99, "cat"))
    settle_averages()
    assert average_of(space_id) == 5


def test_a_large_space_is_weighed_anew_by_a_run(
    space_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical_index, "REWEIGH_AT_ONCE", 3)
    monkeypatch.setattr(lexical_index, "REWEIGH_BATCH", 2)
    index(space_id, *(row(i, "cat " * (i + 1)) for i in range(7)))
    settle_averages()
    assert average_of(space_id) is None
    with db.reading() as session:
        kind, arguments = session.execute(text("SELECT kind, arguments FROM runs")).one()
    assert (kind, arguments) == ("reweigh", {"space_id": space_id, "n_rows": 7})
    reported: list[int] = []
    assert reweigh_space(space_id, reported.append) == 7
    assert reported[-1] == 7
    assert average_of(space_id) == 4
    for owner in range(7):
        assert weights_of(space_id, owner) == pytest.approx([weight(owner + 1, owner + 1, 4)])


def test_a_reweighing_that_was_broken_off_is_asked_for_again(
    space_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical_index, "REWEIGH_AT_ONCE", 3)
    monkeypatch.setattr(lexical_index, "REWEIGH_BATCH", 2)
    index(space_id, *(row(i, "cat " * (i + 1)) for i in range(7)))

    def broken(_: int) -> None:
        raise RuntimeError("killed")

    def asked_for() -> int:
        with db.writing() as session:
            session.execute(text("DELETE FROM runs"))
        settle_averages()
        with db.reading() as session:
            return int(session.execute(text("SELECT count(*) FROM runs")).scalar_one())

    with pytest.raises(RuntimeError):
        reweigh_space(space_id, broken)
    assert asked_for() == 1
    reweigh_space(space_id, lambda _: None)
    assert asked_for() == 0


def test_rows_without_a_word_are_weighed_without_being_written(space_id: int) -> None:
    index(space_id, *(row(i, "") for i in range(4)))
    reported: list[int] = []
    assert reweigh_space(space_id, reported.append) == 0
    assert not reported
    with db.reading() as session:
        assert not queries.drifted_spaces(session, tolerance=0.1)
    # The first words make another average.
    index(space_id, row(9, "cat dog fish"), *(row(i, "cat dog fish") for i in range(10, 18)))
    settle_averages()
    assert average_of(space_id) == pytest.approx(27 / 13)
    assert weights_of(space_id, 9) == pytest.approx([weight(1, 3, 27 / 13)] * 3)


def average_of(space_id: int) -> float | None:
    with db.reading() as session:
        return session.get_one(Space, space_id).average_length
