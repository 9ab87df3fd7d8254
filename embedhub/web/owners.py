"""One view for collections and catalogs alike: two paths, two operations, one function."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.graph.subject import Owner

View = Callable[..., HttpResponseBase]

NAMES = {Owner.COLLECTIONS: "collection", Owner.CATALOGS: "catalog"}


def for_owners(
    router: Router, method: str, path: str, *, summary: str, **options: Any
) -> Callable[[View], View]:
    """Register a view at `/collections/{slug}` and `/catalogs/{slug}`, each followed by `path`.

    The view is called with `owner` and `slug` by name. Its operations are called after it, with
    `_of_collection` and `_of_catalog` behind; `options` are those of the router's own decorators.

        @for_owners(router, "POST", "/duplicates/scan", response={202: RunOut}, summary="Scan")
        @idempotent()
        def scan_duplicates(request: HttpRequest, owner: Owner, slug: str) -> HttpResponse: ...
    """

    def register(view: View) -> View:
        for owner in Owner:
            router.api_operation(
                [method],
                f"/{owner.value}/{{slug}}{path}",
                summary=f"{summary} (of a {NAMES[owner]})",
                **options,
            )(view_for(view, owner))
        return view

    return register


def view_for(view: View, owner: Owner) -> View:
    """Return the view of one kind of owner, which `owner` is no parameter of."""

    @wraps(view)
    def of_owner(request: HttpRequest, **given: Any) -> HttpResponseBase:
        return view(request, owner=owner, **given)

    signature = inspect.signature(view)
    kept = [one for name, one in signature.parameters.items() if name != "owner"]
    of_owner.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    of_owner.__name__ = f"{view.__name__}_of_{NAMES[owner]}"
    return of_owner
