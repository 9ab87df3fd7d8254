"""Rows for tests: plain functions with defaults, through the services that users go through."""

from collections.abc import Sequence
from typing import Any

from embedhub.access.caller import Caller
from embedhub.collections.service import CollectionInput, CollectionView, create_collection
from embedhub.documents.inputs import parse_document
from embedhub.documents.service import Outcome, upsert_documents
from embedhub.spaces.ledger import encode_pending


def make_collection(caller: Caller, slug: str = "papers", **wanted: Any) -> CollectionView:
    """Create a collection encoded by hashing, which needs no weights."""
    if "dimension" not in wanted:
        wanted.setdefault("encoder", "hashing-64")
    return create_collection(caller, CollectionInput(slug=slug, **wanted))


def send(caller: Caller, *documents: dict[str, Any], slug: str = "papers") -> list[Outcome]:
    """Send documents as a client would."""
    inputs = [parse_document(raw, f"documents.{i}") for i, raw in enumerate(documents)]
    return upsert_documents(caller, slug, inputs)


def send_texts(
    caller: Caller, texts: Sequence[str], slug: str = "papers", **fields: Any
) -> list[Outcome]:
    """Send texts under the ids "0", "1", ..."""
    return send(
        caller,
        *({"external_id": str(i), "text": text} | fields for i, text in enumerate(texts)),
        slug=slug,
    )


def encode_everything() -> int:
    """Do the embed worker's work; return the rows leased."""
    return encode_pending(budget_s=60)
