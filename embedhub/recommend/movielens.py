"""MovieLens-100k read from a folder of the user's own: the data may not be redistributed."""

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedhub.recommend.interactions import Interactions

# Of the ratings, tab-separated, in the original order: the original u.data.
ORIGINAL_MD5 = "6e47046882bad158b0efbb84cd5cb987"


@dataclass(frozen=True)
class MovieLens:
    """The interactions, and each item's text for content (empty where none is known)."""

    events: Interactions
    texts: list[str]


def read_movielens(folder: Path) -> MovieLens:
    """Read ratings.csv and items_info.json. Raises ValueError where it is not the original data."""
    with (folder / "ratings.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (row["user_id"], row["item_id"], row["rating"], row["timestamp"])
            for row in csv.DictReader(file)
        ]
    original = "".join("\t".join(row) + "\n" for row in rows).encode()
    if hashlib.md5(original, usedforsecurity=False).hexdigest() != ORIGINAL_MD5:
        raise ValueError(f"{folder}/ratings.csv is not the original u.data")
    table = np.array(rows, dtype=np.float64)
    events = Interactions(
        users=table[:, 0].astype(np.int64) - 1,
        items=table[:, 1].astype(np.int64) - 1,
        values=table[:, 2],
        times=table[:, 3],
        n_users=int(table[:, 0].max()),
        n_items=int(table[:, 1].max()),
    )
    return MovieLens(events, _texts(folder / "items_info.json", events.n_items))


def _texts(path: Path, n_items: int) -> list[str]:
    texts = [""] * n_items
    for item in json.loads(path.read_text(encoding="utf-8")):
        fields = [item["title"], item["plot"], _listed(item["genres"]), _listed(item["directors"])]
        texts[int(item["movielens_id"]) - 1] = ". ".join(field for field in fields if field)
    return texts


def _listed(field: str | list[str] | None) -> str:
    return ", ".join(field) if isinstance(field, list) else field or ""
