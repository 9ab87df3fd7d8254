"""What is asked of a collection, and whether it can be: every refusal names the field."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedhub.access.service import check_slug
from embedhub.config import get_config
from embedhub.documents.chunking import Chunking, ChunkingStrategy
from embedhub.encoders import SUPPLIED, describe_encoder
from embedhub.errors import InvalidInput
from embedhub.search.analysis import regconfig_of
from embedhub.search.attributes import check_filterable
from embedhub.search.ranking.checks import check_ranking
from embedhub.search.ranking.settings import RankingSettings
from embedhub.spaces.distance import MAX_INDEXED_DIMENSION, index_precision
from embedhub.tables import Collection

DEFAULT_LANGUAGE = "english"
METRICS = ("cosine", "inner_product", "l2")
# Every stored term and vector depends on these.
FIXED = ("slug", "language", "encoder", "dimension", "metric")
MAX_NAME_CHARS = 200
MAX_FILTERABLE = 100


@dataclass(frozen=True, slots=True)
class CollectionInput:
    """A collection as asked for; None means the default.

    `dimension` and `metric` are for encoder "supplied" alone, where the dimension is required.
    """

    slug: str
    name: str | None = None
    language: str | None = None
    encoder: str | None = None
    dimension: int | None = None
    metric: str | None = None
    chunking: Mapping[str, Any] | None = None
    filterable: Mapping[str, str] = field(default_factory=dict)
    ranking: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionChanges:
    """What to change of a collection; None leaves it as it is.

    `ranking` and `chunking` replace all of these settings: {} is the default.
    """

    name: str | None = None
    filterable: Mapping[str, str] | None = None
    ranking: Mapping[str, Any] | None = None
    chunking: Mapping[str, Any] | None = None


def refuse_fixed(changed: Container[str]) -> None:
    """Raise InvalidInput if one of these fields cannot change after creation."""
    for name in FIXED:
        if name in changed:
            message = "cannot be changed; create a new collection and send the documents to it"
            raise InvalidInput(message, name)


def check_wanted(wanted: CollectionInput) -> tuple[str, Chunking]:
    """Return encoder and chunking of what was asked for; raises InvalidInput naming the part."""
    check_slug(wanted.slug)
    _check_name(wanted.name)
    regconfig_of(wanted.language or DEFAULT_LANGUAGE)
    _check_filterable(wanted.filterable)
    encoder = wanted.encoder or (SUPPLIED if wanted.dimension else get_config().default_encoder)
    if encoder == SUPPLIED:
        return encoder, _check_supplied(wanted)
    for name in ("dimension", "metric"):
        if getattr(wanted, name) is not None:
            raise InvalidInput('is for encoder "supplied"; an encoder knows its own', name)
    describe_encoder(encoder)
    return encoder, check_chunking(encoder, wanted.chunking or {})


def check_chunking(encoder: str, wanted: Mapping[str, Any]) -> Chunking:
    """Return the chunking for this encoder; raises InvalidInput naming the part."""
    if encoder != SUPPLIED:
        return Chunking.from_mapping(wanted)
    # A document comes with one vector, so it is one chunk.
    chunking = Chunking.from_mapping({"strategy": ChunkingStrategy.DOCUMENT.value, **wanted})
    if chunking.strategy is not ChunkingStrategy.DOCUMENT:
        raise InvalidInput('supplied vectors go with strategy "document"', "chunking.strategy")
    return chunking


def _check_supplied(wanted: CollectionInput) -> Chunking:
    limit = get_config().max_vector_dimension
    if wanted.dimension is None or not 1 <= wanted.dimension <= limit:
        raise InvalidInput(f'encoder "supplied" needs 1 to {limit}', "dimension")
    if wanted.metric is not None and wanted.metric not in METRICS:
        raise InvalidInput(f"must be one of {', '.join(METRICS)}", "metric")
    metric = wanted.metric or METRICS[0]
    indexed = MAX_INDEXED_DIMENSION[index_precision(metric)]
    if wanted.dimension > indexed:
        raise InvalidInput(f"metric {metric!r} takes at most {indexed} dimensions", "dimension")
    return check_chunking(SUPPLIED, wanted.chunking or {})


def _check_name(name: str | None) -> None:
    if name is not None and not 0 < len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"must have 1 to {MAX_NAME_CHARS} characters", "name")


def _check_filterable(filterable: Mapping[str, str]) -> None:
    if len(filterable) > MAX_FILTERABLE:
        raise InvalidInput(f"at most {MAX_FILTERABLE} fields", "filterable")
    check_filterable(filterable)


def changed_columns(changes: CollectionChanges) -> dict[str, Any]:
    """Return the columns that these changes set; raises InvalidInput naming the part."""
    columns: dict[str, Any] = {}
    if changes.name is not None:
        _check_name(changes.name)
        columns["name"] = changes.name
    if changes.filterable is not None:
        _check_filterable(changes.filterable)
        columns["filterable"] = dict(changes.filterable)
    if changes.ranking is not None:
        columns["ranking"] = RankingSettings.from_mapping(changes.ranking).as_mapping()
    return columns


def checked_ranking(ranking: Mapping[str, Any], filterable: Mapping[str, str]) -> dict[str, Any]:
    """Return the setting as it is stored; raises InvalidInput and TooLarge naming the part."""
    settings = RankingSettings.from_mapping(ranking)
    check_ranking(settings, filterable)
    return settings.as_mapping()


def check_ranking_of(collection: Collection, columns: Mapping[str, Any]) -> None:
    """Raise InvalidInput if ranking and filterable fields would not fit after these changes."""
    if columns.keys() & {"ranking", "filterable"}:
        ranking = columns.get("ranking", collection.ranking)
        checked_ranking(ranking, columns.get("filterable", collection.filterable))
