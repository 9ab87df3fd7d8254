"""The REST of OpenAI's protocol."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.errors import InvalidInput
from embedhub.openai import embeddings, models
from embedhub.openai.models import Offer
from embedhub.openai.schemas import EmbeddingsIn, EmbeddingsOut, ModelOut, ModelsOut
from embedhub.web.authentication import caller_of
from embedhub.web.responses import respond

router = Router(tags=["OpenAI's protocol"])


@router.post("/embeddings", response=EmbeddingsOut, summary="Encode texts")
def create_embeddings(request: HttpRequest, body: EmbeddingsIn) -> HttpResponse:
    """The vectors of texts, as OpenAI's clients ask for them."""
    embedded = embeddings.embed(
        caller_of(request, Scope.READ),
        body.model,
        texts_of(body.input),
        dimensions=body.dimensions,
        input_type=body.input_type,
    )
    is_base64 = body.encoding_format == "base64"
    vectors: Any = embedded.vectors
    return respond(
        {
            "object": "list",
            "model": body.model,
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": embeddings.to_base64(vector) if is_base64 else vector,
                }
                for index, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": embedded.n_tokens, "total_tokens": embedded.n_tokens},
            "truncated": embedded.truncated,
        }
    )


@router.get("/models", response=ModelsOut, summary="List what can be named as model")
def list_models(request: HttpRequest) -> HttpResponse:
    """The collections this key may open, to chat with, and the encoders, to embed with."""
    offers = models.list_offers(caller_of(request, Scope.READ))
    return respond({"object": "list", "data": [model_of(offer) for offer in offers]})


@router.get("/models/{path:model_id}", response=ModelOut, summary="Get what can be named as model")
def get_model(request: HttpRequest, model_id: str) -> HttpResponse:
    """One collection or encoder."""
    return respond(model_of(models.get_offer(caller_of(request, Scope.READ), model_id)))


def model_of(offer: Offer) -> dict[str, Any]:
    """Return an offer as its JSON."""
    return {
        "id": offer.id,
        "object": "model",
        "created": offer.created,
        "owned_by": offer.owner,
    }


def texts_of(given: object) -> list[str]:
    """Return the texts of a request; raises InvalidInput naming the place of what is none."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        raise InvalidInput("must be a text or a list of texts", "input")
    for place, each in enumerate(given):
        if isinstance(each, int | list):
            told = "must be a text: token ids belong to another tokenizer than the encoder's"
            raise InvalidInput(told, f"input.{place}")
        if not isinstance(each, str):
            raise InvalidInput("must be a text", f"input.{place}")
    return given
