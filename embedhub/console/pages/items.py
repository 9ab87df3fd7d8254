"""An item of a catalog: what is like it, by behaviour and by content, and who had it last."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.console import models
from embedhub.console.pages.shown_lists import shown_hits
from embedhub.errors import HubError
from embedhub.recommend import service
from embedhub.recommend.request import By, RecommendationRequest

SHOWN_HITS = 10
SHOWN_EVENTS = 15
SIDES = ((By.BEHAVIOR, "By what people do"), (By.CONTENT, "By content"))


def detail(row: Any) -> dict[str, Any]:
    """Return what the template of an item's page shows."""
    caller = Caller.for_workspace(row.workspace_id)
    sides: list[dict[str, Any]] = []
    for by, title in SIDES:
        asked = RecommendationRequest(by=by, limit=SHOWN_HITS, explain=True, is_recorded=False)
        try:
            result = service.similar(caller, row.catalog.slug, row.external_id, asked)
        except HubError as error:
            sides.append({"title": title, "error": str(error)})
            continue
        items = shown_hits(row.catalog_id, result.hits)
        sides.append({"title": title, "items": items, "notes": result.notes})
    events: Any = models.Interaction.objects.filter(item=row.pk).select_related("user")
    return {"sides": sides, "events": events.order_by("-id")[:SHOWN_EVENTS]}
