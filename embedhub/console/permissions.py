"""What a staff member may do: Django's permissions on the mirrored models."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def may(request: HttpRequest, permission: str, app: str = "console") -> bool:
    """Say whether the staff member holds a permission, such as "view_run"."""
    person: Any = request.user
    return bool(person.has_perm(f"{app}.{permission}"))


def demand(request: HttpRequest, permission: str) -> None:
    """Return if the staff member holds a permission of the console; raises PermissionDenied."""
    if not may(request, permission):
        raise PermissionDenied
