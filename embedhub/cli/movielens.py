"""MovieLens-100k as rows of a catalog, from a folder of the user's own: nothing of it is shipped.

`ratings.csv` (user_id, item_id, rating, timestamp), `items_info.json` and `users_info.csv`.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from embedhub.errors import InvalidInput, NotFound

RATINGS, ITEMS, USERS = "ratings.csv", "items_info.json", "users_info.csv"
# In the order they are sent: whoever is rated is there before the rating.
FILES = {"items": ITEMS, "users": USERS, "interactions": RATINGS}
CATALOG = {
    "name": "MovieLens 100k",
    "content_template": "{title}\n{plot}\n{genres}\n{directors}",
    "interaction_weights": {"rating": 1.0, "view": 0.2, "like": 3.0, "dislike": -3.0},
    "unknown_items": "reject",
}

Rows = Callable[[], Iterator[dict[str, Any]]]


def rows_of(folder: Path) -> dict[str, Rows]:
    """Return what yields the items, users and ratings; raises NotFound for a file that lacks."""
    for name in FILES.values():
        if not (folder / name).is_file():
            raise NotFound("file", str(folder / name))
    return {
        "items": lambda: items(folder / ITEMS),
        "users": lambda: users(folder / USERS),
        "interactions": lambda: ratings(folder / RATINGS),
    }


def items(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the films."""
    try:
        films = orjson.loads(path.read_bytes())
        for film in films:
            genres = listed(film["genres"])
            yield {
                "external_id": str(film["movielens_id"]),
                "fields": {
                    "title": film["title"] or "",
                    "plot": film["plot"] or "",
                    "genres": genres,
                    "directors": listed(film["directors"]),
                },
                "categories": genres,
                "attributes": numbers(year=film["year"], imdb_rating=film["rating"]),
            }
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} holds no films as MovieLens-100k does: {error!r}") from None


def users(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the people."""
    for row in table(path, "user_id", "age", "gender", "occupation"):
        yield {
            "external_id": row["user_id"],
            "attributes": {
                "gender": row["gender"],
                "occupation": row["occupation"],
                **numbers(age=row["age"]),
            },
        }


def ratings(path: Path) -> Iterator[dict[str, Any]]:
    """Yield who rated what, when."""
    for row in table(path, "user_id", "item_id", "rating", "timestamp"):
        moment = datetime.fromtimestamp(int(row["timestamp"]), UTC)
        yield {
            "user": row["user_id"],
            "item": row["item_id"],
            "type": "rating",
            "value": float(row["rating"]),
            "time": moment.isoformat(),
        }


def table(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file that has these columns; raises InvalidInput for another."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise InvalidInput(f"{path} lacks the columns {', '.join(sorted(missing))}")
        yield from reader


def listed(value: object) -> list[str]:
    """Return the parts of a list, or of a text with commas."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [part.strip() for part in map(str, parts) if part.strip()]


def numbers(**texts: object) -> dict[str, float]:
    """Return those of the texts that are numbers."""
    found = {}
    for name, text in texts.items():
        try:
            number = float(str(text))
        except ValueError:
            continue
        found[name] = int(number) if number.is_integer() else number
    return found
