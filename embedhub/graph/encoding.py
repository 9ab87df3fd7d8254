"""Texts that are not stored, encoded as rows of a subject are; never within a transaction."""

from collections.abc import Sequence

import numpy as np

from embedhub import db
from embedhub.collections.service import find_by_id
from embedhub.documents.chunking import Chunking, encoder_input, split
from embedhub.encoders import SUPPLIED, Encoder, describe_encoder, get_encoder, load_tokenizer
from embedhub.errors import InvalidInput, NotFound
from embedhub.graph.lists import Floats, unit
from embedhub.graph.queries.graphs import live_space
from embedhub.graph.subject import Level, Subject

# Texts that are encoded in one go: between two, others get their turn.
SLICE = 32


def encode(subject: Subject, texts: Sequence[str], titles: Sequence[str] | None = None) -> Floats:
    """Return one unit vector a text, as the text would get if it were stored, (n, d).

    A document is parted as its collection parts it, and its vector is the mean of its passages';
    one with nothing to encode has a vector of zeros. Raises InvalidInput where vectors are
    supplied and there is no encoder, NotReady while its weights are missing.
    """
    encoder, chunking = _encoder_of(subject)
    given = titles if titles is not None else [""] * len(texts)
    inputs: list[str] = []
    owners: list[int] = []
    for number, (text, title) in enumerate(zip(texts, given, strict=True)):
        parts = _inputs(text, title, encoder, chunking)
        inputs += parts
        owners += [number] * len(parts)
    sums = np.zeros((len(texts), describe_encoder(encoder).dimension), np.float32)
    loaded = get_encoder(encoder)
    for start in range(0, len(inputs), SLICE):
        rows = _encoded(loaded, inputs[start : start + SLICE])
        np.add.at(sums, owners[start : start + SLICE], rows)
    return unit(sums)


def _encoded(encoder: Encoder, inputs: Sequence[str]) -> Floats:
    # Somebody waits for the answer; a single text is computed soonest as a query is.
    if len(inputs) == 1:
        return encoder.encode_document(inputs[0])[None, :]
    return encoder.encode_documents(inputs)


def _inputs(text: str, title: str, encoder: str, chunking: Chunking | None) -> list[str]:
    """Return what the encoder is given for a text: one input a passage."""
    if chunking is None:
        whole = encoder_input(title, "", text)
        return [whole] if whole.strip() else []
    passages = split(
        text,
        chunking,
        load_tokenizer(encoder),
        title=title,
        encoder_tokens=describe_encoder(encoder).max_tokens,
    )
    return [encoder_input(title, one.heading_path, one.text) for one in passages]


def _encoder_of(subject: Subject) -> tuple[str, Chunking | None]:
    """Return the encoder of a subject's rows, and how documents are parted, if they are."""
    chunking = None
    with db.reading() as session:
        space = live_space(session, subject)
        if space is None:
            raise NotFound("vectors of", subject.name)
        if subject.collection_id is not None and subject.level is Level.DOCUMENT:
            collection = find_by_id(session, subject.collection_id)
            chunking = Chunking.from_mapping(collection.chunking)
    if space.encoder == SUPPLIED:
        raise InvalidInput("the vectors here are supplied: no text can be encoded", "text")
    return space.encoder, chunking
