"""The JSON of duplicates."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from embedhub.graph.schemas import LevelName
from embedhub.web.body import AnswerBody, RequestBody

KindName = Literal["exact", "near_copy", "semantic"]
StatusName = Literal["open", "confirmed", "dismissed"]
PolicyName = Literal["longest", "newest", "trusted", "manual"]
ActionName = Literal["link", "hide", "merge", "not_duplicate", "undo"]
LEVEL = Field(
    default=None,
    description="Of a collection its documents (default) or their passages (chunk); of a catalog"
    " its items.",
)


class DuplicateScanIn(RequestBody):
    """How duplicates are looked for; what is left out stays as it was."""

    level: LevelName | None = LEVEL
    automatic: float | None = Field(
        default=None, description="Score from which a pair is taken for duplicates by itself."
    )
    review: float | None = Field(default=None, description="Score from which a pair is shown.")
    semantic: float | None = Field(
        default=None,
        description="Cosine from which texts of other words are shown; by default as the rows' own"
        " similarities tell.",
    )
    policy: PolicyName | None = Field(
        default=None, description="Which row stands for a cluster of duplicates."
    )
    trusted: list[str] | None = Field(
        default=None, description="Sources for the policy `trusted`, the best first."
    )
    max_members: int | None = Field(
        default=None, description="Most distinct texts of a cluster; copies are not counted."
    )


class DuplicateComparisonIn(DuplicateScanIn):
    """A collection to look in for the rows of this one."""

    within: str = Field(examples=["training-set"])


class DuplicateRunOut(AnswerBody):
    """The run that compares."""

    run_id: int


class DuplicateRowOut(AnswerBody):
    """A document, a passage of one, or an item."""

    external_id: str
    title: str
    url: str | None
    text: str = Field(description="How it begins.")
    position: int | None = Field(description="Of a passage in its document.")


class EvidenceOut(AnswerBody):
    """One signal of a pair."""

    name: str
    value: float = Field(description="From 0, nothing in common, to 1, all.")
    share: float = Field(description="What it adds to the log-odds of the score.")
    words: str


class DuplicateDecisionOut(AnswerBody):
    """What somebody decided."""

    id: int
    action: Literal["link", "hide", "merge", "not_duplicate", "keep", "undo"]
    keep: str | None = Field(description="The row that stands for the cluster since.")
    hidden: str | None = Field(description="The row that was taken out of searches.")
    note: str
    decided_by: str
    decided_at: datetime
    holds: bool = Field(description="False once it was taken back.")
    undoes: int | None = Field(description="Of one that takes back: which.")


class DuplicatePairOut(AnswerBody):
    """Two rows that may be duplicates."""

    id: int
    kind: KindName
    status: StatusName
    score: float = Field(description="Chance that the two are duplicates.")
    is_automatic: bool = Field(description="Taken for duplicates without being asked about.")
    contradictions: list[str] = Field(
        description="Kinds of facts that differ, such as number, date, unit, code or negation."
    )
    reasons: list[EvidenceOut] = Field(description="Signals, the weightiest first.")
    left: DuplicateRowOut
    right: DuplicateRowOut
    cluster_id: int | None
    decision: DuplicateDecisionOut | None
    found_at: datetime


class DuplicatePairPage(AnswerBody):
    """A page of pairs, the highest score first."""

    items: list[DuplicatePairOut]
    cursor: str | None


class DuplicateCheckIn(RequestBody):
    """A text that is not stored."""

    text: str = Field(examples=["Postgres keeps rows in heaps and finds them through indexes."])
    title: str = ""
    level: LevelName | None = LEVEL
    limit: int = 10
    principals: list[str] | None = None


class DuplicateMatchOut(AnswerBody):
    """A stored row that the text would stand in a pair with."""

    row: DuplicateRowOut
    kind: KindName
    score: float
    is_automatic: bool
    contradictions: list[str]
    reasons: list[EvidenceOut]


class DuplicateCheckOut(AnswerBody):
    """Whether a text would be a duplicate."""

    verdict: Literal["duplicate", "review", "new"]
    matches: list[DuplicateMatchOut]
    is_scanned: bool = Field(
        description="False before the first scan: then only rows near by meaning are compared."
    )
    used_vectors: bool


class DuplicateDecisionIn(RequestBody):
    """What is decided about a pair."""

    action: ActionName
    keep: str | None = Field(
        default=None,
        description="For hide and merge: the row that stays, by its external id; null: the one"
        " that stands for the cluster, else the older one.",
    )
    note: str = ""
    seen: int | None = Field(
        default=None,
        description="The decision that holds, as far as is known; another one is refused (409).",
    )


class DuplicateBandIn(RequestBody):
    """What is decided about the open pairs of a band of scores."""

    action: Literal["link", "hide", "not_duplicate"]
    least: float
    most: float = Field(description="Pairs score below this; above 1 for all.")
    level: LevelName | None = LEVEL
    note: str = ""


class DuplicateBandOut(AnswerBody):
    """How many pairs were decided; those that differ in a fact are left to be looked at."""

    decided: int
    refused: int


class DuplicateDecisionPage(AnswerBody):
    """A page of decisions, newest first."""

    items: list[DuplicateDecisionOut]
    cursor: str | None


class DuplicateClusterOut(AnswerBody):
    """Rows that are one thing."""

    id: int
    n_members: int
    n_pairs: int
    weakest: float = Field(description="The least score among the pairs that joined it.")
    is_capped: bool = Field(description="More would belong to it than a cluster may have.")
    n_refused: int = Field(description="Pairs that would have chained it to others.")
    canonical: DuplicateRowOut | None = Field(description="The row that stands for the others.")
    members: list[DuplicateRowOut]
    updated_at: datetime


class DuplicateClusterPage(AnswerBody):
    """A page of clusters, the largest first, each with its first members."""

    items: list[DuplicateClusterOut]
    cursor: str | None


class DuplicateClusterMembersOut(AnswerBody):
    """A cluster with a page of its members."""

    cluster: DuplicateClusterOut
    cursor: str | None


class DuplicateCanonicalIn(RequestBody):
    """The row that is to stand for its cluster."""

    external_id: str


class DuplicateSettingsOut(AnswerBody):
    """How duplicates are looked for."""

    automatic: float
    review: float
    policy: PolicyName
    trusted: list[str]
    max_members: int
    semantic: float | None


class DuplicateBandFiguresOut(AnswerBody):
    """Pairs of about one score."""

    least: float
    most: float
    n_pairs: int
    n_open: int
    n_automatic: int
    n_flagged: int = Field(description="Of them differ in a fact.")
    n_confirmed: int
    n_dismissed: int
    precision: float = Field(
        description="Share of duplicates: by decisions, and by the score where there are few."
    )
    low: float | None = Field(description="95 % bounds by decisions alone.")
    high: float | None


class DuplicateThresholdsOut(AnswerBody):
    """What a threshold would take of the pairs there are."""

    threshold: float
    n_pairs: int = Field(description="Stored pairs that score at least so much.")
    n_automatic: int = Field(description="Those that would be taken by themselves.")
    n_flagged: int = Field(description="Those that differ in a fact: for people, whatever score.")
    precision: float | None = Field(description="Estimated share of duplicates among the first.")
    wished: float | None = Field(description="Lowest threshold that reaches 99 %.")
    settings: DuplicateSettingsOut
    bands: list[DuplicateBandFiguresOut]
    n_confirmed: int
    n_dismissed: int
    n_clusters: int
    n_clustered: int
