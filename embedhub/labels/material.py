"""What there is to learn from: labelled rows of a graph with their vectors, read in blocks."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.config import get_config
from embedhub.errors import TooLarge
from embedhub.graph.service import GraphView, Subject, node_ids, nodes, vectors
from embedhub.labels.checks import label_of
from embedhub.labels.features import Floats, Integers
from embedhub.labels.queries import given, predictions
from embedhub.labels.validation import Rows, sample
from embedhub.runs.progress import RunProgress
from embedhub.tables import LabelSet

IDS_AT_ONCE = 10_000
ROWS_AT_ONCE = 2_000
# Probabilities of rows, rows × labels, are held some times over: 8 bytes each.
MAX_PROBABILITIES = 20_000_000
# Of a long text so much counts: the words of its beginning say what it is about.
MAX_TEXT_CHARS = 20_000


@dataclass(frozen=True)
class Labelled:
    """Which rows have which label; `outside` are rows that somebody said fit none."""

    ids: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    n_without: int = 0


@dataclass(frozen=True)
class Material:
    """Labelled rows by id, with their vectors; `names` are the labels by number."""

    ids: Integers
    names: list[str]
    rows: Rows
    outside: Floats
    outside_texts: list[str]
    n_labelled: int
    data_hash: bytes


def labels_of_rows(
    session: Session, row: LabelSet, subject: Subject, ids: Sequence[int]
) -> dict[int, str | None]:
    """Return the labels that hold of these rows; None is of those that fit none.

    What people gave goes before what a field of the metadata says.
    """
    found: dict[int, str | None] = {}
    if row.field is not None:
        values = given.field_values(session, level=subject.level, field=row.field, ids=ids)
        found |= {
            node_id: label for node_id, value in values if (label := label_of(value)) is not None
        }
    standing = given.standing_labels(session, set_id=row.id, level=subject.level, ids=ids)
    return found | {node_id: one.label for node_id, one in standing.items()}


def read_labels(row: LabelSet, subject: Subject, progress: RunProgress) -> Labelled:
    """Return the labels of all rows; TooLarge if they are more than labels can be."""
    ids: list[int] = []
    labels: list[str] = []
    outside: list[int] = []
    counts: Counter[str] = Counter()
    n_without = 0
    most = get_config().max_labels
    for page in _pages(subject):
        with db.reading() as session:
            found = labels_of_rows(session, row, subject, page)
        n_without += len(page) - len(found)
        for node_id in sorted(found):
            label = found[node_id]
            if label is None:
                outside.append(node_id)
                continue
            ids.append(node_id)
            labels.append(label)
            counts[label] += 1
        if len(counts) > most:
            raise TooLarge(
                f"rows have more than {most:,} different labels: a field with so many values is no"
                " label; choose another one"
            )
        progress.stay_alive()
    return Labelled(ids, labels, outside, n_without)


def read_material(
    graph: GraphView, labelled: Labelled, progress: RunProgress, *, has_words: bool
) -> Material:
    """Return the rows to learn from, those with a vector; of too many each label gives its share.

    Texts are read only where words may count.
    """
    subject = graph.subject
    names = sorted(set(labelled.labels))
    number = {name: place for place, name in enumerate(names)}
    numbers = np.array([number[label] for label in labelled.labels], np.int64)
    most = min(get_config().max_labelled_rows, MAX_PROBABILITIES // max(len(names), 1))
    chosen = sample(numbers, most)
    ids = np.array(labelled.ids, np.int64)[chosen]
    numbers = numbers[chosen]
    found_ids, matrix, texts, hashes = _read(graph, subject, ids, progress, has_words=has_words)
    places = np.searchsorted(ids, found_ids)
    numbers = numbers[places] if len(ids) else numbers
    outside = np.array(labelled.outside[: get_config().max_labelled_rows], np.int64)
    _, outside_matrix, outside_texts, _ = _read(
        graph, subject, outside, progress, has_words=has_words
    )
    # Labels that no row with a vector has are none.
    there = sorted(set(numbers.tolist()))
    names = [names[place] for place in there]
    numbers = np.searchsorted(np.array(there, np.int64), numbers)
    return Material(
        ids=found_ids,
        names=names,
        rows=Rows(matrix, texts, numbers, len(names)),
        outside=outside_matrix,
        outside_texts=outside_texts,
        n_labelled=len(labelled.ids),
        data_hash=_hash(graph, found_ids, hashes, [names[place] for place in numbers], outside),
    )


def texts_of(session: Session, subject: Subject, ids: Sequence[int]) -> list[str]:
    """Return title and text of these rows; empty for one that is gone."""
    found = {
        node.id: f"{node.title}\n{node.text}"[:MAX_TEXT_CHARS]
        for node in nodes(session, subject, ids)
    }
    return [found.get(int(one), "") for one in ids]


def _read(
    graph: GraphView, subject: Subject, ids: Integers, progress: RunProgress, *, has_words: bool
) -> tuple[Integers, Floats, list[str], dict[int, bytes]]:
    parts: list[tuple[Integers, Floats]] = []
    texts: list[str] = []
    hashes: dict[int, bytes] = {}
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE].tolist()
        with db.reading() as session:
            found = vectors(session, graph, some)
            here = found.ids.tolist()
            hashes |= predictions.hashes_of(session, graph_id=graph.id, ids=here)
            if has_words:
                texts += texts_of(session, subject, here)
        parts.append((found.ids, found.matrix))
        progress.stay_alive()
    if not parts:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32), [], {}
    return (
        np.concatenate([part for part, _ in parts]),
        np.concatenate([part for _, part in parts]),
        texts,
        hashes,
    )


def _pages(subject: Subject) -> Iterator[list[int]]:
    after = 0
    while True:
        with db.reading() as session:
            ids = node_ids(session, subject, after=after, limit=IDS_AT_ONCE)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _hash(
    graph: GraphView,
    ids: Integers,
    hashes: dict[int, bytes],
    labels: Sequence[str],
    outside: Integers,
) -> bytes:
    digest = hashlib.sha256(f"space {graph.space_id}".encode())
    for node_id, label in zip(ids.tolist(), labels, strict=True):
        digest.update(node_id.to_bytes(8, "big"))
        digest.update(hashes.get(node_id, b""))
        digest.update(label.encode() + b"\0")
    digest.update(outside.astype(">i8").tobytes())
    return digest.digest()
