"""The JSON of recommendations."""

import uuid
from typing import Any, Literal

from pydantic import ConfigDict, Field, SkipValidation

from embedhub.access.service import MAX_PRINCIPALS
from embedhub.web.body import AnswerBody, RequestBody

EXAMPLE: dict[str, Any] = {"user": "42", "limit": 10, "filter": {"price": {"$lt": 20}}}
Kind = Literal["personal", "popular", "trending", "latest", "bought_together"]
By = Literal["behavior", "content", "both"]
CURSOR = "Of the page before, same request; no item comes twice."


class ListIn(RequestBody):
    """What every list may ask."""

    limit: int = Field(default=10, ge=1)
    # Checked once, by search.filters, which names the path of what is wrong.
    filter: SkipValidation[dict[str, Any] | None] = Field(
        default=None, description="Over attributes, categories and labels, as in searches."
    )
    categories: list[str] = Field(default=[], description="Items of at least one of these.")
    candidates: list[str] | None = Field(
        default=None, description="Only these items, by external id: they are ranked anew."
    )
    exclude_seen: bool = Field(
        default=True, description="Whether items that the user has had are left out."
    )
    seen_types: list[str] | None = Field(
        default=None, description="Types of interactions that count as seen; null: all."
    )
    seen_within_days: float | None = Field(
        default=None, gt=0, description="Interactions before count no more as seen; null: all do."
    )
    seen_decay: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Seen items may be shown again and keep this share of their lead over the"
        " weakest candidate; null: they are left out.",
    )
    principals: list[str] | None = Field(
        default=None, max_length=MAX_PRINCIPALS, description="Only items that these may see."
    )
    placement: str = Field(default="", description="Whose rules and experiments hold.")
    variant: str | None = Field(default=None, description="Forces one of an experiment.")
    visitor: str | None = Field(
        default=None,
        description="What stays the same for somebody who is no user, such as a session's id: who"
        " gets which variant of an experiment goes by the user, else by it.",
    )
    relevance: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of relevance against likeness to what stands before (MMR); 1: no"
        " diversity; null: as configured.",
    )
    collapse_duplicates: bool = Field(
        default=True, description="Whether near-duplicates of a better hit are folded into it."
    )
    explain: bool = Field(default=False, description="All parts of each score, not the strongest.")
    record: bool = Field(
        default=True,
        description="Whether it is kept what was shown, which further pages and click rates need.",
    )
    cursor: str | None = Field(default=None, description=CURSOR)


class RecommendationsIn(ListIn):
    """For whom, or like what; without any of these the list is what is popular."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                EXAMPLE,
                {"session": ["m1", "m2"]},
                {"like": ["m1"], "unlike": ["m7"], "filter": {"price": {"$lt": 20}}},
                {"kind": "bought_together", "basket": ["m1"]},
            ]
        },
    )

    user: str | None = Field(default=None, description="External id; unknown ones get a list, too.")
    session: list[str] = Field(
        default=[], description="Items just seen, the last one last; they need not be stored."
    )
    like: list[str] = Field(default=[], description="Items that hits shall be like.")
    unlike: list[str] = Field(default=[], description="Items that hits shall not be like.")
    like_text: str | None = Field(default=None, description="A text that hits shall be like.")
    unlike_text: str | None = None
    by: By = Field(default="both", description="What makes items like examples.")
    basket: list[str] = Field(default=[], description="Of the kind bought_together.")
    kind: Kind = "personal"


class WhyNotIn(RecommendationsIn):
    """A list as it was asked for, and the item that is not in it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE | {"item": "m9"}]}
    )

    item: str


class SimilarIn(ListIn):
    """The item that others shall be like."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"external_id": "m1"}]}
    )

    external_id: str
    by: By = "both"


class ReasonOut(AnswerBody):
    """One part of a score."""

    kind: Literal["history", "profile", "content", "popularity", "newness", "seen", "rule"] = Field(
        description="profile: a vector of the user that was supplied."
    )
    score: float = Field(description="What it adds; with `explain` they add up to the hit's score.")
    text: str
    item: str | None = Field(description="The item of the history, or the example, it comes from.")


class RecommendedItemOut(AnswerBody):
    """The item of a hit."""

    external_id: str
    fields: dict[str, Any]
    categories: list[str]
    labels: list[str]
    attributes: dict[str, Any]


class RecommendedOut(AnswerBody):
    """One hit, best first."""

    position: int = Field(description="From 1, over all pages of the list.")
    score: float = Field(
        description="Of a personal list a sum of weighted z-scores: 0 is an average item."
    )
    item: RecommendedItemOut
    reasons: list[ReasonOut]
    rules: list[str] = Field(description="What the placement's rules did with it.")
    collapsed: list[str] = Field(description="External ids of near-duplicates it stands for.")
    is_new: bool = Field(description="The live version was trained without it.")


class ListNoteOut(AnswerBody):
    """Something to know about this list."""

    code: str = Field(examples=["no_version"])
    message: str


class DiversityOut(AnswerBody):
    """What diversity did, and what it cost."""

    relevance: float
    score_kept: float = Field(
        description="Share of the list's scores, between the window's lowest and highest, that is"
        " left of those without diversity."
    )
    n_collapsed: int


class RecommendationsOut(AnswerBody):
    """A page of a list."""

    request_id: uuid.UUID = Field(description="Send it with interactions that the list led to.")
    hits: list[RecommendedOut]
    version: int | None = Field(description="Number of the version that answered.")
    kind: Kind
    placement: str
    variant: str = Field(description="Of the experiment that runs there; empty without one.")
    weights: dict[str, float] = Field(
        description="Of the version's sources, as learned for histories of this length."
    )
    n_history: int = Field(description="Items of the history, or examples, that counted.")
    plan: Literal["exact", "proposed"] = Field(
        description="exact: every permitted item was scored; proposed: of a large catalog the best"
        " of each source."
    )
    complete: bool
    cursor: str | None
    notes: list[ListNoteOut]
    diversity: DiversityOut | None
    took_ms: float = Field(description="Milliseconds on the server.")


class WhyNotOut(AnswerBody):
    """Why an item is not in a list, or where it is."""

    external_id: str
    obstacles: list[str] = Field(
        description="All that keeps it out: unknown, hidden, not_available, no_access, filtered,"
        " category, not_a_candidate, seen, disliked, example, below_cut, capped, buried,"
        " diversity, duplicate."
    )
    message: str
    position: int | None = Field(description="Its place in the list, from 1.")
    rank: int | None = Field(description="Its place by score among all candidates, from 1.")
    score: float | None
    cut: float | None = Field(description="The score of the last hit.")
    reasons: list[ReasonOut]


class SimilarUserOut(AnswerBody):
    """A user who resembles another one."""

    external_id: str
    score: float = Field(description="From 0 to 1.")
    n_common: int = Field(description="Items that both had.")


class SimilarUsersOut(AnswerBody):
    """Users, most alike first."""

    users: list[SimilarUserOut]
