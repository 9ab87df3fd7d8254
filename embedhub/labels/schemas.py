"""The JSON of label sets, of their trainings and of classifiers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from embedhub.graph.schemas import LevelName
from embedhub.web.body import AnswerBody, RequestBody

OriginName = Literal["trained", "described"]


class LabelIn(RequestBody):
    """One label of a set."""

    name: str = Field(examples=["billing"])
    description: str = Field(
        default="",
        description="What rows with this label are about, in a sentence: what a classifier by"
        " descriptions goes by.",
        examples=["Questions about invoices, prices and payments"],
    )


class LabelSettingIn(RequestBody):
    """How a set is trained; what is left out stays."""

    words: bool | None = Field(
        default=None,
        description="Whether words of the text count beside its meaning; null: as"
        " cross-validation says.",
    )
    balance: bool = Field(
        default=False, description="Count every label the same, however many rows it has."
    )
    rejected_share: float = Field(
        default=0.02,
        description="Share of rows told right that may be rejected as fitting no label: more"
        " rejects more rows that fit none.",
    )


class LabelSetIn(RequestBody):
    """A label set to make."""

    name: str = Field(description="As paths name it.", examples=["intent"])
    source: Literal["given", "field"] = Field(
        default="given",
        description="given: by people; field: read from a field of the metadata, over which a"
        " label that somebody gives goes.",
    )
    field: str | None = Field(default=None, examples=["category"])
    level: LevelName | None = Field(
        default=None,
        description="Of a collection its documents (default) or their passages (chunk); of a"
        " catalog its items.",
    )
    labels: list[LabelIn] = Field(
        default_factory=list,
        description="The labels that people may give, if not any; those with descriptions can"
        " be predicted without a labelled row.",
    )
    setting: LabelSettingIn = Field(default_factory=LabelSettingIn)


class LabelSetPatch(RequestBody):
    """What changes of a label set; what is left out stays."""

    field: str | None = None
    labels: list[LabelIn] | None = None
    setting: LabelSettingIn | None = None


class LabelOut(AnswerBody):
    """One label of a set."""

    name: str
    description: str


class LabelSettingOut(AnswerBody):
    """How a set is trained."""

    words: bool | None
    balance: bool
    rejected_share: float


class LabelSetOut(AnswerBody):
    """A label set."""

    name: str
    level: LevelName
    source: Literal["given", "field"]
    field: str | None
    labels: list[LabelOut]
    setting: LabelSettingOut
    created_at: datetime
    created_by: str


class LabelSetPage(AnswerBody):
    """Label sets, oldest first."""

    items: list[LabelSetOut]
    cursor: str | None


class ClassifierOut(AnswerBody):
    """One version of what predicts the labels of a set."""

    number: int
    status: Literal["rejected", "ready", "live", "retired", "dropped"] = Field(
        description="rejected: not as good as what there was; ready: waits to be published;"
        " retired: has predicted; dropped: too old to predict again."
    )
    origin: OriginName = Field(description="described: made of the labels' descriptions alone.")
    reason: str | None
    run_id: int | None
    n_rows: int = Field(description="Labelled rows that it learned from.")
    labels: list[str]
    recipe: dict[str, Any] | None = Field(
        description="C, and whether words count, as cross-validation chose."
    )
    metrics: dict[str, Any] = Field(
        description="Of rows that the judged classifier has not seen: `accuracy`, `macro_f1`,"
        " `log_loss`, `calibration_error`, `by_label`, which labels are `confused`,"
        " `rejected_share` and the accuracy of what is left, and `outside`: what becomes of rows"
        " that fit no label."
    )
    created_at: datetime
    published_at: datetime | None
    published_by: str | None


class ClassifierPage(AnswerBody):
    """Classifiers, newest first."""

    items: list[ClassifierOut]
    cursor: str | None


class SetStateOut(AnswerBody):
    """How a label set stands."""

    set: LabelSetOut
    live: ClassifierOut | None = Field(description="Null: nothing predicts yet.")
    run_id: int | None = Field(description="The training under way.")
    n_given: int = Field(description="Rows that people gave a label.")
    n_fitting_none: int = Field(description="Rows that people said fit none.")
    given_by_label: dict[str, int]
    n_predicted: int
    n_rejected: int = Field(description="Predicted rows that fit none of the labels.")
    n_open_errors: int = Field(description="Likely label errors that nobody has decided about.")


class LabelTrainingIn(RequestBody):
    """A training to start."""

    method: OriginName | None = Field(
        default=None,
        description="trained: on labelled rows; described: by the labels' descriptions; null:"
        " trained where there are labels enough.",
    )
    publish: Literal["better", "always", "never"] = Field(
        default="better",
        description="better: the new classifier predicts if it is not worse than the live one.",
    )


class LabelRunOut(AnswerBody):
    """The run that trains."""

    run_id: int
