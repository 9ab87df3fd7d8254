"""The JSON of anomalies."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.graph.schemas import LevelName
from embedhub.web.body import AnswerBody, RequestBody

StatusName = Literal["open", "confirmed", "dismissed"]
DetectorName = Literal["fused", "centroid"]
LEVEL = Field(
    default=None,
    description="Of a collection its documents (default) or their passages (chunk); of a catalog"
    " its items.",
)


class AnomalyScanIn(RequestBody):
    """Which rows to scan."""

    level: LevelName | None = LEVEL


class AnomalyRunOut(AnswerBody):
    """The run that scans."""

    run_id: int


class BudgetIn(RequestBody):
    """How many false alarms somebody has time for: one of the two."""

    share: float | None = Field(
        default=None,
        description="Share of the rows that may wait to be looked at.",
        examples=[0.01],
    )
    per_day: int | None = Field(default=None, description="Rows that may be flagged in a day.")


class AnomalySettingPatch(RequestBody):
    """What changes; what is left out stays as it is."""

    level: LevelName | None = LEVEL
    budget: BudgetIn | None = None
    detector: DetectorName | None = Field(
        default=None,
        description="fused: all signals together; centroid: the similarity to the mean of all rows"
        " is below `limit`.",
    )
    limit: float | None = Field(default=None, description="Cosine to the mean, for centroid.")
    label_field: str | None = Field(
        default=None,
        description="Field of the metadata whose values are labels: rows whose neighbors have"
        " another label stand out. Null: none.",
    )


class BudgetOut(AnswerBody):
    """How many false alarms there is time for."""

    share: float | None
    per_day: int | None


class AnomalySettingOut(AnswerBody):
    """What is flagged."""

    budget: BudgetOut
    detector: DetectorName
    limit: float
    label_field: str | None


class AnomalyCountsOut(AnswerBody):
    """Flags of each status."""

    open: int
    confirmed: int
    dismissed: int


class AnomalyStateOut(AnswerBody):
    """How the anomalies of a collection or catalog stand."""

    level: LevelName
    setting: AnomalySettingOut
    fitted_at: datetime | None = Field(description="Of the scan that counts; null: none yet.")
    n_rows: int = Field(description="Rows of that scan.")
    with_vectors: bool = Field(description="False: judged by words and looks alone.")
    limit: float | None = Field(description="What a score has to exceed to be flagged.")
    counts: AnomalyCountsOut
    precision: float | None = Field(description="Share confirmed of the last decisions.")
    n_decided: int = Field(description="Of how many decisions, 100 at most.")
    run_id: int | None = Field(description="The scan under way.")


class AnomalyReasonOut(AnswerBody):
    """Why a row stands out."""

    signal: str = Field(examples=["words"])
    value: float
    share: float | None = Field(description="Share of the rows that are at least as odd by it.")
    percentile: float | None
    words: str = Field(
        examples=["Uses words that similar rows do not: xylograph (more than 99.2 % of the rows)"]
    )


class AnomalyRowOut(AnswerBody):
    """A document, a passage of one, or an item."""

    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    text: str = Field(description="How it begins.")
    position: int | None = Field(description="Of a passage in its document.")


class AnomalyDecisionOut(AnswerBody):
    """What somebody decided."""

    id: int
    decision: Literal["accept", "confirm", "undo"]
    decided_by: str
    decided_at: datetime
    undoes: int | None = Field(description="The decision that was taken back.")


class AnomalyOut(AnswerBody):
    """A row that stands out, why, and what was decided."""

    id: int
    status: StatusName
    score: float
    percentile: float
    reasons: list[AnomalyReasonOut]
    rare_words: list[str] = Field(description="As the row writes them, the rarest first.")
    row: AnomalyRowOut
    normal: list[AnomalyRowOut] = Field(
        description="The nearest rows that do not stand out, to compare with."
    )
    flagged_at: datetime
    decisions: list[AnomalyDecisionOut] = Field(description="Oldest first.")
    current: int | None = Field(description="The decision in force: `seen` of the next one.")


class AnomalyPage(AnswerBody):
    """A page of anomalies."""

    items: list[AnomalyOut]
    cursor: str | None


class AnomalyDecisionIn(RequestBody):
    """What to decide."""

    decision: Literal["accept", "confirm", "undo"] = Field(
        description="accept: rows like it are usual; confirm: rows like it stand out from now on;"
        " undo: take back what holds."
    )
    seen: int | None = Field(
        default=None,
        description="The `current` decision that you saw; another one that holds is a conflict.",
    )


class AnomalyScoreIn(RequestBody):
    """A text to score; nothing is stored."""

    text: str
    title: str = ""
    level: LevelName | None = LEVEL
    language: str | None = Field(default=None, description="Null: the usual one of the rows.")
    label: str | None = Field(default=None, description="Its label, where a label field is set.")
    principals: list[str] | None = Field(
        default=None, description="Compare it only with what these may see too."
    )


class SignalOut(AnswerBody):
    """One signal of a text."""

    value: float | None = Field(description="Null: it cannot be told.")
    percentile: float | None


class AnomalyScoreOut(AnswerBody):
    """How odd a text would be."""

    score: float
    limit: float = Field(description="A score beyond it stands out.")
    percentile: float
    is_flagged: bool = Field(description="It stands out, whatever is left of the budget.")
    reasons: list[AnomalyReasonOut]
    signals: dict[str, SignalOut]
    rare_words: list[str]
    normal: list[AnomalyRowOut]
