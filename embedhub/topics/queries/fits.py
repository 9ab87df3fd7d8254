"""The SQL of fits and their topics: made, made live, renamed, removed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, text, update
from sqlalchemy.orm import Session, aliased

from embedhub.graph.subject import Subject
from embedhub.tables import Catalog, Collection, Topic, TopicFit, TopicMember

BUILDING, LIVE, RETIRED = "building", "live", "retired"


def of_subject(subject: Subject) -> ColumnElement[bool]:
    """Return the condition that a fit is of these rows."""
    return and_(
        TopicFit.workspace_id == subject.workspace_id,
        TopicFit.collection_id.is_not_distinct_from(subject.collection_id),
        TopicFit.catalog_id.is_not_distinct_from(subject.catalog_id),
        TopicFit.level == subject.level.value,
    )


def find_live(session: Session, subject: Subject) -> TopicFit | None:
    """Return the fit that answers for these rows."""
    statement = select(TopicFit).where(of_subject(subject), TopicFit.status == LIVE)
    return session.scalars(statement).one_or_none()


def hold_live(session: Session, subject: Subject) -> TopicFit | None:
    """Return the fit that answers, held: one at a time renames its topics or replaces it."""
    statement = select(TopicFit).where(of_subject(subject), TopicFit.status == LIVE)
    return session.scalars(statement.with_for_update()).one_or_none()


def find_owner(session: Session, subject: Subject) -> tuple[str, str] | None:
    """Return slug and language of the collection or catalog; None if it is being removed."""
    of: Any = Collection if subject.collection_id is not None else Catalog
    owner_id = subject.collection_id or subject.catalog_id
    statement = select(of.slug, of.language).where(of.id == owner_id, of.deleted_at.is_(None))
    found = session.execute(statement).one_or_none()
    return None if found is None else (found[0], found[1])


def insert_fit(session: Session, subject: Subject, **columns: Any) -> TopicFit:
    """Insert a fit that is being stored."""
    statement = insert(TopicFit).values(
        workspace_id=subject.workspace_id,
        collection_id=subject.collection_id,
        catalog_id=subject.catalog_id,
        level=subject.level.value,
        **columns,
    )
    return session.scalars(statement.returning(TopicFit)).one()


def update_fit(session: Session, fit_id: int, **columns: Any) -> None:
    """Change columns of a fit."""
    session.execute(update(TopicFit).where(TopicFit.id == fit_id).values(**columns))


def bump(session: Session, fit_id: int) -> None:
    """Say that places or names of a fit have changed: maps that were fetched are outdated."""
    changed = update(TopicFit).where(TopicFit.id == fit_id)
    session.execute(changed.values(revision=TopicFit.revision + 1))


def insert_topics(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the topics of a fit."""
    if rows:
        session.execute(insert(Topic), list(rows))


def topics_of(session: Session, fit_id: int) -> list[Topic]:
    """Return the topics of a fit by number."""
    statement = select(Topic).where(Topic.fit_id == fit_id).order_by(Topic.number)
    return list(session.scalars(statement))


def find_topic(session: Session, fit_id: int, number: int) -> Topic | None:
    """Return a topic of a fit."""
    statement = select(Topic).where(Topic.fit_id == fit_id, Topic.number == number)
    return session.scalars(statement).one_or_none()


def rename(
    session: Session, fit_id: int, number: int, *, name: str, source: str, facts: dict[str, Any]
) -> None:
    """Name a topic."""
    session.execute(
        update(Topic)
        .where(Topic.fit_id == fit_id, Topic.number == number)
        .values(name=name, name_source=source, name_facts=facts)
    )


def take_over_names(session: Session, *, of: int, to: int) -> None:
    """Give topics the names that staff have given them in the fit before, also a moment ago."""
    former = aliased(Topic)
    session.execute(
        update(Topic)
        .where(
            Topic.fit_id == to,
            former.fit_id == of,
            former.number == Topic.number,
            former.name_source == "staff",
        )
        .values(name=former.name, name_source="staff", name_facts=former.name_facts)
    )


def make_live(session: Session, fit_id: int, *, instead_of: int | None) -> bool:
    """Let a stored fit answer instead of another; False if it is gone."""
    if instead_of is not None:
        update_fit(session, instead_of, status=RETIRED)
    statement = (
        update(TopicFit)
        .where(TopicFit.id == fit_id, TopicFit.status == BUILDING)
        .values(status=LIVE, live_at=func.now())
        .returning(TopicFit.id)
    )
    return session.scalars(statement).one_or_none() is not None


def left_overs(session: Session, subject: Subject) -> list[int]:
    """Return the fits that were never finished, or that another one has replaced."""
    statement = select(TopicFit.id).where(of_subject(subject), TopicFit.status != LIVE)
    return list(session.scalars(statement.order_by(TopicFit.id)))


def delete_members(session: Session, fit_id: int, *, limit: int) -> int:
    """Delete so many places of a fit."""
    some = select(TopicMember.node_id).where(TopicMember.fit_id == fit_id).limit(limit).subquery()
    gone = delete(TopicMember).where(
        TopicMember.fit_id == fit_id, TopicMember.node_id.in_(select(some.c.node_id))
    )
    return int(getattr(session.execute(gone), "rowcount", 0))


def delete_topics(session: Session, fit_id: int) -> None:
    """Delete the topics of a fit; its figures stay."""
    session.execute(delete(Topic).where(Topic.fit_id == fit_id))


def delete_old_fits(session: Session, subject: Subject, *, kept: int) -> None:
    """Delete unfinished fits and all but the newest of the retired ones."""
    retired = (
        select(TopicFit.id)
        .where(of_subject(subject), TopicFit.status == RETIRED)
        .order_by(TopicFit.id.desc())
        .limit(kept)
    )
    session.execute(
        delete(TopicFit).where(
            of_subject(subject), TopicFit.status != LIVE, TopicFit.id.not_in(retired)
        )
    )


def stop_words(session: Session, configuration: str, words: Sequence[str]) -> set[str]:
    """Return which of these words the language's text search leaves out."""
    found = session.execute(
        text(
            "SELECT word FROM unnest(CAST(:words AS text[])) word"
            " WHERE to_tsvector(CAST(:language AS regconfig), word) = ''"
        ),
        {"words": list(words), "language": configuration},
    )
    return set(found.scalars())
