"""Predictions as they are listed, and of texts that are not stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller, Scope
from embedhub.config import get_config
from embedhub.documents.inputs import check_string
from embedhub.errors import InvalidInput, NotReady, TooLarge
from embedhub.graph.service import GraphView, Owner, encode, live_graph, visible
from embedhub.labels.evidence import DIGITS, prediction_view, reasons_of
from embedhub.labels.material import MAX_TEXT_CHARS
from embedhub.labels.predicting import Loaded, load
from embedhub.labels.queries import classifiers, given
from embedhub.labels.queries import predictions as queries
from embedhub.labels.rows import rows_of
from embedhub.labels.sets import find_set
from embedhub.labels.view import LabelProbability, PredictionView
from embedhub.tables import LabelSet, Prediction

MAX_CHARS = 200_000
# Between a classifier that was just published and the graph that it needs.
SOON_S = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predictions are asked for; None restricts nothing."""

    label: str | None = None
    is_rejected: bool | None = None
    min_probability: float | None = None
    max_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list of predictions goes on: behind this probability and row."""

    probability: float
    node_id: int


def list_predictions(
    caller: Caller,
    owner: Owner,
    slug: str,
    name: str,
    wanted: Wanted,
    *,
    principals: Sequence[str] | None = None,
    after: Place | None = None,
    limit: int = 50,
) -> tuple[list[PredictionView], Place | None]:
    """Return predictions that the caller may see, the likeliest first, and where they go on."""
    caller = caller.narrowed(principals)
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        found = queries.list_predictions(
            session,
            set_id=row.id,
            visible=visible(subject, caller.principals, Prediction.node_id),
            label=wanted.label,
            is_rejected=wanted.is_rejected,
            least=wanted.min_probability,
            most=wanted.max_probability,
            after=None if after is None else (after.probability, after.node_id),
            limit=limit + 1,
        )
        shown = found[:limit]
        ids = [one.node_id for one in shown]
        rows = rows_of(session, subject, ids)
        standing = given.standing_labels(session, set_id=row.id, level=subject.level, ids=ids)
    views = [
        prediction_view(
            rows[one.node_id],
            one,
            standing[one.node_id].label if one.node_id in standing else None,
        )
        for one in shown
        if one.node_id in rows
    ]
    last = Place(shown[-1].probability, shown[-1].node_id) if len(found) > limit else None
    return views, last


def classify(
    caller: Caller, owner: Owner, slug: str, name: str, texts: Sequence[str]
) -> list[PredictionView]:
    """Return what the live classifier says of texts that are not stored, in the order given.

    Raises InvalidInput or TooLarge naming the text, NotReady while there is no classifier.
    """
    caller.require(Scope.READ)
    check_texts(texts)
    with db.reading() as session:
        row, subject = find_set(session, caller, owner, slug, name)
        graph = live_graph(session, subject)
        loaded = _loaded(session, row, graph)
    vectors = encode(subject, texts)
    said = loaded.classifier.classify(
        vectors, ["\n" + text[:MAX_TEXT_CHARS] for text in texts], loaded.reference
    )
    views = []
    for at in range(len(texts)):
        told = [
            LabelProbability(loaded.classifier.labels[place], round(float(probability), DIGITS))
            for place, probability in zip(said.top[at], said.probabilities[at], strict=True)
        ]
        is_known = said.similarities[at] == said.similarities[at]
        similarity = round(float(said.similarities[at]), DIGITS) if is_known else None
        is_rejected = bool(said.is_rejected[at])
        views.append(
            PredictionView(
                row=None,
                label=None if is_rejected else told[0].label,
                likeliest=told[0].label,
                probability=told[0].probability,
                is_rejected=is_rejected,
                similarity=similarity,
                probabilities=told,
                reasons=reasons_of(told, similarity, is_rejected=is_rejected),
            )
        )
    return views


def check_texts(texts: Sequence[str]) -> None:
    """Raise InvalidInput or TooLarge, naming the text, unless all can be classified."""
    most = get_config().max_classified_texts
    if not texts:
        raise InvalidInput("must not be empty", "texts")
    if len(texts) > most:
        raise TooLarge(f"{len(texts):,} texts; at most {most:,} are accepted", "texts")
    for place, text in enumerate(texts):
        if not check_string(text, f"texts.{place}", MAX_CHARS).strip():
            raise InvalidInput("must not be empty", f"texts.{place}")


def _loaded(session: Session, row: LabelSet, graph: GraphView | None) -> Loaded:
    live = classifiers.find_live(session, row.id)
    if live is None:
        raise NotReady(f"label set {row.name!r} has no classifier yet: train one", SOON_S)
    found = None if graph is None else load(session, live, graph)
    if found is None:
        raise NotReady(
            f"the classifier of {row.name!r} reads vectors that were replaced: train it anew",
            SOON_S,
        )
    return found
