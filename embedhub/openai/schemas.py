"""The JSON of OpenAI's protocol; unknown fields are let pass, since clients send many."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from embedhub.access.service import MAX_PRINCIPALS
from embedhub.web.body import AnswerBody

PRINCIPALS = Field(
    default=None,
    max_length=MAX_PRINCIPALS,
    description="Not OpenAI's: answer only from what these may see too.",
)


class ProtocolBody(BaseModel):
    """A body as OpenAI's clients send it: no value is converted, unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)


class EmbeddingsIn(ProtocolBody):
    """Texts to encode."""

    model: str = Field(description="An encoder, or a collection, whose encoder is taken.")
    # Checked once, by the view, which names the place of what is wrong.
    input: SkipValidation[str | list[str]] = Field(
        description="A text or several; token ids belong to another tokenizer and are refused."
    )
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="base64 is that of little-endian float32."
    )
    dimensions: int | None = Field(
        default=None, description="Keep the first ones, at unit length; null keeps all."
    )
    input_type: Literal["document", "query"] = Field(
        default="document",
        description="Not OpenAI's: some encoders encode what is searched for in another way.",
    )


class EmbeddingOut(AnswerBody):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsageOut(AnswerBody):
    """Tokens that the encoder read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(AnswerBody):
    """Vectors in the order of the texts."""

    object: Literal["list"]
    model: str
    data: list[EmbeddingOut]
    usage: EmbeddingsUsageOut
    truncated: list[int] = Field(
        description="Not OpenAI's: places of texts longer than the encoder reads, whose vectors are"
        " those of their beginnings."
    )


class ModelOut(AnswerBody):
    """A name to send as `model`."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: Literal["collection", "encoder"] = Field(
        description="A collection answers chats; an encoder, like a collection, makes embeddings."
    )


class ModelsOut(AnswerBody):
    """Every name that this key may send as `model`."""

    object: Literal["list"]
    data: list[ModelOut]
