"""Labels: sets of them, what people gave, classifiers and what these predict, likely errors."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from embedhub.tables.base import Base, CreatedAt, Id, Timestamp, WorkspaceId


def set_id(**wanted: Any) -> Any:
    """Return the column of a row that goes with its label set."""
    return mapped_column(BigInteger, ForeignKey("label_sets.id", ondelete="CASCADE"), **wanted)


def document_id() -> Any:
    """Return the column of a row that goes with the document it is about, or whose passage."""
    return mapped_column(BigInteger, ForeignKey("documents.id", ondelete="CASCADE"))


def item_id() -> Any:
    """Return the column of a row that goes with the item it is about."""
    return mapped_column(BigInteger, ForeignKey("items.id", ondelete="CASCADE"))


class LabelSet(Base):
    """A question with one answer a row, such as `intent`, and where its answers come from."""

    __tablename__ = "label_sets"
    __table_args__: Any = (
        CheckConstraint("num_nonnulls(collection_id, catalog_id) = 1", name="one_owner"),
        CheckConstraint("level IN ('document', 'chunk', 'item')", name="level_known"),
        CheckConstraint("source IN ('field', 'given')", name="source_known"),
        CheckConstraint("(source = 'field') = (field IS NOT NULL)", name="field_of_source"),
        UniqueConstraint("collection_id", "name"),
        UniqueConstraint("catalog_id", "name"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    collection_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("collections.id", ondelete="CASCADE")
    )
    catalog_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("catalogs.id", ondelete="CASCADE")
    )
    # whose rows have labels: documents, their passages, items
    level: Mapped[str] = mapped_column(Text)
    # as paths name it
    name: Mapped[str] = mapped_column(Text)
    # 'field': labels are read from metadata; a given label goes before it
    source: Mapped[str] = mapped_column(Text)
    field: Mapped[str | None] = mapped_column(Text)
    # [{"name", "description"}], the order in which people see them; rows may have others
    labels: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    # how it is trained, as `labels.setting` reads it
    setting: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    created_by: Mapped[str] = mapped_column(Text)


class GivenLabel(Base):
    """A label that somebody gave a row; the latest that was not undone holds."""

    __tablename__ = "given_labels"
    __table_args__: Any = (
        CheckConstraint("num_nonnulls(document_id, item_id) = 1", name="one_row"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_somebody"),
        Index(None, "set_id", "node_id", "id"),
        Index(None, "document_id", postgresql_where=text("document_id IS NOT NULL")),
        Index(None, "item_id", postgresql_where=text("item_id IS NOT NULL")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = set_id()
    document_id: Mapped[int | None] = document_id()
    item_id: Mapped[int | None] = item_id()
    # the document, passage or item
    node_id: Mapped[int] = mapped_column(BigInteger)
    # of a passage: what it said; the same passage of a later version has its label
    input_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    # null: none of the labels fits
    label: Mapped[str | None] = mapped_column(Text)
    given_by: Mapped[str] = mapped_column(Text)
    given_at: Mapped[CreatedAt]
    undone_at: Mapped[Timestamp | None]
    undone_by: Mapped[str | None] = mapped_column(Text)


class Classifier(Base):
    """One version of what predicts the labels of a set; the live one does."""

    __tablename__ = "classifiers"
    __table_args__: Any = (
        UniqueConstraint("set_id", "number"),
        CheckConstraint(
            "status IN ('rejected', 'ready', 'live', 'retired', 'dropped')", name="status_known"
        ),
        CheckConstraint("origin IN ('trained', 'described')", name="origin_known"),
        Index(
            "uq_classifiers_live", "set_id",
            unique=True, postgresql_where=text("status = 'live'"),
        ),
    )  # fmt: skip

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = set_id()
    # counted within the set
    number: Mapped[int]
    # rejected: not as good as the live one; ready: could predict; retired: has predicted, and can
    # again; dropped: too old, only its figures are left
    status: Mapped[str] = mapped_column(Text)
    # 'described': made of the labels' descriptions alone
    origin: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="SET NULL"), index=True
    )
    # whose vectors it reads; no foreign key: a space may go before what was trained on it
    space_id: Mapped[int] = mapped_column(BigInteger)
    # SHA-256 of rows, their vectors' inputs and labels: equal ones train the same classifier
    data_hash: Mapped[bytes] = mapped_column(LargeBinary)
    n_rows: Mapped[int]
    # in the order of its columns
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    # what a reader needs beside the arrays, see `labels.classifier`
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # by cross-validation, with the confusion of labels
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    created_at: Mapped[CreatedAt]
    published_at: Mapped[Timestamp | None]
    published_by: Mapped[str | None] = mapped_column(Text)


class ClassifierArray(Base):
    """An array of a classifier, little-endian: coefficients, the ids of rows it learned from."""

    __tablename__ = "classifier_arrays"

    classifier_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("classifiers.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    # as NumPy calls it, such as '<f4'; '|S1': UTF-8 lines
    dtype: Mapped[str] = mapped_column(Text)
    shape: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Prediction(Base):
    """What the live classifier of a set says of a row."""

    __tablename__ = "predictions"
    __table_args__: Any = (
        Index(None, "set_id", "probability", "node_id"),
        Index(None, "set_id", "label", "probability", "node_id"),
        Index(None, "set_id", "informativeness", "node_id"),
    )

    set_id: Mapped[int] = set_id(primary_key=True)
    node_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # whose prediction it is; without a foreign key, which would be looked up for every set removed
    classifier_id: Mapped[int] = mapped_column(BigInteger)
    # of what the row's vector was made of: another one makes this out of date
    node_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # the likeliest
    label: Mapped[str] = mapped_column(Text)
    probability: Mapped[float] = mapped_column(REAL)
    # how far it is ahead of the second
    margin: Mapped[float] = mapped_column(REAL)
    # cosine with the nearest rows learned from, or with the label's description
    similarity: Mapped[float] = mapped_column(REAL)
    # none of the labels, as far as can be told
    is_rejected: Mapped[bool]
    # the likeliest labels and their probabilities, as many
    top_labels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    top_probabilities: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    # how much a given label would teach: doubtful, and like many others
    informativeness: Mapped[float] = mapped_column(REAL)
    predicted_at: Mapped[Timestamp] = mapped_column(server_default=func.now())


class LabelError(Base):
    """A row whose label is likely wrong, as the last training saw it."""

    __tablename__ = "label_errors"
    __table_args__: Any = (
        CheckConstraint("status IN ('open', 'confirmed', 'dismissed')", name="status_known"),
        CheckConstraint("num_nonnulls(document_id, item_id) = 1", name="one_row"),
        UniqueConstraint("set_id", "node_id", "label"),
        Index(None, "set_id", "status", "confidence", "id"),
        Index(None, "document_id", postgresql_where=text("document_id IS NOT NULL")),
        Index(None, "item_id", postgresql_where=text("item_id IS NOT NULL")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    set_id: Mapped[int] = set_id()
    document_id: Mapped[int | None] = document_id()
    item_id: Mapped[int | None] = item_id()
    node_id: Mapped[int] = mapped_column(BigInteger)
    # the one it has, and the one it likely should have
    label: Mapped[str] = mapped_column(Text)
    suggested: Mapped[str] = mapped_column(Text)
    # probability of the label it has, and of the suggested one, by classifiers that never saw it
    confidence: Mapped[float] = mapped_column(REAL)
    suggested_probability: Mapped[float] = mapped_column(REAL)
    status: Mapped[str] = mapped_column(Text, server_default="open")
    found_at: Mapped[CreatedAt]


class LabelErrorDecision(Base):
    """What somebody decided about a likely error; the latest that was not undone holds."""

    __tablename__ = "label_error_decisions"
    __table_args__: Any = (
        CheckConstraint("decision IN ('confirmed', 'dismissed')", name="decision_known"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_somebody"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[WorkspaceId]
    error_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("label_errors.id", ondelete="CASCADE"), index=True
    )
    decision: Mapped[str] = mapped_column(Text)
    # the label that confirming gave
    given_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("given_labels.id", ondelete="SET NULL"), index=True
    )
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[CreatedAt]
    undone_at: Mapped[Timestamp | None]
    undone_by: Mapped[str | None] = mapped_column(Text)
