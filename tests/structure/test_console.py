"""Mirrors, tables and admin pages tell one story."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from sqlalchemy import Column, Integer
from sqlalchemy.dialects.postgresql import INET

from embedhub.tables import Base
from tests.console.conftest import house, staff
from tests.console.seed import House

__all__ = ["house", "staff"]

pytestmark = pytest.mark.usefixtures("database")


def mirrors() -> list[Any]:
    from django.apps import apps

    return list(apps.get_app_config("console").get_models())


def test_djangos_own_checks_pass() -> None:
    call_command("check", fail_level="WARNING")


def test_every_table_has_a_mirror_or_a_reason_for_none() -> None:
    from embedhub.console.models import NOT_MIRRORED

    seen = {model._meta.db_table for model in mirrors()}
    excused = {table.__tablename__ for table in NOT_MIRRORED}
    assert seen | excused == set(Base.metadata.tables)
    assert not seen & excused


def test_every_column_has_a_field_unless_it_holds_no_words() -> None:
    from embedhub.console.mirror import UNSEEN

    for model in mirrors():
        columns = Base.metadata.tables[model._meta.db_table].columns
        wanted = {c.name: c.nullable for c in columns if not isinstance(c.type, UNSEEN)}
        fields = [field for field in model._meta.fields if field.name != "key"]
        assert {field.column: field.null for field in fields} == wanted, model


def test_vectors_and_hashes_are_never_loaded() -> None:
    names = {field.column for model in mirrors() for field in model._meta.fields}
    assert not names & {"vector", "terms", "weights", "input_hash", "secret_hash", "content_hash"}


def test_an_undecided_column_type_is_refused() -> None:
    from embedhub.console.mirror import django_field

    with pytest.raises(TypeError, match="INET"):
        django_field(Column("address", INET()), is_key=False)
    assert django_field(Column("n", Integer(), nullable=True), is_key=False) is not None


def test_foreign_keys_lead_to_the_mirror_of_their_table() -> None:
    for model in mirrors():
        table = Base.metadata.tables[model._meta.db_table]
        for column in table.columns:
            for key in column.foreign_keys:
                field = model._meta.get_field(column.name.removesuffix("_id"))
                assert field.related_model._meta.db_table == key.column.table.name


def test_every_mirror_has_pages_that_open_with_rows(house: House, staff: Client) -> None:
    from django.contrib import admin
    from django.urls import reverse

    for model in mirrors():
        name = f"admin:console_{model._meta.model_name}"
        assert model in admin.site._registry, model
        answer: Any = staff.get(reverse(f"{name}_changelist"))
        assert answer.status_code == 200
        rows = list(answer.context_data["cl"].result_list)
        assert rows, f"seed a row of {model.__name__}"
        page = staff.get(reverse(f"{name}_change", args=[rows[0].pk]))
        assert page.status_code == 200, model


def test_view_permissions_and_those_of_actions_exist(database: str) -> None:
    from django.contrib.auth.models import Permission

    rows = Permission.objects.filter(content_type__app_label="console")
    found = set(rows.values_list("codename", flat=True))
    assert {f"view_{model._meta.model_name}" for model in mirrors()} <= found
    actions = {"create_workspace", "issue_apikey", "revoke_apikey", "retry_pending", "cancel_run"}
    assert actions <= found
    assert not {name for name in found if name.startswith(("add_", "change_", "delete_"))}


def test_nothing_can_be_written_through_a_mirror(house: House) -> None:
    from embedhub.console.mirror import MirrorIsReadOnly

    for model in mirrors():
        row = model._base_manager.first()
        rows = model.objects.all()
        writes = [
            row.save,
            row.delete,
            rows.delete,
            model.objects.create,
            lambda rows=rows: rows.update(pk=1),
            lambda model=model, row=row: model.objects.bulk_create([row]),
            lambda model=model: model.objects.get_or_create(pk=987_654_321),
            lambda row=row: row.save_base(raw=True),
        ]
        for write in writes:
            with pytest.raises(MirrorIsReadOnly):
                write()
