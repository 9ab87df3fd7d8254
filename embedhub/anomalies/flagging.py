"""Which rows are flagged, and what is written about them; shared by scans and by following."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from embedhub.anomalies.explaining import Facts, reasons_of
from embedhub.anomalies.fusion import Signal, place_of
from embedhub.anomalies.memory import Recalled, recalled_scores
from embedhub.anomalies.profile import Profile
from embedhub.anomalies.queries import flags as queries
from embedhub.anomalies.queries.profiles import owner_slug
from embedhub.anomalies.reading import label_of, text_of
from embedhub.anomalies.setting import Detector, Setting
from embedhub.graph import service as graphs
from embedhub.graph.service import Node, Owner, Subject
from embedhub.tables import AnomalyProfile
from embedhub.webhooks.events import Event
from embedhub.webhooks.service import announce

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

N_NORMAL = 3
# More than anybody looks at, whatever the budget.
MOST_FLAGS = 10_000
DAY = timedelta(days=1)
TOLD_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with everything that a flag may say of them; places count these rows.

    `neighbor_ids` are those of stored rows, (n, k), -1 for none; `looks` normal scores of features.
    """

    ids: Places
    hashes: Sequence[bytes]
    values: Floats
    tails: Floats
    scores: Floats
    looks: Floats
    n_same: Places
    neighbor_ids: Places
    recalled: Recalled


def ranks_of(scored: Scored, profile: Profile, setting: Setting) -> tuple[Floats, Floats, float]:
    """Return what rows are ordered by, the share of rows at least as high, and the limit of it.

    That is the score after what was decided, or the distance to the mean of all rows.
    """
    if setting.detector is Detector.CENTROID:
        place = place_of(Signal.CENTROID)
        distances = np.nan_to_num(scored.values[:, place], nan=-1.0)
        kept = np.where(scored.recalled.accepted >= 1.0, -1.0, distances)
        return kept, scored.tails[:, place], 1.0 - setting.limit
    limit = profile.limit(setting.budget.share_of(profile.rows_per_day))
    scores = recalled_scores(scored.scores, scored.recalled, limit)
    return scores, profile.share_of(scores), limit


def choose(
    ranks: Floats, limit: float, ids: Places, *, decided: frozenset[int], held: set[int], room: int
) -> Places:
    """Return the places of the rows to flag, highest first.

    Rows that were decided about are left alone; those held open already take no room.
    """
    order = np.argsort(-ranks, kind="stable")
    chosen: list[int] = []
    for place in order[ranks[order] > limit].tolist():
        if len(chosen) >= MOST_FLAGS:
            break
        node_id = int(ids[place])
        if node_id in decided:
            continue
        if node_id not in held:
            if room <= 0:
                continue
            room -= 1
        chosen.append(place)
    return np.array(chosen, dtype=np.int64)


def flag_rows(
    session: Session,
    subject: Subject,
    row: AnomalyProfile,
    scored: Scored,
    *,
    profile: Profile,
    setting: Setting,
    chosen: Places,
) -> list[dict[str, Any]]:
    """Return flags of the chosen rows, ready to be stored."""
    ranks, shares, _ = ranks_of(scored, profile, setting)
    ids = scored.ids[chosen].tolist()
    near = _normal_ids(session, row.id, scored, chosen)
    found = {node.id: node for node in graphs.nodes(session, subject, ids)}
    flags = []
    for place, normal_ids in zip(chosen.tolist(), near, strict=True):
        node = found.get(int(scored.ids[place]))
        if node is None:
            continue
        rare = profile.vocabulary.rare_words(text_of(node))
        facts = facts_of(scored, place, rare, label_of(node, setting.label_field))
        limit = setting.limit if setting.detector is Detector.CENTROID else None
        flags.append(
            {
                **_place_of(subject, row, node),
                "content_hash": node.content_hash,
                "score": float(ranks[place]),
                "share": float(shares[place]),
                "reasons": reasons_of(facts, by_centroid=limit),
                "normal_ids": normal_ids,
                "rare_words": rare,
            }
        )
    return flags


def facts_of(scored: Scored, place: int, rare: Sequence[str], label: str | None) -> Facts:
    """Return what is known of one row."""
    return Facts(
        values=scored.values[place],
        tails=scored.tails[place],
        looks=scored.looks[place],
        rare_words=rare,
        n_same=int(scored.n_same[place]),
        label=label,
        confirmed=float(scored.recalled.confirmed[place]),
    )


def _place_of(subject: Subject, row: AnomalyProfile, node: Node) -> dict[str, Any]:
    is_item = subject.catalog_id is not None
    return {
        "workspace_id": subject.workspace_id,
        "profile_id": row.id,
        "node_id": node.id,
        "document_id": node.document_id,
        "item_id": node.id if is_item else None,
    }


def _normal_ids(
    session: Session, profile_id: int, scored: Scored, chosen: Places
) -> list[list[int]]:
    """Return the nearest rows of each chosen one that do not stand out themselves."""
    near = scored.neighbor_ids[chosen]
    wanted = sorted({int(one) for one in near.ravel() if one >= 0})
    odd = queries.flagged_among(session, profile_id, wanted) | set(scored.ids[chosen].tolist())
    return [[one for one in ids if one >= 0 and one not in odd][:N_NORMAL] for ids in near.tolist()]


def room_for(session: Session, row: AnomalyProfile, setting: Setting, *, n_rows: int) -> int:
    """Return how many rows may be flagged now beside those that wait."""
    return setting.budget.room(
        n_rows=n_rows,
        n_open=queries.count_by_status(session, row.id).get("open", 0),
        n_of_day=queries.count_since(session, row.id, within=DAY),
    )


def tell(
    session: Session, subject: Subject, flags: Sequence[dict[str, Any]], new: list[int]
) -> None:
    """Have webhooks told of new flags, within the caller's transaction."""
    if not new:
        return
    slug = owner_slug(session, subject)
    if slug is None:
        return
    owner = Owner.COLLECTIONS if subject.catalog_id is None else Owner.CATALOGS
    scores = {flag["node_id"]: flag["score"] for flag in flags}
    found = queries.nodes_of_flags(session, new[:TOLD_AT_ONCE])
    names = {
        node.id: node.external_id for node in graphs.nodes(session, subject, list(found.values()))
    }
    payload = {
        "level": subject.level.value,
        "n_flags": len(new),
        "flags": [
            {"id": flag_id, "external_id": names.get(node_id), "score": scores.get(node_id)}
            for flag_id, node_id in found.items()
        ],
    }
    announce(
        session,
        workspace_id=subject.workspace_id,
        event=Event.ANOMALIES_FLAGGED,
        owner_slug=slug,
        owner=owner.value,
        payload=payload,
    )
