"""Pairs and clusters as plain values, as REST answers them; texts by how they begin. Pure."""

from dataclasses import asdict
from typing import Any

from embedhub.duplicates.checking import Match
from embedhub.duplicates.reading import ClusterView, PairView
from embedhub.graph.service import Node

SHOWN_CHARS = 300


def pair_as_json(view: PairView) -> dict[str, Any]:
    """Return a pair as it is answered."""
    return {
        "id": view.id,
        "kind": view.kind,
        "status": view.status,
        "score": view.score,
        "is_automatic": view.is_automatic,
        "contradictions": view.contradictions,
        "reasons": view.parts,
        "left": row_as_json(view.left),
        "right": row_as_json(view.right),
        "cluster_id": view.cluster_id,
        "decision": None if view.decision is None else asdict(view.decision),
        "found_at": view.found_at,
    }


def cluster_as_json(view: ClusterView) -> dict[str, Any]:
    """Return a cluster as it is answered."""
    return {
        "id": view.id,
        "n_members": view.n_members,
        "n_pairs": view.n_pairs,
        "weakest": view.weakest,
        "is_capped": view.is_capped,
        "n_refused": view.n_refused,
        "canonical": None if view.canonical is None else row_as_json(view.canonical),
        "members": [row_as_json(node) for node in view.members],
        "updated_at": view.updated_at,
    }


def match_as_json(match: Match) -> dict[str, Any]:
    """Return a row that a text would stand in a pair with."""
    judged = match.judged
    return {
        "row": row_as_json(match.node),
        "kind": judged.kind,
        "score": judged.score,
        "is_automatic": judged.is_automatic,
        "contradictions": list(judged.contradictions),
        "reasons": judged.parts,
    }


def row_as_json(node: Node) -> dict[str, Any]:
    """Return a row by its external id and how its text begins."""
    return {
        "external_id": node.external_id,
        "title": node.title,
        "url": node.url,
        "text": node.text[:SHOWN_CHARS],
        "position": node.position,
    }
