"""Who may see a row: the one predicate that every read of documents and vectors uses."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, cast, true


def access_predicate(access: Any, principals: Sequence[str] | None) -> ColumnElement[bool]:
    """Return the condition over an `access` column for somebody with these principals.

    None restricts nothing: the caller acts for the workspace. With principals, rows without an
    access list stay visible, of the others those that name one of the principals; so an empty
    sequence sees the rows without a list only.
    """
    if principals is None:
        return true()
    named: ColumnElement[bool] = access.op("&&")(cast(list(principals), ARRAY(Text)))
    condition: ColumnElement[bool] = access.is_(None) | named
    return condition
