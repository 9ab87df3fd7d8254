"""The settings of labels; read by `config` alone."""

from pydantic import Field
from pydantic_settings import BaseSettings


class LabelPart(BaseSettings):
    """How many labels there may be, and how many rows a classifier learns from."""

    max_label_sets: int = Field(
        100, ge=1, description="Label sets of one collection or catalog, at most."
    )
    max_labels: int = Field(
        1_000,
        ge=2,
        description="Labels of one set that rows have, at most: a field with more different values"
        " is an id, a name or a number rather than a label.",
    )
    max_labelled_rows: int = Field(
        50_000,
        ge=100,
        description="Labelled rows that a classifier learns from; of more, each label gives its"
        " share.",
    )
    max_given_labels: int = Field(
        1_000, ge=1, description="Labels given, or taken back, in one request."
    )
    max_classified_texts: int = Field(100, ge=1, description="Texts classified in one request.")
