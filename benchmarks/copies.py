"""What a thousand copies of one text do to the search for other texts near it.

python -m benchmarks.copies [--vectors FILE.npy] [--rows 110000] [--copies 1000] [--texts 3]

Starts a Postgres of its own, stores the rows through the services, has their index built, and asks
for the ten nearest of each of the rows nearest to a text: before the text is copied; with its
copies, of which the index holds the first few; with every copy in the index, as it would be
without this; and with such an index built anew. The same rows, queries and code throughout. A hit
counts if its vector is as near as the tenth of an exact search: of equal ones any may come.
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from benchmarks.copy_questions import SLUG, Corpus, Figures, K, Questions
from benchmarks.measure import (
    Nonsense,
    Vectors,
    clustered_vectors,
    console,
    machine_line,
    print_table,
    read_vectors,
    timed,
    write_report,
)
from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.collections.service import CollectionInput, create_collection
from embedhub.config import override_config
from embedhub.documents.inputs import DocumentInput, parse_document
from embedhub.documents.service import upsert_documents
from embedhub.local.migrate import migrate
from embedhub.local.postgres import embedded_postgres
from embedhub.runs.progress import RunProgress
from embedhub.search.observed import observer
from embedhub.spaces.copies import INDEXED_COPIES
from embedhub.spaces.indexes import grow_space
from embedhub.spaces.queries import copies as queries

SENT_AT_ONCE = 500
WANTED_RECALL = 0.95
# Of the copies, those that the filtered search may show: hidden ones, and not all.
SHOWN_FROM = 0.5


class Silent(RunProgress):
    """Progress that nobody reads."""

    def __init__(self) -> None:
        super().__init__(0, uuid.uuid4())

    def foretell(self, forecast: dict[str, Any]) -> None:
        pass

    def stay_alive(self) -> None:
        pass


def main() -> None:
    """Measure every state, print the table, and write it as JSON where asked to."""
    arguments = parse_arguments()
    vectors = chosen_vectors(arguments)
    random = np.random.default_rng(arguments.seed)
    texts = sorted(int(row) for row in random.choice(len(vectors), arguments.texts, replace=False))
    with started_postgres() as caller:
        figures, facts = measure(caller, vectors, texts, arguments)
    print_table(title(arguments, len(vectors)), [asdict(each) for each in figures])
    for name, value in facts.items():
        console.print(f"{name.replace('_', ' ')}: {value:,.3g}")
    console.print(machine_line())
    write_report(
        arguments.json, "copies", [asdict(each) for each in figures], facts=facts, texts=texts
    )
    check(figures)


def parse_arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vectors", type=Path, help=".npy file; default: clustered vectors")
    parser.add_argument("--rows", type=int, default=110_000)
    parser.add_argument("--copies", type=int, default=1_000, help="of each text")
    parser.add_argument("--texts", type=int, default=3, help="how many texts are copied")
    parser.add_argument("--near", type=int, default=100, help="rows near a text that are asked for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def chosen_vectors(arguments: argparse.Namespace) -> Vectors:
    """Return different unit vectors, as a space stores them."""
    if arguments.vectors is None:
        found = clustered_vectors(arguments.rows, 384)
    else:
        found = read_vectors(arguments.vectors, arguments.rows)
    # Texts that a data set holds twice would be copies that nobody counted.
    found = found[np.sort(np.unique(found, axis=0, return_index=True)[1])]
    lengths = np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise Nonsense("a vector is all zeros")
    return np.asarray(found / lengths, dtype=np.float32)


@contextmanager
def started_postgres() -> Iterator[Caller]:
    """Start a server of our own with the product's schema; yield somebody with every right."""
    with (
        tempfile.TemporaryDirectory(prefix="embedhub-copies-") as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        override_config(database_url=url, home=Path(folder), secret_key="only for measuring")
        override_config(search_log_days=0)
        db.dispose()
        try:
            migrate()
            yield Caller.for_workspace(create_workspace("measured", "Measured"))
        finally:
            observer.close()
            db.dispose()


def measure(
    caller: Caller, vectors: Vectors, texts: Sequence[int], arguments: argparse.Namespace
) -> tuple[list[Figures], dict[str, float]]:
    """Bring the space from one state to the next, asking in each."""
    dimension = vectors.shape[1]
    create_collection(
        caller, CollectionInput(slug=SLUG, encoder="supplied", dimension=dimension,
                                filterable={"shown": "boolean"})
    )  # fmt: skip
    originals = [f"row {i}" for i in range(len(vectors))]
    send(caller, originals, vectors, np.ones(len(vectors), dtype=np.bool_))
    space_id = dense_space()
    build_s = timed(lambda: grow_space(Silent(), {"space_id": space_id}))[1] / 1000
    alone = Corpus(originals, vectors, np.ones(len(vectors), dtype=np.bool_))
    questions = Questions(caller, vectors, texts, arguments.near)
    figures = [questions.ask_all("no copies", alone)]
    everything = with_copies(alone, texts, arguments.copies)
    added = slice(len(vectors), None)
    copies_s = send(
        caller, everything.ids[added], everything.vectors[added], everything.shown[added]
    )
    for state, prepare in (
        (f"{INDEXED_COPIES} copies indexed", lambda _: None),
        ("all indexed", index_every_copy),
        ("all, built anew", rebuild),
    ):
        prepare(space_id)
        figures += [
            questions.ask_all(state, everything, where) for where in (None, {"shown": True})
        ]
    return figures, {
        "shelf_and_index_s": build_s,
        "copies_stored_per_s": len(texts) * arguments.copies / copies_s,
        "numbering_ms_per_1000_new_rows": numbering_ms(space_id),
    }


def with_copies(corpus: Corpus, texts: Sequence[int], n_copies: int) -> Corpus:
    """Return the corpus with so many copies of each of the texts; half of them may be shown."""
    ids = [f"copy {text} {i}" for text in texts for i in range(n_copies)]
    repeated = np.repeat(corpus.vectors[list(texts)], n_copies, axis=0)
    shown = np.tile(np.arange(n_copies) >= n_copies * SHOWN_FROM, len(texts))
    return Corpus(
        corpus.ids + ids,
        np.concatenate([corpus.vectors, repeated]),
        np.concatenate([corpus.shown, shown]),
    )


def send(caller: Caller, ids: Sequence[str], vectors: Vectors, shown: NDArray[np.bool_]) -> float:
    """Store rows as a client's batches would; return the seconds it took."""
    started = time.perf_counter()
    for start in range(0, len(ids), SENT_AT_ONCE):
        places = range(start, min(start + SENT_AT_ONCE, len(ids)))
        upsert_documents(
            caller, SLUG, [document(ids[i], vectors[i], bool(shown[i])) for i in places]
        )
    return time.perf_counter() - started


def document(ident: str, vector: NDArray[np.float32], is_shown: bool) -> DocumentInput:
    """Return a row as the API would read it."""
    raw = {
        "external_id": ident,
        "text": ident,
        "vector": vector.tolist(),
        "metadata": {"shown": is_shown},
    }
    return parse_document(raw, "document")


def dense_space() -> int:
    """Return the only dense space there is."""
    with db.reading() as session:
        statement = text("SELECT id FROM spaces WHERE kind = 'dense'")
        return int(session.execute(statement).scalar_one())


def numbering_ms(space_id: int) -> float:
    """Return the milliseconds that looking for earlier copies takes for 1,000 new rows."""
    random = np.random.default_rng(0)
    took = []
    with db.writing() as session:
        for _ in range(20):
            hashes = [random.bytes(32) for _ in range(SENT_AT_ONCE)]
            started = time.perf_counter()
            queries.numbers_of_new(session, shelf_id=space_id, space_id=space_id, hashes=hashes)
            took.append((time.perf_counter() - started) * 1000)
    return float(np.median(took)) * 1_000 / SENT_AT_ONCE


def index_every_copy(space_id: int) -> None:
    """Take all copies into the index, one after another, as storing them would have done."""
    with db.autocommit() as connection:
        connection.execute(
            text(f"UPDATE vectors.embeddings_{space_id} SET copy = 0 WHERE copy <> 0")
        )
        connection.execute(text(f"VACUUM ANALYZE vectors.embeddings_{space_id}"))


def rebuild(space_id: int) -> None:
    """Build the index anew over all that it holds."""
    with db.autocommit() as connection:
        connection.execute(text(f"REINDEX INDEX vectors.embeddings_{space_id}_hnsw"))


def title(arguments: argparse.Namespace, n_rows: int) -> str:
    """Return what the table is about."""
    source = arguments.vectors.name if arguments.vectors else "clustered vectors"
    return (
        f"Recall@{K} of the {arguments.near} rows nearest to {arguments.texts} texts, "
        f"{arguments.copies:,} copies of each among {n_rows:,} rows ({source})"
    )


def check(figures: Sequence[Figures]) -> None:
    """Raise Nonsense where copies blind the search that was to be kept from it."""
    for each in figures[1:3]:
        if each.by_index < 1:
            raise Nonsense(f"{each.state}: not the index answered; are there too few rows for it?")
        if each.recall < WANTED_RECALL or each.copies_found < 1 or each.complete < 1:
            raise Nonsense(f"{each.state}, filter {each.filter}: recall {each.recall:.3f}")


if __name__ == "__main__":
    main()
