"""Who of the staff is behind a request that the application has not seen yet."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, parse_cookie

from embedhub.errors import Forbidden, NotReady, Unauthenticated


def require_staff(cookies: str, permission: str) -> None:
    """Return if these cookies are those of staff with a permission, such as "console.view_run".

    Raises Unauthenticated, Forbidden, or NotReady without the database.
    """
    request = HttpRequest()
    sessions: Any = import_module(settings.SESSION_ENGINE)
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    request.session = sessions.SessionStore(key)
    # No request begins or ends on this thread, which is what lets go of broken connections.
    close_old_connections()
    try:
        person: Any = auth.get_user(request)
        if not (person.is_active and person.is_staff):
            raise Unauthenticated("log in to the admin first")
        if not person.has_perm(permission):
            raise Forbidden("you may not send files")
    except DatabaseError:
        raise NotReady("the database is not available; try again", retry_after_s=2) from None
    finally:
        close_old_connections()
