"""The setting `ranking` as a JSON schema, for the OpenAPI document; `settings` reads it."""

from typing import Any

from embedhub.search.ranking import settings
from embedhub.search.ranking.settings import CollapseBy


def _number(lowest: float, highest: float, about: str, kind: str = "number") -> dict[str, Any]:
    return {"type": kind, "minimum": lowest, "maximum": highest, "description": about}


def _part(about: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "description": about,
        "required": required,
        "properties": properties,
    }


_BOOST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["filter"],
    "properties": {
        "filter": {"type": "object", "description": "A filter as searches take it."},
        "factor": _number(0, settings.MAX_FACTOR, "Times the score; 1 changes nothing."),
        "offset": _number(
            -settings.MAX_OFFSET, settings.MAX_OFFSET, "Added, in parts of the best score."
        ),
    },
}
_FIELD = _number(0, settings.MAX_FIELD_WEIGHT, "Best scores added where it holds all words.")

RANKING_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "weights": _part(
            "Parts of the legs in the fused score.",
            ["dense"],
            dense=_number(0, 1, "The dense leg's part; words count the rest."),
        ),
        "fields": _part("What words in title and heading add.", [], title=_FIELD, heading=_FIELD),
        "recency": _part(
            "What old documents lose.",
            ["half_life_days"],
            field={
                "type": ["string", "null"],
                "description": "A field declared as date; null: when the document was added.",
            },
            half_life_days={
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": settings.MAX_HALF_LIFE_DAYS,
            },
            weight=_number(0, 1, "The most that is lost, as a part of the score."),
        ),
        "boosts": {
            "type": ["array", "null"],
            "maxItems": settings.MAX_BOOSTS,
            "items": _BOOST,
            "description": "What documents that pass a filter gain or lose.",
        },
        "diversity": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1,
            "description": "Best scores lost for being the same as a hit before.",
        },
        "collapse": _part(
            "Near-duplicates of a better hit are folded into it.",
            [],
            by={"enum": [member.value for member in CollapseBy]},
            threshold={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        ),
        "reranker": _part(
            "A configured reranker reads the best candidates.",
            ["name"],
            name={"type": "string", "minLength": 1, "maxLength": settings.MAX_NAME_CHARS},
            candidates=_number(1, settings.MAX_CANDIDATES, "How many it reads.", "integer"),
            budget_ms=_number(1, settings.MAX_BUDGET_MS, "The time it may take.", "integer"),
            weight=_number(0, 1, "Its part of the score; the rest is the score before."),
        ),
    },
}
