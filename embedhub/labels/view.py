"""Label sets, classifiers and what they say, from the outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedhub.labels import setting
from embedhub.tables import Classifier, LabelSet


@dataclass(frozen=True, slots=True)
class LabelSetView:
    """A label set: where its labels come from and what they are, and how it is trained."""

    name: str
    level: str
    source: str
    field: str | None
    labels: list[dict[str, str]]
    setting: dict[str, Any]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class ClassifierView:
    """A classifier: how it stands and why, what it was made of, how well it does."""

    number: int
    status: str
    origin: str
    reason: str | None
    run_id: int | None
    n_rows: int
    labels: list[str]
    recipe: dict[str, Any] | None
    metrics: dict[str, Any]
    created_at: datetime
    published_at: datetime | None
    published_by: str | None


@dataclass(frozen=True, slots=True)
class SetState:
    """A label set with its counts, the classifier that predicts and the training under way."""

    set: LabelSetView
    live: ClassifierView | None
    run_id: int | None
    n_given: int
    n_fitting_none: int
    given_by_label: dict[str, int]
    n_predicted: int
    n_rejected: int
    n_open_errors: int


@dataclass(frozen=True, slots=True)
class RowView:
    """A row as lists name it; `text` is its beginning."""

    external_id: str
    position: int | None
    title: str
    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """A label and how probable it is."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class PredictionView:
    """What the live classifier says of a row."""

    row: RowView | None
    label: str | None
    likeliest: str
    probability: float
    is_rejected: bool
    similarity: float | None
    probabilities: list[LabelProbability]
    given: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GivenView:
    """One act of labelling."""

    id: int
    external_id: str
    label: str | None
    given_by: str
    given_at: datetime
    undone_by: str | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class AskedView:
    """A row worth a label: what is predicted, if anything, and why it is asked about."""

    row: RowView
    prediction: PredictionView | None
    cluster: int
    reasons: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ErrorView:
    """A likely label error, and what was decided."""

    id: int
    row: RowView
    label: str
    suggested: str
    status: str
    reasons: list[dict[str, Any]]
    found_at: datetime
    decision_id: int | None
    decided_by: str | None
    decided_at: datetime | None


def set_view(row: LabelSet) -> LabelSetView:
    """Return a label set's row as it is seen from outside."""
    return LabelSetView(
        name=row.name,
        level=row.level,
        source=row.source,
        field=row.field,
        labels=[dict(one) for one in row.labels],
        setting=setting.shown(row.setting),
        created_at=row.created_at,
        created_by=row.created_by,
    )


def classifier_view(row: Classifier) -> ClassifierView:
    """Return a classifier's row as it is seen from outside."""
    recipe: Mapping[str, Any] | None = row.settings.get("recipe")
    return ClassifierView(
        number=row.number,
        status=row.status,
        origin=row.origin,
        reason=row.reason,
        run_id=row.run_id,
        n_rows=row.n_rows,
        labels=list(row.labels),
        recipe=None if recipe is None else dict(recipe),
        metrics=dict(row.metrics),
        created_at=row.created_at,
        published_at=row.published_at,
        published_by=row.published_by,
    )
