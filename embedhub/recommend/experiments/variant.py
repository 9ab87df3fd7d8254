"""Variants of an experiment, read strictly from JSON, and who gets which; pure.

Who gets which follows from hashes alone: the same person gets the same variant as long as the
experiment runs, on every server, and nothing is stored about it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from embedhub.errors import HubError, InvalidInput
from embedhub.recommend.request import Kind
from embedhub.recommend.rules.rule import Rules, read_rules
from embedhub.search.ranking import values

MIN_VARIANTS, MAX_VARIANTS = 2, 10
MAX_NAME_CHARS = 63
MAX_WEIGHT = 1_000.0
MAX_VERSION = 2**31 - 1
# The name of those who get what is popular instead; no variant may be called so.
HOLDOUT = "holdout"
KNOWN = ("name", "weight", "rules", "request", "version")
NO_CHANGES: Mapping[str, Any] = MappingProxyType({})
# What everybody in the holdout group gets: no personal list.
HOLDOUT_REQUEST: Mapping[str, Any] = MappingProxyType({"kind": Kind.POPULAR})


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make the lists of a placement.

    `weight` is how many people get it relative to the others. `rules` take the place of the
    placement's (None: those hold). `request` are fields of the request that it sets, `version` the
    number of the recommender that answers instead of the live one.
    """

    name: str
    weight: float = 1.0
    rules: Rules | None = None
    request: Mapping[str, Any] = field(default_factory=lambda: NO_CHANGES)
    version: int | None = None


def read_variants(
    raw: object, filterable: Mapping[str, str], path: str = "variants"
) -> tuple[Variant, ...]:
    """Return the variants; raises InvalidInput or TooLarge naming the path."""
    listed = values.listed(raw, path)
    if not MIN_VARIANTS <= len(listed) <= MAX_VARIANTS:
        raise InvalidInput(f"must be {MIN_VARIANTS} to {MAX_VARIANTS} variants", path)
    variants: list[Variant] = []
    for place, given in enumerate(listed):
        variant = read_variant(given, filterable, f"{path}.{place}")
        if any(variant.name == other.name for other in variants):
            raise InvalidInput("is the name of another variant", f"{path}.{place}.name")
        variants.append(variant)
    return tuple(variants)


def read_variant(raw: object, filterable: Mapping[str, str], path: str) -> Variant:
    """Return one variant; raises InvalidInput or TooLarge naming the path."""
    given = values.mapping(raw, path)
    values.known_keys(given, KNOWN, path)
    name = values.text(given.get("name"), f"{path}.name", MAX_NAME_CHARS)
    if name == HOLDOUT:
        raise InvalidInput("is what those are called who are held out", f"{path}.name")
    weight = given.get("weight")
    rules, version = given.get("rules"), given.get("version")
    return Variant(
        name=name,
        weight=1.0
        if weight is None
        else values.number(weight, f"{path}.weight", above=0, highest=MAX_WEIGHT),
        rules=None if rules is None else read_rules(rules, filterable, f"{path}.rules"),
        request=read_changes(given.get("request") or {}, f"{path}.request"),
        version=None
        if version is None
        else values.whole_number(version, f"{path}.version", 1, MAX_VERSION),
    )


def read_changes(raw: object, path: str) -> dict[str, Any]:
    """Return the fields of a request that a variant sets, as the request holds them."""
    given = values.mapping(raw, path)
    values.known_keys(given, tuple(CHANGES), path)
    return {name: CHANGES[name](value, f"{path}.{name}") for name, value in given.items()}


def assign(
    variants: Sequence[Variant],
    *,
    experiment_id: int,
    catalog_id: int,
    holdout_share: float,
    subject: str,
) -> Variant:
    """Return the variant of a person; one named HOLDOUT for who is held out.

    The holdout group is drawn by catalog, so that it is the same people in every experiment;
    variants are drawn by experiment, so that those of one say nothing about another.
    """
    if fraction("holdout", catalog_id, subject) < holdout_share:
        return Variant(HOLDOUT, rules=Rules(), request=HOLDOUT_REQUEST)
    place = fraction("variant", experiment_id, subject) * sum(one.weight for one in variants)
    for variant in variants:
        place -= variant.weight
        if place < 0:
            return variant
    return variants[-1]


def fraction(*parts: object) -> float:
    """Return a number from 0 to below 1 that follows from the parts and looks random."""
    text = "\0".join(map(str, parts))
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    # 53 bits: with more the nearest float could be 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def readable(
    raw: Sequence[Mapping[str, Any]], filterable: Mapping[str, str]
) -> tuple[Variant, ...] | None:
    """Return stored variants; None if they cannot be used any more."""
    try:
        return read_variants(raw, filterable)
    except HubError:
        return None


def _kind(value: object, path: str) -> Kind:
    known = [Kind.PERSONAL, Kind.POPULAR, Kind.TRENDING, Kind.LATEST]
    if value not in known:
        raise InvalidInput(f"must be one of {', '.join(known)}", path)
    return Kind(str(value))


def _share(value: object, path: str) -> float:
    return values.number(value, path, lowest=0, highest=1)


def _truth(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput("must be true or false", path)
    return value


# Who asks and what for is the caller's; how the list is made can be tried.
CHANGES: Mapping[str, Callable[[object, str], Any]] = {
    "kind": _kind,
    "relevance": _share,
    "collapse_duplicates": _truth,
}
