"""A seeded house, and the staff who look at it."""

from typing import Any

import pytest
from django.test import Client

from tests.console.seed import House, seed_house

HOST = "localhost"


@pytest.fixture
def house(clean: str) -> House:
    """Rows in every table that has a page."""
    return seed_house()


@pytest.fixture
def staff(clean: str) -> Client:
    """Somebody who may do everything."""
    from django.contrib.auth.models import User

    User.objects.filter(username="sam").delete()
    return logged_in(User.objects.create_superuser("sam", "", "a long password"))


@pytest.fixture
def clerk(clean: str) -> Any:
    """Makes a staff member with these permissions of the console and no others."""
    from django.contrib.auth.models import Permission, User

    def make(*codenames: str) -> Client:
        User.objects.filter(username="kim").delete()
        person = User.objects.create_user("kim", "", "a long password", is_staff=True)
        chosen = Permission.objects.filter(
            content_type__app_label="console", codename__in=codenames
        )
        assert {permission.codename for permission in chosen} == set(codenames)
        person.user_permissions.set(chosen)
        return logged_in(person)

    return make


def logged_in(person: Any, **options: Any) -> Client:
    """Return a browser without scripts in which this person is logged in."""
    client = Client(SERVER_NAME=HOST, **options)
    client.force_login(person)
    return client
