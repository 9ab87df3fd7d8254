"""What a list is asked for and what it answers: the dataclasses of the service, without any SQL."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What orders a list."""

    # what is known of the user, the session or the examples; popularity where nothing is known
    PERSONAL = "personal"
    POPULAR = "popular"
    TRENDING = "trending"
    LATEST = "latest"
    # what those who took the items of `basket` took as well
    BOUGHT_TOGETHER = "bought_together"


class By(StrEnum):
    """What makes two items, or users, similar."""

    BEHAVIOR = "behavior"
    CONTENT = "content"
    BOTH = "both"


class NoteCode(StrEnum):
    """Why a list is shorter or other than the request hoped for."""

    # the catalog holds no item at all
    EMPTY_CATALOG = "empty_catalog"
    # no item passes filter, categories, availability and what is left out
    NOTHING_PERMITTED = "nothing_permitted"
    # nothing was trained yet: the list is by what is known without it
    NO_VERSION = "no_version"
    # the catalog does not know the user (yet)
    UNKNOWN_USER = "unknown_user"
    # nothing is known of the user, the session or the examples: the list is by popularity
    NO_HISTORY = "no_history"
    # items of session, examples, basket or candidates that the catalog does not know
    UNKNOWN_ITEMS = "unknown_items"
    # texts cannot be compared: no vectors of contents, or the encoder is not there
    NO_CONTENT = "no_content"
    # no interactions within the time that counts: the list is by popularity, or by age
    NO_INTERACTIONS = "no_interactions"
    # the user has more interactions than are read
    HISTORY_CUT = "history_cut"
    # stored rules that cannot be used any more, such as over a field declared otherwise since
    BROKEN_RULES = "broken_rules"
    # a rule's share of the places asks for more items than there are
    SHARE_UNMET = "share_unmet"
    # the list is shorter than asked for: caps keep out what is left
    CAPPED = "capped"


class ReasonKind(StrEnum):
    """What a part of a score comes from."""

    HISTORY = "history"
    # the user's own vector, which a trainer elsewhere made
    PROFILE = "profile"
    CONTENT = "content"
    POPULARITY = "popularity"
    NEWNESS = "newness"
    # shown again although the user has seen it
    SEEN = "seen"
    RULE = "rule"


class Obstacle(StrEnum):
    """Why an item is not in a list."""

    UNKNOWN = "unknown"
    HIDDEN = "hidden"
    NOT_AVAILABLE = "not_available"
    NO_ACCESS = "no_access"
    FILTERED = "filtered"
    CATEGORY = "category"
    NOT_A_CANDIDATE = "not_a_candidate"
    SEEN = "seen"
    DISLIKED = "disliked"
    EXAMPLE = "example"
    # its score is not among the best
    BELOW_CUT = "below_cut"
    # a rule's cap kept it out
    CAPPED = "capped"
    # a rule lowered its score below the cut
    BURIED = "buried"
    # given up for an item that resembles the others less
    DIVERSITY = "diversity"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Seen:
    """What of the user's past is left out of lists.

    `types` are types of interactions (None: all), `within` how long ago at most (None: ever). With
    a `decay` below 1 seen items may be shown again: they keep that share of their lead over the
    weakest candidate.
    """

    is_excluded: bool = True
    types: tuple[str, ...] | None = None
    within: timedelta | None = None
    decay: float | None = None


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """One list; exactly what the caller sent, checked by the service. Items and users are ids of
    the caller's.

    Of `user`, `session`, `like`/`unlike` with their texts and `basket` any may be given: a session
    counts as the user's latest interactions, examples replace the history, a basket asks what is
    bought together. `by` says what makes items like examples. `candidates` restricts the list to
    these items. `filter` is the raw filter object. `relevance` is MMR's share of relevance against
    likeness (1: no diversity; None: as configured). `cursor` continues the same request. With
    `is_recorded` the list is kept as impressions, which pages and click rates need. `variant`
    forces one of an experiment; `visitor` is what stays the same for one who is no user, so that
    experiments know them again.
    """

    user: str | None = None
    session: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    like_text: str | None = None
    unlike_text: str | None = None
    by: By = By.BOTH
    basket: tuple[str, ...] = ()
    kind: Kind = Kind.PERSONAL
    candidates: tuple[str, ...] | None = None
    limit: int = 10
    filter: Mapping[str, Any] | None = None
    categories: tuple[str, ...] = ()
    seen: Seen = field(default_factory=Seen)
    principals: tuple[str, ...] | None = None
    placement: str = ""
    variant: str | None = None
    visitor: str | None = None
    relevance: float | None = None
    collapse_duplicates: bool = True
    explain: bool = False
    is_recorded: bool = True
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a score: `score` is what it adds; those of one hit add up to its score.

    `item` is the item of the history, or the example, where there is one; `text` says it in words.
    """

    kind: ReasonKind
    score: float
    text: str
    item: str | None = None


@dataclass(frozen=True, slots=True)
class RecommendedItem:
    """The item of a hit."""

    id: int
    external_id: str
    fields: dict[str, Any]
    categories: tuple[str, ...]
    labels: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recommended:
    """One hit. `position` counts from 1 over all pages of a request.

    `reasons` are the strongest parts of the score, or with the request's `explain` all of them.
    `rules` are the rules that moved it, `collapsed` near-duplicates it stands for, `is_new` whether
    the live version was trained without it.
    """

    position: int
    score: float
    item: RecommendedItem
    reasons: tuple[Reason, ...] = ()
    rules: tuple[str, ...] = ()
    collapsed: tuple[str, ...] = ()
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something the caller should know about this list, for programs and for people."""

    code: NoteCode
    message: str


@dataclass(frozen=True, slots=True)
class Diversity:
    """What diversity did: MMR's share of relevance, the share of the list's scores that it kept,
    and how many near-duplicates were collapsed."""

    relevance: float
    score_kept: float
    n_collapsed: int


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list, best first.

    `version` is the number of the live version, None without one; `weights` are those of its
    sources for a history of this length; `n_history` is how many items of history counted.
    `complete` is false where the search for candidates may have missed some. `cursor` asks for the
    next page, None on the last.
    """

    request_id: uuid.UUID
    hits: tuple[Recommended, ...]
    version: int | None
    kind: Kind
    placement: str
    variant: str
    weights: Mapping[str, float]
    n_history: int
    plan: str
    complete: bool
    notes: tuple[Note, ...]
    diversity: Diversity | None
    cursor: str | None
    took_ms: float


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why an item is not in a list, or at which place it is.

    `obstacles` holds everything that keeps it out, in the order in which it is tried. `rank` is its
    place among all scored candidates, `position` its place in the list, from 1; `cut` is the score
    of the last hit.
    """

    external_id: str
    obstacles: tuple[Obstacle, ...]
    message: str
    position: int | None
    rank: int | None
    score: float | None
    cut: float | None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class SimilarUser:
    """A user whose history resembles another's, from 0 to 1."""

    external_id: str
    score: float
    n_common: int
