"""Bringing the fingerprints of a set up to date with its rows, in blocks that each stand alone."""

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.duplicates.fingerprints import BANDS
from embedhub.duplicates.queries import fingerprints as queries
from embedhub.duplicates.queries.fingerprints import FingerprintRow
from embedhub.duplicates.traits import Traits, print_of, traits_of
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Node, Subject

ROWS_AT_ONCE = 500
SALT = 0x9E3779B1

Report = Callable[[int, int], None]


def salted(bands: Sequence[int], set_id: int) -> list[int]:
    """Return band hashes as a set stores them: of two sets, none are equal but by chance.

    Salted twice they are as they were.
    """
    salt = (set_id * SALT) & 0xFFFFFFFF
    return [((int(band) ^ salt) + 2**31) % 2**32 - 2**31 for band in bands]


def fingerprint_all(subject: Subject, set_id: int, graph: GraphView | None, report: Report) -> int:
    """Fingerprint all rows whose text changed or is new, and return how many rows there are.

    Killed between two blocks, the next try goes on with what is still missing.
    """
    with db.reading() as session:
        total = graphs.count_nodes(session, subject)
    after = done = 0
    while True:
        with db.reading() as session:
            ids = graphs.node_ids(session, subject, after=after, limit=ROWS_AT_ONCE)
            if not ids:
                return done
            rows = _missing(session, subject, set_id, graph, ids)
        if rows:
            with db.writing() as session:
                queries.upsert(session, set_id, rows)
        after = ids[-1]
        done += len(ids)
        report(done, max(total, done))


def fingerprint_some(
    session: Session, subject: Subject, set_id: int, graph: GraphView | None, ids: Sequence[int]
) -> list[FingerprintRow]:
    """Return the fingerprints of these rows as they are now, whether or not one is stored."""
    listed = {} if graph is None else queries.listed_hashes(session, graph.id, ids)
    return [
        row_of(node, listed.get(node.id), set_id) for node in graphs.nodes(session, subject, ids)
    ]


def _missing(
    session: Session,
    subject: Subject,
    set_id: int,
    graph: GraphView | None,
    ids: Sequence[int],
) -> list[FingerprintRow]:
    stored = queries.stored_hashes(session, set_id, ids)
    listed = {} if graph is None else queries.listed_hashes(session, graph.id, ids)
    # A row with a vector is told by what that was made of: its text need not be read.
    wanted = [one for one in ids if one not in listed or stored.get(one) != listed[one]]
    return [
        row_of(node, listed.get(node.id), set_id)
        for node in graphs.nodes(session, subject, wanted)
        if node.id in listed or stored.get(node.id) != node.content_hash
    ]


def row_of(node: Node, listed: bytes | None, set_id: int) -> FingerprintRow:
    """Return the fingerprint of a row, as it is stored."""
    found = print_of(node.text, node.title)
    bands = salted(found.bands.tolist(), set_id)
    if len(bands) != BANDS:
        bands = []
    return FingerprintRow(
        node_id=node.id,
        node_hash=node.content_hash if listed is None else listed,
        text_hash=found.hash,
        bands=bands,
        n_words=found.n_words,
    )


def traits_of_node(node: Node) -> Traits:
    """Return what a row is compared by: its text with its title."""
    return traits_of(node.text, node.title)
