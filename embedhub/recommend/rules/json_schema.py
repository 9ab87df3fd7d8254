"""The rules of a placement as a JSON schema, for the OpenAPI document; `rule` reads them."""

from typing import Any

from embedhub.recommend.rules import rule
from embedhub.recommend.rules.rule import Action


def _whole(lowest: int, highest: int, about: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "integer",
        "minimum": lowest,
        "maximum": highest,
        "description": about,
        **more,
    }


def _above(lowest: float, highest: float, about: str) -> dict[str, Any]:
    return {
        "type": "number",
        "exclusiveMinimum": lowest,
        "maximum": highest,
        "description": about,
    }


def _rule(about: str, actions: list[Action], required: list[str], **own: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "description": about,
        "required": ["action", *required],
        "properties": {
            "action": {"enum": [str(action) for action in actions]},
            **own,
            "is_on": {"type": "boolean", "description": "False keeps the rule without using it."},
            "note": {"type": "string", "description": "Why, for those who come after."},
        },
    }


_WHICH: dict[str, Any] = {
    "filter": {"type": "object", "description": "Items that pass this filter, as lists take it."},
    "categories": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Items of one of these categories; with a filter both must hold.",
    },
}
_SHARE = _above(0, 1, "Of the places, such as 0.2.")

_PIN = _rule(
    "One item at one place of the list, wherever filter, availability and what is seen permit it.",
    [Action.PIN],
    ["item", "position"],
    item={"type": "string", "description": "Its external_id."},
    position=_whole(1, rule.MAX_POSITION, "1 for the top."),
)
_CHANGE = _rule(
    "More, or less, score for some items: a factor of the score's size, or an amount.",
    [Action.BOOST, Action.BURY],
    [],
    **_WHICH,
    factor={
        "type": "number",
        "minimum": 0,
        "maximum": rule.MAX_FACTOR,
        "description": "Above 1 to boost, from 0 to 1 to bury.",
    },
    amount=_above(0, rule.MAX_AMOUNT, "Added to the score, or taken away."),
)
_CAP = _rule(
    "At most so many of each value of a field, or of some items, in any stretch of places.",
    [Action.CAP],
    ["most"],
    field={"type": "string", "description": "An attribute, or categories."},
    **_WHICH,
    most=_whole(0, rule.MAX_WINDOW, "So many may stand there."),
    window={
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": rule.MAX_WINDOW,
        "default": rule.DEFAULT_WINDOW,
        "description": "In so many places one after the other; null: in the whole list.",
    },
)
_AT_LEAST = _rule(
    "At least this share of the places for some items, as far as there are any.",
    [Action.AT_LEAST],
    ["share"],
    **_WHICH,
    share=_SHARE,
)
_EXPLORE = _rule(
    "This share of the places for items drawn at random from the best.",
    [Action.EXPLORE],
    ["share"],
    **_WHICH,
    share=_SHARE,
    depth=_whole(1, rule.MAX_DEPTH, "Of so many.", default=rule.DEFAULT_DEPTH),
    max_events={
        "type": ["integer", "null"],
        "minimum": 0,
        "description": "Only of items with at most so many interactions, such as new ones.",
    },
)

RULES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"oneOf": [_PIN, _CHANGE, _CAP, _AT_LEAST, _EXPLORE]},
    "description": "Their order matters to nothing but how they are shown.",
}
