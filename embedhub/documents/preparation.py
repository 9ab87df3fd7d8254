"""A document made ready outside any transaction: checked against its collection and chunked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from embedhub.config import get_config
from embedhub.documents.chunking import Chunking, Passage, encoder_input, input_hash, split
from embedhub.documents.inputs import DocumentInput
from embedhub.encoders import SUPPLIED, describe_encoder, load_tokenizer
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.analysis import regconfig_of
from embedhub.search.attributes import check_attributes, normalise_attributes
from embedhub.tables import Collection, Space

# Counts the tokens of whole documents whose vectors come from elsewhere.
COUNTING_TOKENIZER = "hashing-64"


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What of a collection decides how its documents are stored."""

    id: int
    workspace_id: int
    encoder: str
    chunking: Chunking
    filterable: Mapping[str, str]
    dimension: int | None
    metric: str | None

    @classmethod
    def of(cls, collection: Collection, dense: Space | None) -> "CollectionFacts":
        """Return the facts of a collection and its live dense space."""
        return cls(
            id=collection.id,
            workspace_id=collection.workspace_id,
            encoder=collection.encoder,
            chunking=Chunking.from_mapping(collection.chunking),
            filterable=dict(collection.filterable),
            dimension=dense.dimension if dense else None,
            metric=dense.metric if dense else None,
        )


@dataclass(slots=True)
class Prepared:
    """A checked document with its hashes and filter values; `passages` None: not chunked."""

    document: DocumentInput
    content_hash: bytes
    whole_hash: bytes
    attributes: dict[str, Any]
    passages: list[Passage] | None = None

    def columns(self) -> dict[str, Any]:
        """Return what the documents table holds of it, as JSON values."""
        document = self.document
        return {
            "external_id": document.external_id,
            "url": document.url,
            "metadata": document.metadata,
            "attributes": self.attributes,
            "access": document.access,
            "language": document.language,
            "source_version": document.source_version,
            "expires_at": document.expires_at,
            "whole_hash": self.whole_hash.hex(),
        }


def prepare(document: DocumentInput, facts: CollectionFacts, field: str) -> Prepared:
    """Check a document against its collection; raises InvalidInput naming the part."""
    check_attributes(document.metadata, facts.filterable, f"{field}.metadata")
    if document.language is not None:
        regconfig_of(document.language, f"{field}.language")
    if document.vector is not None:
        document = _with_stored_vector(document, facts, f"{field}.vector")
    return Prepared(
        document=document,
        content_hash=document.content_hash(),
        whole_hash=document.whole_hash(),
        attributes=normalise_attributes(document.metadata, facts.filterable),
    )


def chunk(prepared: Prepared, facts: CollectionFacts) -> None:
    """Split the document's text into its passages; raises TooLarge if there would be too many."""
    document = prepared.document
    if facts.encoder == SUPPLIED:
        tokenizer, encoder_tokens = load_tokenizer(COUNTING_TOKENIZER), None
    else:
        tokenizer = load_tokenizer(facts.encoder)
        encoder_tokens = describe_encoder(facts.encoder).max_tokens
    passages = split(
        document.text,
        facts.chunking,
        tokenizer,
        title=document.title,
        encoder_tokens=encoder_tokens,
        markdown=document.is_markdown,
    )
    limit = get_config().max_chunks
    if len(passages) > limit:
        raise TooLarge(f"makes {len(passages):,} chunks; at most {limit:,} are accepted")
    if not passages and document.vector is not None:
        passages = [Passage(0, 0, 0, "", "", 0)]
    prepared.passages = passages


def chunk_columns(
    prepared: Prepared,
    facts: CollectionFacts,
    *,
    document_id: int,
    version: int,
    generation: int,
) -> list[dict[str, Any]]:
    """Return the rows of the chunks table, as JSON values."""
    document = prepared.document
    if prepared.passages is None:
        raise ValueError("not chunked")
    return [
        {
            "document_id": document_id,
            "version": version,
            "generation": generation,
            "position": passage.position,
            "start_offset": passage.start,
            "end_offset": passage.end,
            "heading_path": passage.heading_path,
            "text": passage.text,
            "n_tokens": passage.n_tokens,
            "input_hash": _hash_of(document, facts, passage),
        }
        for passage in prepared.passages
    ]


def _hash_of(document: DocumentInput, facts: CollectionFacts, passage: Passage) -> str | None:
    if facts.encoder == SUPPLIED:
        if document.vector is None:
            return None
        return hashlib.sha256(document.vector.tobytes()).hexdigest()
    return input_hash(encoder_input(document.title, passage.heading_path, passage.text)).hex()


def _with_stored_vector(
    document: DocumentInput, facts: CollectionFacts, field: str
) -> DocumentInput:
    """Return the document with its vector as it is stored: unit length in a cosine space."""
    if facts.encoder != SUPPLIED:
        raise InvalidInput(
            f"this collection encodes its text with {facts.encoder}; vectors may be sent to one"
            " whose encoder is 'supplied'",
            field,
        )
    vector = document.vector
    if vector is None or vector.size != facts.dimension:
        n_values = 0 if vector is None else vector.size
        raise InvalidInput(f"has {n_values} values; the collection's have {facts.dimension}", field)
    if facts.metric == "cosine":
        norm = np.linalg.norm(vector.astype(np.float64))
        if norm == 0:
            raise InvalidInput("is all zeros, which has no direction to compare", field)
        vector = (vector / norm).astype(np.float32)
    return replace(document, vector=vector)
