"""A document made ready outside any transaction: checked against its collection and chunked."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedhub.config import get_config
from embedhub.documents.chunking import Chunking, Passage, encoder_input, input_hash, split
from embedhub.documents.inputs import NOT_FINITE, DocumentInput
from embedhub.encoders import SUPPLIED, describe_encoder, load_tokenizer
from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.analysis import regconfig_of
from embedhub.search.attributes import check_attributes, normalise_attributes
from embedhub.tables import Collection, Space

# Counts the tokens of whole documents whose vectors come from elsewhere.
COUNTING_TOKENIZER = "hashing-64"
Vector = NDArray[np.float32]
# The path of the n-th document of a batch, for refusals.
FieldOf = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What of a collection decides how its documents are stored."""

    id: int
    workspace_id: int
    language: str
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
            language=collection.language,
            encoder=collection.encoder,
            chunking=Chunking.from_mapping(collection.chunking),
            filterable=dict(collection.filterable),
            dimension=dense.dimension if dense else None,
            metric=dense.metric if dense else None,
        )


@dataclass(slots=True)
class Prepared:
    """A checked document with its hashes and filter values; `passages` None: not chunked.

    `vector` is the one sent, as its space holds it: of unit length in a cosine space.
    """

    document: DocumentInput
    vector: Vector | None
    content_hash: bytes
    whole_hash: bytes
    attributes: dict[str, Any]
    passages: list[Passage] | None = None
    # whether a document of this id was stored when it was last looked for
    is_known: bool = True

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
            "file_id": document.file_id,
        }


def prepare(document: DocumentInput, facts: CollectionFacts, field: str) -> Prepared:
    """Check a document against its collection; raises InvalidInput naming the part."""
    prepared = prepare_many([document], facts, lambda _: field)[0]
    if isinstance(prepared, InvalidInput):
        raise prepared
    return prepared


def prepare_many(
    documents: Sequence[DocumentInput], facts: CollectionFacts, field_of: FieldOf
) -> list[Prepared | InvalidInput]:
    """Check documents against their collection; in place of a refused one stands the refusal."""
    vectors = stored_vectors(documents, facts, field_of)
    prepared: list[Prepared | InvalidInput] = []
    for place, (document, vector) in enumerate(zip(documents, vectors, strict=True)):
        try:
            if document.metadata:
                check_attributes(document.metadata, facts.filterable, f"{field_of(place)}.metadata")
            if document.language is not None:
                regconfig_of(document.language, f"{field_of(place)}.language")
        except InvalidInput as error:
            prepared.append(error)
            continue
        if isinstance(vector, InvalidInput):
            prepared.append(vector)
            continue
        content_hash = document.content_hash(vector)
        prepared.append(
            Prepared(
                document=document,
                vector=vector,
                content_hash=content_hash,
                whole_hash=document.whole_hash(content_hash),
                attributes=normalise_attributes(document.metadata, facts.filterable),
            )
        )
    return prepared


def chunk(prepared: Prepared, facts: CollectionFacts) -> None:
    """Split the document's text into its passages; raises TooLarge if there would be too many."""
    document = prepared.document
    passages: list[Passage] = []
    if prepared.vector is None or document.text or document.title:
        passages = passages_of(
            document.text, facts, title=document.title, written_in=document.format
        )
    if not passages and prepared.vector is not None:
        passages = [Passage(0, 0, 0, "", "", 0)]
    prepared.passages = passages


def passages_of(text: str, facts: CollectionFacts, *, title: str, written_in: str) -> list[Passage]:
    """Return the passages of a text by its collection's chunking; raises TooLarge."""
    if facts.encoder == SUPPLIED:
        tokenizer, encoder_tokens = load_tokenizer(COUNTING_TOKENIZER), None
    else:
        tokenizer = load_tokenizer(facts.encoder)
        encoder_tokens = describe_encoder(facts.encoder).max_tokens
    passages = split(
        text,
        facts.chunking,
        tokenizer,
        title=title,
        encoder_tokens=encoder_tokens,
        written_in=written_in,
    )
    limit = get_config().max_chunks
    if len(passages) > limit:
        raise TooLarge(f"makes {len(passages):,} chunks; at most {limit:,} are accepted")
    return passages


def chunk_columns(
    prepared: Prepared,
    facts: CollectionFacts,
    *,
    document_id: int,
    version: int,
    generation: int,
) -> list[dict[str, Any]]:
    """Return the rows of the chunks table, as JSON values."""
    if prepared.passages is None:
        raise ValueError("not chunked")
    return chunk_rows(
        prepared.passages,
        [hash_of(prepared, facts, passage) for passage in prepared.passages],
        document_id=document_id,
        version=version,
        generation=generation,
    )


def chunk_rows(
    passages: Sequence[Passage],
    hashes: Sequence[bytes | None],
    *,
    document_id: int,
    version: int,
    generation: int,
) -> list[dict[str, Any]]:
    """Return the rows of passages and what their vectors are made of, as JSON values."""
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
            "input_hash": None if hashed is None else hashed.hex(),
        }
        for passage, hashed in zip(passages, hashes, strict=True)
    ]


def hash_of(prepared: Prepared, facts: CollectionFacts, passage: Passage) -> bytes | None:
    """Return the hash of what the passage's vector is made of; None if it will never have one."""
    if facts.encoder == SUPPLIED:
        if prepared.vector is None:
            return None
        return hashlib.sha256(prepared.vector.tobytes()).digest()
    return text_hash(prepared.document.title, passage)


def text_hash(title: str, passage: Passage) -> bytes:
    """Return the hash of what an encoder is given for a passage."""
    return input_hash(encoder_input(title, passage.heading_path, passage.text))


def stored_vectors(
    documents: Sequence[DocumentInput], facts: CollectionFacts, field_of: FieldOf
) -> list[Vector | InvalidInput | None]:
    """Return the documents' vectors as their space holds them, refusals, None where there is none.

    All vectors are looked at together: one at a time, NumPy's calls cost more than the storing.
    """
    found: list[Vector | InvalidInput | None] = [None] * len(documents)
    fitting = []
    for place, document in enumerate(documents):
        if document.vector is None:
            continue
        if reason := _misfit(document.vector, facts):
            found[place] = InvalidInput(reason, f"{field_of(place)}.vector")
        else:
            fitting.append(place)
    if not fitting:
        return found
    sent = np.array([documents[place].vector for place in fitting], dtype=np.float64)
    # Row by row, so that a vector comes out the same whatever it was sent together with.
    norms = np.sqrt(np.add.reduce(sent * sent, axis=1))
    is_cosine = facts.metric == "cosine"
    if is_cosine:
        # What has no direction is refused below.
        sent /= np.where(np.isfinite(norms) & (norms > 0), norms, 1)[:, None]
    stored = sent.astype(np.float32)
    for place, vector, norm in zip(fitting, stored, norms.tolist(), strict=True):
        found[place] = vector
        if not math.isfinite(norm):
            found[place] = InvalidInput(NOT_FINITE, f"{field_of(place)}.vector")
        elif is_cosine and norm == 0:
            reason = "is all zeros, which has no direction to compare"
            found[place] = InvalidInput(reason, f"{field_of(place)}.vector")
    return found


def _misfit(vector: Vector, facts: CollectionFacts) -> str | None:
    if facts.encoder != SUPPLIED:
        return (
            f"this collection encodes its text with {facts.encoder}; vectors may be sent to one"
            " whose encoder is 'supplied'"
        )
    if vector.size != facts.dimension:
        return f"has {vector.size} values; the collection's have {facts.dimension}"
    return None
