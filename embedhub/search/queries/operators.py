"""The SQL of what a passage must and must not hold: phrases in quotes and words left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    any_,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from embedhub.tables import Chunk, DocumentVersion, Item, Space, SparseEmbedding

SPARSE: FromClause = SparseEmbedding.__table__
CHUNKS: FromClause = Chunk.__table__
VERSIONS: FromClause = DocumentVersion.__table__
ITEMS: FromClause = Item.__table__

# Compatibility forms are unified, as the analysis does.
NFKC: ColumnElement[str] = literal_column("NFKC")
ANALYSE = text("""
    SELECT n, CAST(phraseto_tsquery(CAST(:configuration AS regconfig), piece) AS text)
    FROM unnest(CAST(:numbers AS integer[]), CAST(:pieces AS text[])) AS p(n, piece)
""")


@dataclass(frozen=True, slots=True)
class Wording:
    """A phrase or word as the index knows it, and the pattern its text has to match, if any."""

    terms: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class WordCondition:
    """What passages of a lexical space must hold, and must not.

    `owners` are all passages that fulfil it, once they were looked up and found to be few.
    """

    space: Space
    required: Sequence[Wording] = ()
    excluded: Sequence[Wording] = ()
    owners: Sequence[int] | None = None

    def predicate(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition over the rows of either index table."""
        if self.owners is not None:
            owners = cast(list(self.owners), ARRAY(BigInteger))
            found: ColumnElement[bool] = table.c.owner_id == any_(owners)
            return found
        if "terms" in table.c:
            return self._holds(table)
        return self._looked_up(table.c.owner_id)

    def without_excluded(self, owner: ColumnElement[int]) -> ColumnElement[bool]:
        """Return the condition that a passage, by its id, holds nothing of what is left out."""
        return replace(self, required=(), owners=None)._looked_up(owner)

    def _looked_up(self, owner: ColumnElement[int]) -> ColumnElement[bool]:
        # Not EXISTS: that the planner may turn into a list of all rows that fulfil it.
        own = SPARSE.alias("worded")
        return (
            select(true())
            .where(
                own.c.shelf_id == self.space.shelf_id,
                own.c.space_id == self.space.id,
                own.c.owner_id == owner,
                self._holds(own),
            )
            .limit(1)
            .scalar_subquery()
        )

    def _holds(self, rows: FromClause) -> ColumnElement[bool]:
        subject = self.space.subject
        required = [_holds(rows, wording, subject) for wording in self.required]
        excluded = [not_(_holds(rows, wording, subject)) for wording in self.excluded]
        return and_(true(), *required, *excluded)


def analyse_phrases(
    session: Session, *, configuration: str, phrases: Sequence[Sequence[str]]
) -> list[str]:
    """Return what the index has to find for each phrase, given in pieces; empty if nothing."""
    pieces = [(n, piece) for n, phrase in enumerate(phrases) for piece in phrase]
    facts = {
        "configuration": configuration,
        "numbers": [n for n, _ in pieces],
        "pieces": [piece for _, piece in pieces],
    }
    found: list[list[str]] = [[] for _ in phrases]
    for n, terms in session.execute(ANALYSE, facts):
        if terms:
            found[n].append(f"({terms})")
    return [" & ".join(terms) for terms in found]


def owners_that_hold(
    session: Session, *, place: Sequence[ColumnElement[bool]], passes: Any, limit: int
) -> list[int]:
    """Return passages of a lexical space that pass, so many at most."""
    statement = select(SPARSE.c.owner_id).where(*place, passes).limit(limit)
    return list(session.execute(statement).scalars())


def _holds(rows: FromClause, wording: Wording, subject: str) -> ColumnElement[bool]:
    """Return the condition that a row of a lexical space holds a wording; the index finds it."""
    found: ColumnElement[bool] = rows.c.terms.op("@@")(cast(wording.terms, TSQUERY))
    if wording.pattern is None:
        return found
    # What the analysis takes for the same phrase is compared as it is written.
    written = _written_in_item if subject == "item" else _written_in_chunk
    exactly = written(rows.c.owner_id, wording.pattern).limit(1).scalar_subquery()
    return and_(found, func.coalesce(exactly, False))


def _written_in_chunk(owner: ColumnElement[int], pattern: str) -> Select[Any]:
    parts = (CHUNKS.c.text, CHUNKS.c.heading_path, VERSIONS.c.title)
    return (
        select(true())
        .select_from(CHUNKS)
        .join(
            VERSIONS,
            and_(
                VERSIONS.c.document_id == CHUNKS.c.document_id,
                VERSIONS.c.version == CHUNKS.c.version,
            ),
        )
        .where(
            CHUNKS.c.id == owner,
            or_(*(func.normalize(part, NFKC).op("~*")(pattern) for part in parts)),
        )
    )


def _written_in_item(owner: ColumnElement[int], pattern: str) -> Select[Any]:
    return select(true()).where(
        ITEMS.c.id == owner, func.normalize(ITEMS.c.content, NFKC).op("~*")(pattern)
    )
