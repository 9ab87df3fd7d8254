"""Who asks: the API key in the Authorization header, and the caller it makes."""

from collections.abc import Sequence
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Query
from ninja.security import HttpBearer

from embedhub.access import service as access
from embedhub.access.caller import Caller

# A query cannot hold an empty list.
Principals = Annotated[
    list[str] | None,
    Query(
        description="See only what these may see too; `?principals=` alone means nobody, which"
        " leaves what everybody in the workspace may see."
    ),
]


class ApiKey(HttpBearer):
    """`Authorization: Bearer eh_...`; a key is made with `embedhub key create` or in the admin."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """Return the caller the token stands for; raises Unauthenticated."""
        del request
        return access.authenticate(token.strip())


def caller_of(request: HttpRequest, scope: str) -> Caller:
    """Return the caller of an authenticated request; raises Forbidden if it lacks the scope."""
    caller = cast("Caller", request.auth)  # type: ignore[attr-defined]
    caller.require(scope)
    return caller


def from_query(principals: Sequence[str] | None) -> Sequence[str] | None:
    """Return the principals that a query names: a single empty one is nobody."""
    return [] if principals == [""] else principals


def narrowed_caller(request: HttpRequest, scope: str, principals: Sequence[str] | None) -> Caller:
    """Return the caller, seeing only what these principals may see too."""
    if principals is not None:
        access.check_principals(principals)
    return caller_of(request, scope).narrowed(principals)
