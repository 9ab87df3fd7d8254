"""The JSON of labels of rows: given, asked for, predicted, doubted."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from embedhub.web.body import AnswerBody, RequestBody

ErrorStatus = Literal["open", "confirmed", "dismissed"]


class GivenIn(RequestBody):
    """A label for one row."""

    external_id: str
    label: str | None = Field(description="Null: none of the labels fits.", examples=["billing"])
    position: int | None = Field(default=None, description="Of a passage in its document.")
    seen: int | None = Field(
        default=None,
        description="The id of the label that the row has, to put this one in its place: without"
        " it, another label that somebody gave is a conflict (409).",
    )


class GivenBatchIn(RequestBody):
    """Labels to give: all of them, or none."""

    labels: list[GivenIn] = Field(description="At most 1,000.")


class GivenOutcomeOut(AnswerBody):
    """What became of one."""

    external_id: str
    id: int = Field(description="To take it back by.")
    label: str | None
    is_new: bool = Field(description="False: the row had this label already.")


class GivenOutcomesOut(AnswerBody):
    """What became of a batch, in its order."""

    items: list[GivenOutcomeOut]


class GivenOut(AnswerBody):
    """One act of labelling."""

    id: int
    external_id: str
    label: str | None
    given_by: str
    given_at: datetime
    undone_by: str | None
    undone_at: datetime | None


class GivenPage(AnswerBody):
    """Who labelled what, the latest first."""

    items: list[GivenOut]
    cursor: str | None


class UndoIn(RequestBody):
    """Labels to take back: all of them, or none."""

    ids: list[int]


class UndoneOut(AnswerBody):
    """Which were taken back now, and not before."""

    undone: list[int]


class LabelledRowOut(AnswerBody):
    """A document, a passage of one, or an item."""

    external_id: str
    position: int | None
    title: str
    text: str = Field(description="How it begins.")
    url: str | None


class ProbabilityOut(AnswerBody):
    """A label and how probable it is."""

    label: str
    probability: float


class LabelReasonOut(AnswerBody):
    """One piece of evidence."""

    name: str
    value: float
    words: str


class PredictionOut(AnswerBody):
    """What the live classifier says of a row, or of a text."""

    row: LabelledRowOut | None = Field(description="Null for a text that is not stored.")
    label: str | None = Field(description="Null: rejected, none of the labels fits.")
    likeliest: str
    probability: float = Field(description="Calibrated, of the likeliest label.")
    is_rejected: bool
    similarity: float | None = Field(
        description="Mean cosine with the nearest rows learned from, or with the nearest"
        " description."
    )
    probabilities: list[ProbabilityOut] = Field(description="Of the likeliest labels.")
    given: str | None = Field(description="The label that somebody gave the row.")
    reasons: list[LabelReasonOut]


class PredictionPage(AnswerBody):
    """Predictions, the likeliest first."""

    items: list[PredictionOut]
    cursor: str | None


class AskedOut(AnswerBody):
    """A row worth a label."""

    row: LabelledRowOut
    prediction: PredictionOut | None = Field(description="Null: nothing predicts yet.")
    cluster: int = Field(description="Rows of one cluster are alike: one of each is asked first.")
    reasons: list[LabelReasonOut]


class QueueOut(AnswerBody):
    """What to label next, the most instructive first."""

    items: list[AskedOut]


class LabelErrorOut(AnswerBody):
    """A row whose label is likely wrong."""

    id: int
    row: LabelledRowOut
    label: str
    suggested: str
    status: ErrorStatus = Field(
        description="confirmed: the row was given another label; dismissed: its label is right."
    )
    reasons: list[LabelReasonOut]
    found_at: datetime
    decision_id: int | None = Field(description="To be sent as `seen` to decide otherwise.")
    decided_by: str | None
    decided_at: datetime | None


class LabelErrorPage(AnswerBody):
    """Likely errors, the most likely first."""

    items: list[LabelErrorOut]
    cursor: str | None


class ErrorDecisionIn(RequestBody):
    """What is decided about a likely error."""

    decision: ErrorStatus = Field(
        description="confirmed: give the row the suggested label; dismissed: its label is right;"
        " open: take the decision back."
    )
    label: str | None = Field(
        default=None, description="Confirmed: give this label instead of the suggested one."
    )
    seen: int | None = Field(
        default=None,
        description="The `decision_id` that stands: without it, another decision is a conflict"
        " (409).",
    )


class ClassifyIn(RequestBody):
    """Texts to classify; nothing is stored."""

    texts: list[str] = Field(description="At most 100.", examples=[["I was charged twice"]])


class ClassifiedOut(AnswerBody):
    """What the live classifier says, in the order of the texts."""

    items: list[PredictionOut]
