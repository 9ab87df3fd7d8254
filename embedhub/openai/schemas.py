"""The JSON of OpenAI's protocol; unknown fields are let pass, since clients send many."""

import uuid
from typing import Any, Literal

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


class ChatMessageIn(ProtocolBody):
    """A message of a chat; `content` is a text or parts of type text."""

    role: str
    # Checked once, by `completions`, which names the place of what is wrong.
    content: SkipValidation[str | list[dict[str, Any]] | None] = None


class StreamOptionsIn(ProtocolBody):
    """What a stream shall hold besides text."""

    include_usage: bool | None = None


class ChatIn(ProtocolBody):
    """A chat whose last message is answered from documents."""

    model: str = Field(description="A collection, or several with commas between.")
    messages: list[ChatMessageIn]
    stream: bool | None = None
    stream_options: StreamOptionsIn | None = None
    n: int | None = None
    principals: list[str] | None = PRINCIPALS
    # Checked once, by search.filters, which names the path of what is wrong.
    filter: SkipValidation[dict[str, Any] | None] = Field(
        default=None, description="Not OpenAI's: answer only from documents that pass."
    )
    append_sources: bool = Field(
        default=True,
        description="Not OpenAI's: whether the text ends with what its marks [n] stand for.",
    )


class ChatAnswerMessageOut(AnswerBody):
    """The answer as a message."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoiceOut(AnswerBody):
    """The one answer."""

    index: Literal[0]
    message: ChatAnswerMessageOut
    logprobs: None
    finish_reason: Literal["stop"]


class ChatUsageOut(AnswerBody):
    """Tokens, estimated by the length of the texts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCitationOut(AnswerBody):
    """A range of characters of a stored document version, `end` not included."""

    number: int
    collection: str
    external_id: str
    title: str
    url: str | None
    version: int
    start: int
    end: int
    text: str
    page: int | None


class ChatEvidenceOut(AnswerBody):
    """What OpenAI's protocol has no field for."""

    request_id: uuid.UUID
    found: bool
    question: str = Field(description="What was searched for.")
    method: Literal["extractive", "generated"]
    supported: bool = Field(description="Whether every sentence is backed by what it cites.")
    citations: list[ChatCitationOut]


class ChatOut(AnswerBody):
    """A completion that is not streamed."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoiceOut]
    usage: ChatUsageOut
    answer: ChatEvidenceOut = Field(description="Not OpenAI's.")
