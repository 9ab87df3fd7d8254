"""Would a text be a duplicate: answered before anything is stored, from what is stored alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.duplicates.comparing import cosine_of
from embedhub.duplicates.evidence import compare
from embedhub.duplicates.fingerprinting import salted, traits_of_node
from embedhub.duplicates.judging import Judged, Thresholds, judge
from embedhub.duplicates.nearness import USUAL
from embedhub.duplicates.queries import fingerprints, sets
from embedhub.duplicates.scanning import thresholds_of
from embedhub.duplicates.settings import Settings, read_settings
from embedhub.duplicates.traits import Traits, traits_of
from embedhub.errors import InvalidInput, NotFound, TooLarge
from embedhub.graph import service as graphs
from embedhub.graph.service import Node, Owner, Subject
from embedhub.tables import DuplicateSet

NEAREST = 10
SHARING = 20
# Looked at word for word: their texts are read for it.
COMPARED = 16
MAX_LIMIT = 50


class Verdict(StrEnum):
    """What would become of the text."""

    DUPLICATE = "duplicate"  # some row would be taken for its duplicate by itself
    REVIEW = "review"  # somebody would be asked
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Match:
    """A stored row that the text would stand in a pair with."""

    node: Node
    judged: Judged


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer: matches, the highest score first.

    `is_scanned` says that all rows have fingerprints; before the first scan only near rows by
    meaning are compared. `used_vectors` is false where there is no encoder for them.
    """

    verdict: Verdict
    matches: list[Match]
    is_scanned: bool
    used_vectors: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A text that is not stored, among whose rows it is asked about, and for whom."""

    subject: Subject
    traits: Traits
    vector: NDArray[np.float32] | None
    principals: Sequence[str] | None


def check(
    caller: Caller,
    owner: Owner,
    slug: str,
    *,
    text: str,
    title: str = "",
    level: str | None = None,
    limit: int = 10,
    principals: Sequence[str] | None = None,
) -> Checked:
    """Return which stored rows somebody may see that a text would be a duplicate of.

    Raises NotFound, InvalidInput for an empty text, TooLarge beyond `duplicates_check_chars`.
    """
    caller = caller.narrowed(principals)
    _refuse_bad(text, title, limit)
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, owner, slug, level)
    traits = traits_of(text, title)
    if traits.hash is None:
        raise InvalidInput("has no words to compare", "text")
    vector = _vector_of(subject, text, title)
    with db.reading() as session:
        found = sets.find_set(session, subject)
        is_scanned = found is not None and found.scanned_at is not None
        asked = _Asked(subject, traits, vector, caller.principals)
        matches = _matches(session, found, asked)
    thresholds = thresholds_for(found)
    return Checked(verdict_of(matches, thresholds), matches[:limit], is_scanned, vector is not None)


def thresholds_for(found: DuplicateSet | None) -> Thresholds:
    """Return the thresholds of a set; those by default where nothing was scanned yet."""
    settings = Settings() if found is None else read_settings(found.settings)
    semantic = None if found is None else found.semantic_threshold
    return thresholds_of(settings, USUAL if semantic is None else semantic)


def verdict_of(matches: Sequence[Match], thresholds: Thresholds) -> Verdict:
    """Return what would become of a text with these matches."""
    if any(match.judged.is_automatic for match in matches):
        return Verdict.DUPLICATE
    is_doubtful = any(
        match.judged.score >= thresholds.review or match.judged.contradictions or _is_near(match)
        for match in matches
    )
    return Verdict.REVIEW if is_doubtful else Verdict.NEW


def _is_near(match: Match) -> bool:
    return match.judged.kind == "semantic"


def _refuse_bad(text: str, title: str, limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(f"must be from 1 to {MAX_LIMIT}", "limit")
    most = get_config().duplicates_check_chars
    for name, value in (("text", text), ("title", title)):
        if len(value) > most:
            raise TooLarge(f"must have at most {most:,} characters", name)


def _vector_of(subject: Subject, text: str, title: str) -> NDArray[np.float32] | None:
    """Return the vector that the text would have; None where nothing encodes texts."""
    try:
        rows: NDArray[np.float32] = graphs.encode(subject, [text], [title])
    except (NotFound, InvalidInput):
        return None
    return rows[0] if rows[0].any() else None


def _matches(session: Session, found: DuplicateSet | None, asked: _Asked) -> list[Match]:
    near = _near(session, asked)
    ids = _candidates(session, found, asked, list(near))
    seen = graphs.visible_among(session, asked.subject, asked.principals, ids)
    rows = [one for one in ids if one in seen][:COMPARED]
    cosines = _cosines(session, asked, rows, near)
    thresholds = thresholds_for(found)
    matches = []
    for node in graphs.nodes(session, asked.subject, rows):
        evidence = compare(asked.traits, traits_of_node(node), cosine=cosines.get(node.id))
        judged = judge(evidence, thresholds)
        if judged is not None:
            matches.append(Match(node, judged))
    return sorted(matches, key=lambda match: (-match.judged.score, match.node.id))


def _near(session: Session, asked: _Asked) -> dict[int, float]:
    """Return the rows nearest by meaning with their cosines, the nearest first."""
    if asked.vector is None:
        return {}
    vectors = asked.vector[None, :]
    lists = graphs.nearest(session, asked.subject, vectors, NEAREST, asked.principals)
    found = zip(lists.neighbor_ids[0].tolist(), lists.similarity[0].tolist(), strict=True)
    return {node_id: cosine for node_id, cosine in found if node_id != graphs.NONE}


def _candidates(
    session: Session, found: DuplicateSet | None, asked: _Asked, near: list[int]
) -> list[int]:
    """Return rows worth comparing, the likeliest first: equal, near by meaning, sharing words."""
    subject, traits = asked.subject, asked.traits
    equal: list[int] = []
    sharing: list[int] = []
    if found is not None and traits.hash is not None:
        equal = fingerprints.with_text(
            session,
            found.id,
            subject,
            traits.hash,
            principals=asked.principals,
            limit=COMPARED // 4,
        )
        bands = salted(traits.bands.tolist(), found.id)
        sharing = [
            one for one, _ in fingerprints.sharing_bands(session, found.id, bands, limit=SHARING)
        ]
    # By turns: neither leg may crowd the other out.
    mixed = [one for pair in zip(sharing, near, strict=False) for one in pair]
    longer = sharing[len(near) :] or near[len(sharing) :]
    return list(dict.fromkeys([*equal, *mixed, *longer]))


def _cosines(
    session: Session, asked: _Asked, ids: Sequence[int], near: Mapping[int, float]
) -> dict[int, float | None]:
    """Return the cosines of rows; of near ones they are known, of the others vectors are read."""
    graph = graphs.live_graph(session, asked.subject) if asked.vector is not None else None
    if graph is None:
        return {}
    found: dict[int, float | None] = {one: min(near[one], 1.0) for one in ids if one in near}
    others = [one for one in ids if one not in near]
    if others:
        stored = graphs.vectors(session, graph, others)
        for node_id, vector in zip(stored.ids.tolist(), stored.matrix, strict=True):
            found[node_id] = cosine_of(asked.vector, vector)
    return found
