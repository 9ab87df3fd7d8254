"""What OpenAI's protocol calls models: collections to chat with, encoders to embed with."""

from dataclasses import dataclass

from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionView, get_collection, list_collections
from embedhub.encoders import available_encoders, describe_encoder
from embedhub.errors import InvalidInput, NotFound, NotReady

COLLECTION, ENCODER = "collection", "encoder"
COLLECTIONS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that requests may carry as `model`; `owner` says what it stands for."""

    id: str
    created: int
    owner: str


def list_offers(caller: Caller) -> list[Offer]:
    """Return the collections this caller may open, oldest first, then the encoders."""
    caller.require("read")
    found: list[Offer] = []
    after = 0
    while page := list_collections(caller, after=after, limit=COLLECTIONS_AT_ONCE):
        found += map(_of_collection, page)
        after = page[-1].id
        if len(page) < COLLECTIONS_AT_ONCE:
            break
    return found + [Offer(encoder.name, 0, ENCODER) for encoder in available_encoders()]


def get_offer(caller: Caller, name: str) -> Offer:
    """Return the collection of this slug that the caller may open, else the encoder; NotFound."""
    caller.require("read")
    try:
        return _of_collection(get_collection(caller, name))
    except NotFound:
        pass
    try:
        return Offer(describe_encoder(name).name, 0, ENCODER)
    except (InvalidInput, NotReady):
        raise NotFound("model", name) from None


def _of_collection(view: CollectionView) -> Offer:
    return Offer(view.slug, int(view.created_at.timestamp()), COLLECTION)
