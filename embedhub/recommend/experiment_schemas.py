"""The JSON of experiments and click rates."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SkipValidation, WithJsonSchema

from embedhub.recommend.experiments import variant
from embedhub.recommend.rules.json_schema import RULES_SCHEMA
from embedhub.web.body import AnswerBody, RequestBody

StatusKind = Literal["draft", "running", "stopped"]
VerdictKind = Literal["better", "worse", "undecided", "nobody", "compared"]
VARIANTS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": variant.MIN_VARIANTS,
    "maxItems": variant.MAX_VARIANTS,
    "description": "The first one is what the others are compared with.",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": variant.MAX_NAME_CHARS},
            "weight": {
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "maximum": variant.MAX_WEIGHT,
                "description": "How many people get it, relative to the others; 1.",
            },
            "rules": {
                **RULES_SCHEMA,
                "type": ["array", "null"],
                "description": "In place of the placement's; null: those hold.",
            },
            "request": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "description": "Fields of requests for lists that it sets.",
                "properties": {
                    "kind": {"enum": ["personal", "popular", "trending", "latest"]},
                    "relevance": {"type": "number", "minimum": 0, "maximum": 1},
                    "collapse_duplicates": {"type": "boolean"},
                },
            },
            "version": {
                "type": ["integer", "null"],
                "description": "The recommender that answers; null: the live one.",
            },
        },
    },
}
# Read and checked by `experiments.variant`, which names the path of what is wrong.
VariantsIn = Annotated[SkipValidation[list[dict[str, Any]]], WithJsonSchema(VARIANTS_SCHEMA)]
VariantsOut = Annotated[list[dict[str, Any]], WithJsonSchema(VARIANTS_SCHEMA)]
EXAMPLE: dict[str, Any] = {
    "name": "more variety",
    "placement": "home",
    "variants": [
        {"name": "as it is"},
        {"name": "variety", "request": {"relevance": 0.7}},
    ],
    "holdout_share": 0.05,
}


class ExperimentIn(RequestBody):
    """An experiment to set up."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE]}
    )

    name: str
    placement: str = Field(description="Where its lists are shown, as requests name it.")
    variants: VariantsIn
    holdout_share: float = Field(
        default=0.0,
        description="Of people who get what is popular instead, the same in every experiment.",
    )
    note: str = Field(default="", description="What is expected, for those who come after.")


class ExperimentChange(RequestBody):
    """What an experiment that was not started is to be instead, all of it."""

    placement: str
    variants: VariantsIn
    holdout_share: float = 0.0
    note: str = ""


class ExperimentOut(AnswerBody):
    """An experiment."""

    id: int
    name: str
    placement: str
    status: StatusKind
    variants: VariantsOut
    holdout_share: float
    note: str
    created_at: datetime
    created_by: str
    started_at: datetime | None
    stopped_at: datetime | None


class ExperimentPage(AnswerBody):
    """Experiments, the latest first."""

    items: list[ExperimentOut]
    cursor: str | None


class RateOut(AnswerBody):
    """How many were clicked, and the 95 % interval of the rate (Wilson); null of nothing."""

    n: int
    clicked: int
    rate: float | None
    low: float | None
    high: float | None


class DifferenceOut(AnswerBody):
    """The rate less that of the first variant, and its 95 % interval (Newcombe)."""

    value: float
    low: float
    high: float


class ClickRatesOut(AnswerBody):
    """Click rates of one variant in one placement."""

    placement: str = Field(description="Empty: lists that named none.")
    variant: str = Field(description="Empty: outside of experiments.")
    items: RateOut = Field(description="Of all items shown.")
    lists: RateOut = Field(description="Of lists, those with a click.")
    people: RateOut = Field(description="Of users, those with a click.")


class ClicksOut(AnswerBody):
    """Click rates by placement and variant."""

    since: datetime
    until: datetime
    types: list[str] = Field(description="The interactions that count as clicks.")
    items: list[ClickRatesOut]


class VariantResultOut(AnswerBody):
    """Click rates of a variant."""

    variant: str
    items: RateOut
    lists: RateOut
    people: RateOut
    items_difference: DifferenceOut | None
    lists_difference: DifferenceOut | None
    people_difference: DifferenceOut | None
    verdict: VerdictKind = Field(
        description="By people, who are what is drawn: what one person sees is not independent."
    )


class ResultsOut(AnswerBody):
    """What came of an experiment so far."""

    experiment: str
    status: StatusKind
    since: datetime
    until: datetime
    types: list[str]
    variants: list[VariantResultOut]
