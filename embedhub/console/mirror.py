"""Read-only Django models generated from the SQLAlchemy tables: one definition for both.

Columns without a Django field (vectors, word lists, hashes) are left out, so that no page can
load them. Renaming a column makes `manage.py check` fail where a page names it.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from django.contrib.postgres.fields import ArrayField
from django.db import models
from pgvector.sqlalchemy import SPARSEVEC, VECTOR
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.types import TypeEngine

from embedhub.console.row_key import RowKey
from embedhub.tables import Base

APP_LABEL = "console"

FIELDS: Mapping[type[TypeEngine[Any]], type[models.Field]] = {
    BigInteger: models.BigIntegerField,
    SmallInteger: models.SmallIntegerField,
    Integer: models.IntegerField,
    Float: models.FloatField,
    REAL: models.FloatField,
    Boolean: models.BooleanField,
    DateTime: models.DateTimeField,
    String: models.TextField,
    Text: models.TextField,
    Uuid: models.UUIDField,
    JSONB: models.JSONField,
}
UNSEEN: tuple[type[TypeEngine[Any]], ...] = (VECTOR, SPARSEVEC, TSVECTOR, LargeBinary)
WORDS = {
    "n_tokens": "tokens",
    "n_nodes": "rows",
    "n_rows": "rows",
    "n_members": "rows in the cluster",
    "n_pairs": "pairs that join it",
    "p": "sure",
    "k": "neighbors kept of each",
    "follow_s": "the last comparison took (s)",
    "is_indexed": "HNSW index in use",
    "is_cancel_asked": "cancel asked",
    "is_hidden": "hidden",
    "is_complete": "complete",
    "n_hits": "hits",
    "took_ms": "took (ms)",
    "n_queries": "searches checked",
    "n_asked": "of them asked by callers",
    "n_incomplete": "of them said to be incomplete",
    "n_searches": "searches",
    "n_turns": "questions",
    "api_key_id": "API key",
    "base_url": "address",
    "url": "URL",
    "is_fetching_urls": "may have files fetched from the web",
    "n_documents": "documents",
    "n_pages": "pages",
    "n_refused": "parts refused",
    "n_failures": "attempts in a row that failed",
    "event_id": "id of the event",
    "fields": "sent with it",
}


class MirrorIsReadOnly(RuntimeError):
    """Something tried to write a domain table through Django; call a service instead."""


def refuse(*_args: object, **_kwargs: object) -> NoReturn:
    """Raise MirrorIsReadOnly whatever is asked."""
    raise MirrorIsReadOnly("domain tables change through services only")


class ReadOnlyQuerySet(models.QuerySet):
    """A query set that cannot write: every writing method ends in one of these."""

    _insert = _update = _raw_delete = refuse
    create = bulk_create = bulk_update = update = delete = refuse
    get_or_create = update_or_create = refuse


class Mirror(models.Model):
    """A row of a table that SQLAlchemy owns."""

    objects = ReadOnlyQuerySet.as_manager()
    save = save_base = delete = refuse

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __str__(self) -> str:
        title = getattr(self, self.title_field) if self.title_field else None
        return str(title) if title else f"{self._meta.verbose_name} {self.pk}"

    title_field = ""


def mirror(
    table: type[Base],
    name: str,
    *,
    title: str = "",
    plural: str = "",
    permissions: Mapping[str, str] | None = None,
) -> type[Mirror]:
    """Return the read-only Django model over a mapped table, called as staff call its rows.

    `title` is the column that names a row, if there is one; `permissions` are those of the actions
    on it, beside the permission to view. Raises TypeError for a column type that nothing is
    decided about.
    """
    columns: list[Any] = list(table.__table__.columns)
    keys = [column for column in columns if column.primary_key]
    attributes: dict[str, Any] = {"__module__": "embedhub.console.models", "title_field": title}
    options: dict[str, Any] = {
        "managed": False,
        "db_table": table.__tablename__,
        "app_label": APP_LABEL,
        "verbose_name": name,
        "verbose_name_plural": plural or f"{name}s",
        "default_permissions": ("view",),
        "permissions": tuple((permissions or {}).items()),
    }
    for column in columns:
        field = django_field(column, is_key=len(keys) == 1 and column.primary_key)
        if field is not None:
            attributes[field_name(column)] = field
    if len(keys) > 1:
        parts = tuple(field_name(column) for column in keys)
        attributes["key"] = RowKey(parts=parts)
        options["unique_together"] = [parts]
    attributes["Meta"] = type("Meta", (Mirror.Meta,), {**options, "abstract": False})
    return type(table.__name__, (Mirror,), attributes)


def proxy(of: type[Mirror], class_name: str, name: str, *, plural: str = "") -> type[Mirror]:
    """Return a second view of a mirror, for a page of its own over some of its rows."""
    options = {
        "proxy": True,
        "app_label": APP_LABEL,
        "verbose_name": name,
        "verbose_name_plural": plural or f"{name}s",
        "default_permissions": ("view",),
    }
    attributes = {"__module__": "embedhub.console.models", "Meta": type("Meta", (), options)}
    return type(class_name, (of,), attributes)


def field_name(column: Column[Any]) -> str:
    """Return the name of a column's field: a foreign key is called as what it points to."""
    return column.name.removesuffix("_id") if column.foreign_keys else column.name


def django_field(column: Column[Any], *, is_key: bool) -> models.Field | None:
    """Return the field that reads a column, None when its content is not for people."""
    if isinstance(column.type, UNSEEN):
        return None
    options: dict[str, Any] = {
        "null": bool(column.nullable),
        "blank": True,
        "db_column": column.name,
        "verbose_name": words(column),
    }
    for key in column.foreign_keys:
        return models.ForeignKey(
            f"{APP_LABEL}.{class_of(key.column.table.name)}",
            on_delete=models.DO_NOTHING,
            related_name="+",
            db_constraint=False,
            db_index=False,
            **options,
        )
    if isinstance(column.type, ARRAY):
        return ArrayField(field_class(column.type.item_type)(), **options)
    return field_class(column.type)(primary_key=is_key, **options)


def field_class(column_type: TypeEngine[Any]) -> type[models.Field]:
    """Return Django's field for a column type; raises TypeError when nothing is decided."""
    found = FIELDS.get(type(column_type))
    if found is None:
        raise TypeError(f"decide in {__name__} how the console shows {column_type!r}")
    return found


def words(column: Column[Any]) -> str:
    """Return a column's name as staff read it."""
    if column.name in WORDS:
        return WORDS[column.name]
    return field_name(column).removeprefix("is_").removesuffix("_at").replace("_", " ")


def class_of(table_name: str) -> str:
    """Return the name of the class mapped to a table."""
    return next(
        mapped.class_.__name__
        for mapped in Base.registry.mappers
        if mapped.class_.__tablename__ == table_name
    )
