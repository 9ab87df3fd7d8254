"""A setting of searches that can be measured: what is asked otherwise than live; pure.

As JSON, all keys but the name optional; {"name": "live"} is what callers get now:

    {"name": "more meaning", "mode": "hybrid", "ranking": {"weights": {"dense": 0.7}},
     "collection": "papers-small-chunks"}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embedhub.errors import InvalidInput, TooLarge
from embedhub.search.ranking.settings import merged
from embedhub.search.request import Mode, SearchRequest

MAX_SETTINGS = 5
MAX_NAME_CHARS = 100
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to search.

    `ranking` holds keys that take the place of the collection's own, null takes a part away;
    `collection` is the slug of another collection with the same documents, such as one with other
    passages or another encoder, None for the collection itself. `chunking` is how a trial's
    documents are parted; applying makes it the collection's.
    """

    name: str
    mode: Mode = Mode.HYBRID
    ranking: Mapping[str, Any] = field(default_factory=dict)
    collection: str | None = None
    chunking: Mapping[str, Any] | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is what callers get who name nothing but a query."""
        others = (self.ranking, self.collection, self.chunking)
        return self.mode is Mode.HYBRID and not any(others)

    def request(self, query: str, depth: int) -> SearchRequest:
        """Return the search for a query."""
        return SearchRequest(
            query=query,
            mode=self.mode,
            limit=depth,
            highlight=False,
            ranking=dict(self.ranking) or None,
        )

    def as_mapping(self) -> dict[str, Any]:
        """Return what `read_setting` turns into an equal setting: only what is not the default."""
        found: dict[str, Any] = {"name": self.name}
        if self.mode is not Mode.HYBRID:
            found["mode"] = self.mode.value
        if self.ranking:
            found["ranking"] = dict(self.ranking)
        if self.collection is not None:
            found["collection"] = self.collection
        if self.chunking is not None:
            found["chunking"] = dict(self.chunking)
        return found


def read_setting(raw: Mapping[str, Any], path: str) -> Setting:
    """Return the setting of a mapping with known keys; raises InvalidInput naming the part."""
    prefix = f"{path}." if path else ""
    name = check_name(raw.get("name"), f"{prefix}name")
    mode = raw.get("mode") or Mode.HYBRID.value
    if mode not in list(Mode):
        raise InvalidInput(f"must be one of {', '.join(Mode)}", f"{prefix}mode")
    ranking = raw.get("ranking") or {}
    # Raises for a key that no ranking has; values are checked where the collection is known.
    merged({}, ranking, f"{prefix}ranking")
    return Setting(name, Mode(mode), dict(ranking), raw.get("collection"), raw.get("chunking"))


def check_name(name: object, path: str) -> str:
    """Return a name without spaces around it; raises InvalidInput."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("must not be empty", path)
    if len(name) > MAX_NAME_CHARS:
        raise TooLarge(f"longer than {MAX_NAME_CHARS} characters", path)
    if not name.isprintable():
        raise InvalidInput("must be printable", path)
    return name.strip()


def check_settings(settings: Sequence[Setting]) -> None:
    """Raise unless these settings can be measured side by side."""
    if not settings:
        raise InvalidInput("name at least one", "settings")
    if len(settings) > MAX_SETTINGS:
        raise TooLarge(f"at most {MAX_SETTINGS} are measured side by side", "settings")
    names = [setting.name for setting in settings]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidInput(f"{name!r} is named twice", f"settings.{place}.name")
