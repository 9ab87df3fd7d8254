"""What a fit is asked for; pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.topics.grouping import Method


@dataclass(frozen=True, slots=True)
class FitSetting:
    """How rows are grouped and named.

    `k` groups by k-means, None for as many as fit best; `min_size` rows at least by density, None
    for what suits their number. With `llm_names` the workspace's language model words the names.
    """

    method: Method = Method.HDBSCAN
    k: int | None = None
    min_size: int | None = None
    llm_names: bool = False

    def as_mapping(self) -> dict[str, Any]:
        """Return the setting as JSON."""
        return asdict(self) | {"method": self.method.value}


def read_setting(given: Mapping[str, Any]) -> FitSetting:
    """Return a setting, raising InvalidInput that names what cannot be."""
    method = given.get("method") or Method.HDBSCAN.value
    if method not in list(Method):
        raise InvalidInput(f"must be one of {', '.join(Method)}", "method")
    k, min_size = given.get("k"), given.get("min_size")
    most = get_config().max_topics
    if k is not None and not 2 <= k <= most:
        raise InvalidInput(f"must be from 2 to {most:,}", "k")
    if k is not None and method != Method.KMEANS:
        raise InvalidInput("goes with method kmeans: HDBSCAN finds how many there are", "k")
    if min_size is not None and not 2 <= min_size <= 1_000_000:
        raise InvalidInput("must be from 2 to 1,000,000", "min_size")
    if min_size is not None and method != Method.HDBSCAN:
        raise InvalidInput("goes with method hdbscan", "min_size")
    return FitSetting(Method(method), k, min_size, bool(given.get("llm_names", False)))
