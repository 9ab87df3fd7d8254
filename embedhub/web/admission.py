"""Whether a large body may come in at all: its key, the work at hand, and the disk it waits on.

Asked when the headers are there and answered on a thread of its own: the loop that serves all
connections never waits for the database.
"""

import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from sqlalchemy.exc import SQLAlchemyError

from embedhub.access import service as access
from embedhub.access.caller import Scope
from embedhub.config import get_config
from embedhub.documents import back_pressure
from embedhub.errors import Busy, Forbidden, HubError, NotReady, Unauthenticated
from embedhub.web.limits import is_import, is_upload

DISK_RETRY_S = 60
SCHEME = "bearer "


def ask(authorization: str, path: str, query: str, length: int) -> "Future[HubError | None]":
    """Return the refusal of a body, None if it may come in, as soon as it is known."""
    return _asked().submit(refusal_of, authorization, path, query, length)


def refusal_of(authorization: str, path: str, query: str, length: int) -> HubError | None:
    """Return why a body of so many bytes (0: nobody knows) may not come in; None if it may."""
    try:
        if not authorization.lower().startswith(SCHEME):
            raise Unauthenticated("send an API key as Authorization: Bearer")
        caller = access.authenticate(authorization[len(SCHEME) :].strip())
        require_room(length)
        if is_upload(path):
            caller.require(Scope.WRITE)
        if is_import(path):
            caller.require(Scope.WRITE)
            back_pressure.refuse_backlog()
            # What goes on with an import takes the place of the request before.
            if "import_id=" not in query:
                back_pressure.refuse_too_many()
    except HubError as error:
        return error
    except SQLAlchemyError:
        return NotReady("the database is not available; try again", retry_after_s=2)
    return None


def ask_staff(cookies: str, length: int) -> "Future[HubError | None]":
    """Return the same of a form with files that staff send, known by their cookies."""
    return _asked().submit(refusal_of_staff, cookies, length)


def refusal_of_staff(cookies: str, length: int) -> HubError | None:
    """Return why files of so many bytes may not come in from staff; None if they may."""
    # The models are only there once Django is set up.
    from embedhub.web.staff_sessions import require_staff

    try:
        require_staff(cookies, "console.upload_file")
        require_room(length)
    except HubError as error:
        return error
    return None


def require_room(length: int) -> None:
    """Return if a body of so many bytes may wait on disk; raises Busy, to be sent again later."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free - length < get_config().spool_free_bytes:
        raise Busy("no room on disk for a body of this size now", DISK_RETRY_S)


def status_of(error: HubError) -> tuple[int, str]:
    """Return the HTTP status of a refusal, and its phrase."""
    match error:
        case Unauthenticated():
            return 401, "Unauthorized"
        case Forbidden():
            return 403, "Forbidden"
        case Busy():
            return 429, "Too Many Requests"
    return 503, "Service Unavailable"


@lru_cache(maxsize=1)
def _asked() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="admission")
