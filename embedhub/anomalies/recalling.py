"""Reading what was decided, as examples that rows are compared with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.anomalies import lexical
from embedhub.anomalies.lexical import Bags, Vocabulary
from embedhub.anomalies.memory import Examples, Memory, Recalled, closeness, examples_of
from embedhub.anomalies.profile import Profile
from embedhub.anomalies.queries import flags as queries
from embedhub.anomalies.queries.flags import Decided
from embedhub.anomalies.reading import text_of
from embedhub.graph import service as graphs
from embedhub.graph.service import GraphView, Subject

# The newest decisions count; older ones only where the very same text comes again.
REMEMBERED = 2_000
COMPARED = 500


def read_memory(
    subject: Subject, profile_id: int, graph: GraphView | None, vocabulary: Vocabulary
) -> Memory:
    """Return what was accepted and confirmed among a subject's rows."""
    with db.reading() as session:
        last_id = queries.last_decision_id(session, profile_id)
        found = queries.in_force(session, profile_id, limit=REMEMBERED) if last_id else []
    accepted = [one for one in found if one.decision == "accept"]
    confirmed = [one for one in found if one.decision == "confirm"]
    return Memory(
        accepted=_examples(subject, graph, vocabulary, accepted),
        confirmed=_examples(subject, graph, vocabulary, confirmed),
        last_id=last_id,
    )


def _examples(
    subject: Subject, graph: GraphView | None, vocabulary: Vocabulary, found: Sequence[Decided]
) -> Examples:
    """Return examples of those rows that still have the text that was decided about."""
    wanted = {one.node_id: one.content_hash for one in found[:COMPARED]}
    with db.reading() as session:
        nodes = graphs.nodes(session, subject, list(wanted))
        known = [node for node in nodes if node.content_hash == wanted[node.id]]
        vectors = None
        if graph is not None and known:
            stored = graphs.vectors(session, graph, [node.id for node in known])
            have = set(stored.ids.tolist())
            known = [node for node in known if node.id in have] or known
            if have:
                order = np.searchsorted(stored.ids, [node.id for node in known])
                vectors = stored.matrix[order]
    return examples_of(
        [one.content_hash for one in found],
        lexical.bags_of(lexical.words_of(text_of(node)) for node in known),
        vocabulary,
        vectors,
    )


def recall(
    memory: Memory,
    profile: Profile,
    hashes: Sequence[bytes],
    bags: Bags,
    vectors: NDArray[np.float32] | None,
) -> Recalled:
    """Return how near rows are to what was accepted and to what was confirmed."""

    def to(examples: Examples) -> NDArray[np.float64]:
        return closeness(
            examples,
            hashes,
            bags,
            vectors,
            profile.vocabulary,
            usual_similarity=profile.usual_similarity,
            usual_overlap=profile.usual_overlap,
        )

    return Recalled(accepted=to(memory.accepted), confirmed=to(memory.confirmed))
