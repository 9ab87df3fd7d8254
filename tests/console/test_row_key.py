from typing import Any

import pytest

from tests.console.seed import House


def test_a_row_is_found_by_its_joined_key(house: House) -> None:
    from embedhub.console.models import Pending

    row: Any = Pending.objects.first()
    assert row.pk == f"{row.space_id}.{row.owner_id}"
    assert Pending.objects.get(pk=row.pk).owner_id == row.owner_id
    assert [found.pk for found in Pending.objects.filter(pk__in=[row.pk])] == [row.pk]


def test_a_key_may_hold_an_id_with_dashes(house: House) -> None:
    from embedhub.console.models import Impression

    row = Impression.objects.get()
    assert row.pk == f"{row.request_id}.{row.position}"
    assert Impression.objects.get(pk=row.pk).position == row.position


def test_rows_are_looked_up_through_the_primary_key(house: House) -> None:
    from django.db import connection, transaction

    from embedhub.console.models import Pending

    rows = Pending.objects.filter(pk__in=["1.5", "1.6"])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        # Of so few rows it is as good, and which of the two is taken depends on old statistics.
        cursor.execute("DROP INDEX ix_pending_owner_id")
        plan = rows.explain()
        transaction.set_rollback(True)
    assert "pk_pending" in plan
    assert "concat_ws" not in plan.split("Index Cond")[1].split("\n")[0]


@pytest.mark.parametrize("key", ["", "5", "x.y", "1.2.3", "1."])
def test_what_is_no_key_finds_nothing(house: House, staff: object, key: str) -> None:
    from django.core.exceptions import ValidationError

    from embedhub.console.models import Pending

    field = Pending._meta.pk
    with pytest.raises(ValidationError):
        field.to_python(key)


def test_no_keys_asked_for_is_no_rows(house: House) -> None:
    from embedhub.console.models import Pending

    assert list(Pending.objects.filter(pk__in=[])) == []
