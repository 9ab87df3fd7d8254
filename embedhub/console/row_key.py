"""A composite primary key as one text, because Django's admin knows rows by one value only."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In
from django.utils.functional import cached_property

SEPARATOR = "."


class RowKey(models.TextField):
    """The values of a composite primary key, joined: "3.17". Lookups compare the columns."""

    def __init__(self, *args: Any, parts: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "primary_key": True, "editable": False})
        self.parts = tuple(parts)

    def deconstruct(self) -> Any:
        # Django's migration machinery clones every field, of unmanaged models too.
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "parts": self.parts}

    @property
    def part_fields(self) -> list[Any]:
        """Return the fields whose values make up the key, in order."""
        return [self.model._meta.get_field(name) for name in self.parts]

    def split(self, key: object) -> list[Any]:
        """Return the typed values inside a key; raises ValidationError when it is none."""
        texts = str(key).split(SEPARATOR, len(self.parts) - 1)
        if len(texts) != len(self.parts):
            raise ValidationError("not a key of this table")
        return [
            field.target_field.to_python(text) if field.is_relation else field.to_python(text)
            for field, text in zip(self.part_fields, texts, strict=True)
        ]

    def to_python(self, value: Any) -> Any:
        if value is not None:
            self.split(value)
        return value

    def get_col(self, alias: str, output_field: models.Field | None = None) -> Col:
        return KeyColumns(alias, self, output_field)

    @cached_property
    def cached_col(self) -> Col:
        return KeyColumns(self.model._meta.db_table, self)


class KeyColumns(Col):
    """The key's columns in SQL: joined when read, side by side when compared."""

    def column_list(self, compiler: Any) -> str:
        """Return the quoted columns, separated by commas."""
        quote = compiler.quote_name_unless_alias
        key: Any = self.target
        fields = key.part_fields
        return ", ".join(f"{quote(self.alias)}.{quote(field.column)}" for field in fields)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return f"concat_ws('{SEPARATOR}', {self.column_list(compiler)})", ()


# A comparison of the joined text could not use the primary key's index.
@RowKey.register_lookup
class RowKeyExact(Exact):
    """One row by its key."""

    def get_prep_lookup(self) -> list[Any]:
        return self.lhs.target.split(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        holes = ", ".join(["%s"] * len(self.rhs))
        return f"({self.lhs.column_list(compiler)}) = ({holes})", tuple(self.rhs)


@RowKey.register_lookup
class RowKeyIn(In):
    """Some rows by their keys."""

    def get_prep_lookup(self) -> list[list[Any]]:
        return [self.lhs.target.split(key) for key in self.rhs]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        if not self.rhs:
            return "false", ()
        holes = ", ".join("(" + ", ".join(["%s"] * len(values)) + ")" for values in self.rhs)
        flat = tuple(value for values in self.rhs for value in values)
        return f"({self.lhs.column_list(compiler)}) IN ({holes})", flat
