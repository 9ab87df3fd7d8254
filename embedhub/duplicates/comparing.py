"""Comparing pairs of stored rows: texts and vectors read in blocks, each text looked at once."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.duplicates.evidence import compare
from embedhub.duplicates.fingerprinting import traits_of_node
from embedhub.duplicates.judging import Judged, Thresholds, judge
from embedhub.duplicates.traits import Traits
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Subject

PAIRS_AT_ONCE = 1_000
# Texts of one block are often those of the next.
KEPT_TRAITS = 5_000

Pairs = NDArray[np.int64]
Pair = tuple[int, int]


@dataclass(slots=True)
class Side:
    """Where the rows of one side of pairs are: their subject, and their graph if there is one."""

    subject: Subject
    graph: GraphView | None
    seen: OrderedDict[int, tuple[Traits, str | None]] = field(default_factory=OrderedDict)

    def read(self, session: Session, ids: Sequence[int]) -> dict[int, tuple[Traits, str | None]]:
        """Return what these rows are compared by, and their sources; those gone are left out."""
        found = {one: self.seen[one] for one in ids if one in self.seen}
        missing = sorted({one for one in ids if one not in found})
        for node in graphs.nodes(session, self.subject, missing):
            found[node.id] = self.seen[node.id] = traits_of_node(node), node.source
        while len(self.seen) > KEPT_TRAITS:
            self.seen.popitem(last=False)
        return found

    def vectors(self, session: Session, ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return the unit vectors of these rows, as far as they have one."""
        if self.graph is None:
            return {}
        found = graphs.vectors(session, self.graph, sorted(set(ids)))
        return dict(zip(found.ids.tolist(), found.matrix, strict=True))


def judged_blocks(
    pairs: Pairs, sides: tuple[Side, Side], thresholds: Thresholds
) -> Iterator[tuple[int, dict[Pair, Judged]]]:
    """Yield (pairs looked at so far, those worth keeping), a block at a time.

    Each block reads in a short transaction of its own.
    """
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        block = pairs[start : start + PAIRS_AT_ONCE]
        with db.reading() as session:
            found = judged_pairs(session, block, sides, thresholds)
        yield start + len(block), found


def judged_pairs(
    session: Session, pairs: Pairs, sides: tuple[Side, Side], thresholds: Thresholds
) -> dict[Pair, Judged]:
    """Return the pairs worth keeping, judged by texts and vectors as they are now."""
    lefts, rights = pairs[:, 0].tolist(), pairs[:, 1].tolist()
    if sides[0] is sides[1]:
        left = right = sides[0].read(session, [*lefts, *rights])
        left_vectors = right_vectors = sides[0].vectors(session, [*lefts, *rights])
    else:
        left, right = sides[0].read(session, lefts), sides[1].read(session, rights)
        left_vectors, right_vectors = (
            sides[0].vectors(session, lefts),
            sides[1].vectors(session, rights),
        )
    found = {}
    for one, other in zip(lefts, rights, strict=True):
        if one not in left or other not in right:
            continue
        (traits, source), (others, other_source) = left[one], right[other]
        cosine = cosine_of(left_vectors.get(one), right_vectors.get(other))
        evidence = compare(traits, others, cosine=cosine, sources=(source, other_source))
        judged = judge(evidence, thresholds)
        if judged is not None:
            found[one, other] = judged
    return found


def cosine_of(left: NDArray[np.float32] | None, right: NDArray[np.float32] | None) -> float | None:
    """Return the cosine of two unit vectors; None where one is missing or of another space."""
    if left is None or right is None or left.shape != right.shape:
        return None
    return float(np.clip(left @ right, -1, 1))
