"""How similar given texts are: cosines of their vectors; nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import InvalidInput, NotFound, TooLarge
from embedhub.graph.lists import Floats
from embedhub.openai.embeddings import embed


@dataclass(frozen=True, slots=True)
class Similarity:
    """The cosine of each text with each other one: `matrix[i][j]` of text i with other text j."""

    encoder: str
    matrix: Floats


def similarity(
    caller: Caller,
    texts: Sequence[str],
    other: Sequence[str] | None = None,
    *,
    encoder: str | None = None,
) -> Similarity:
    """Return the cosines of texts with others, or with each other.

    `encoder` is an encoder's name or a collection, whose encoder is taken; by default the
    installation's. Raises InvalidInput and TooLarge naming the part, NotFound for an encoder that
    is not known, Busy when as many requests encode as may at once.
    """
    caller.require("read")
    name = encoder or get_config().default_encoder
    sides = {"texts": texts} if other is None else {"texts": texts, "other": other}
    for field, side in sides.items():
        _check(field, side)
    most = get_config().max_embedding_chars
    if sum(len(text) for side in sides.values() for text in side) > most:
        raise TooLarge(f"at most {most:,} characters in all texts", "texts")
    # The same text twice is encoded once.
    distinct = list(dict.fromkeys(text for side in sides.values() for text in side))
    places = {text: place for place, text in enumerate(distinct)}
    vectors, resolved = _vectors(caller, name, distinct)
    rows = vectors[[places[text] for text in texts]]
    columns = rows if other is None else vectors[[places[text] for text in other]]
    return Similarity(resolved, np.clip(rows @ columns.T, -1, 1))


def _check(field: str, texts: Sequence[str]) -> None:
    most = get_config().max_similarity_texts
    if not texts:
        raise InvalidInput("must hold at least one text", field)
    if len(texts) > most:
        raise TooLarge(f"at most {most:,} texts", field)
    for place, text in enumerate(texts):
        if not text.strip():
            raise InvalidInput("must not be empty", f"{field}.{place}")


def _vectors(caller: Caller, name: str, texts: Sequence[str]) -> tuple[Floats, str]:
    at_once = get_config().max_embedding_texts
    parts, resolved = [], name
    try:
        for start in range(0, len(texts), at_once):
            embedded = embed(caller, name, texts[start : start + at_once])
            parts.append(embedded.vectors)
            resolved = embedded.encoder
    except NotFound:
        raise NotFound("encoder", name) from None
    except InvalidInput as error:
        # That the vectors of a collection are supplied.
        raise InvalidInput(error.message, "encoder") from None
    return np.concatenate(parts), resolved
