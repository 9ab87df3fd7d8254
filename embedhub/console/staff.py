"""Staff logins and Django's own tables, for programs that are not the web server."""

import django
from django.core.management import call_command

from embedhub.config import name_django_settings


def migrate_staff_tables() -> None:
    """Bring Django's own tables, in schema `django`, to their newest version."""
    _set_up()
    call_command("migrate", interactive=False, verbosity=0)


def set_staff_login(name: str, password: str) -> None:
    """Make a member of staff with every right, or give the one of this name a new password."""
    _set_up()
    # The models are only there once Django is set up.
    from django.contrib.auth.models import User

    user, _ = User.objects.get_or_create(username=name)
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save()


def _set_up() -> None:
    name_django_settings()
    django.setup()
