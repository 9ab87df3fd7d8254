"""Whether lists through REST are those of the recommender in memory: overlap of the first ten.

python -m benchmarks.overlap --home HOME [--catalog movies] [--users 300] [--output FILE]

HOME is that of a service with a trained catalog, such as `embedhub catalog load-movielens` makes.
The live version's settings are fitted again, in this process, on the catalog's interactions; every
item is scored for some users, and compared with the first ten that REST gives them: by score alone,
and with the diversity and collapsing of near-duplicates that are on by default. Interactions since
the training count in both.
"""

import argparse
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console

from benchmarks.measure import Nonsense, write_report
from embedhub import db
from embedhub.cli.options import find_server, use_database
from embedhub.recommend.metrics import top_items
from embedhub.recommend.queries.items import external_ids
from embedhub.recommend.queries.versions import find_live
from embedhub.recommend.recommender import Recommender
from embedhub.recommend.training_run import gate
from embedhub.recommend.training_run.material import Material, plan_for, read_material
from embedhub.recommend.training_run.queries.events import external_ids_of_users

K = 10
BY_SCORE = {"relevance": 1.0, "collapse_duplicates": False}
console = Console(width=110)


def main() -> None:
    """Compare, print, and write the figures where asked to."""
    arguments = parse_arguments()
    server = find_server(arguments.home, None, None)
    client = httpx.Client(
        base_url=f"{server.url}/v1",
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=120,
        trust_env=False,
    )
    use_database(arguments.home)
    catalog_id = get(client, f"/catalogs/{arguments.catalog}")["id"]
    material = read_material(catalog_id)
    users = np.random.default_rng(7).permutation(material.read.events.n_users)[: arguments.users]
    wanted = lists_in_memory(catalog_id, material, users)
    names = names_of(catalog_id, material, users)
    rows = []
    for name, more in (("by score alone", BY_SCORE), ("with diversity, as by default", {})):
        shares = [
            share(wanted[at], served(client, arguments.catalog, names[at], more))
            for at in range(len(users))
        ]
        rows.append(
            {
                "lists": name,
                "users": len(users),
                "overlap@10": round(float(np.mean(shares)), 4),
                "lists that differ": int(np.sum(np.array(shares) < 1)),
            }
        )
        console.print(rows[-1])
    write_report(arguments.output, "overlap", rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--catalog", default="movies")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


def lists_in_memory(catalog_id: int, material: Material, users: np.ndarray) -> list[frozenset[str]]:
    """Return the names of each user's first ten items by the live version's settings."""
    with db.reading() as session:
        live = find_live(session, catalog_id=catalog_id)
    recipe = None if live is None else gate.recipe_of(live.settings)
    if live is None or recipe is None or live.origin != "trained":
        raise Nonsense("the catalog has no version that was trained here")
    events = material.read.events
    content = material.content if "content" in live.settings["sources"] else None
    plan = plan_for(events.n_items)
    sources = gate.follow(recipe, events, plan, content=content, supplied={})
    recommender = Recommender(sources, recipe.weights, recipe.half_life)
    history = recommender.histories(events)[users]
    best = top_items(recommender.scores(history, history), history, K)
    with db.reading() as session:
        names = external_ids(session, material.read.item_ids.tolist())
    ids = [material.read.item_ids[row[row >= 0]].tolist() for row in best]
    return [frozenset(names[item] for item in of_user) for of_user in ids]


def names_of(catalog_id: int, material: Material, users: np.ndarray) -> list[str]:
    """Return the caller's ids of these users."""
    ids = material.read.user_ids[users].tolist()
    with db.reading() as session:
        return external_ids_of_users(session, catalog_id=catalog_id, ids=ids)


def served(client: httpx.Client, slug: str, user: str, more: dict[str, Any]) -> frozenset[str]:
    """Return the names of the first ten items through REST."""
    body = {"user": user, "limit": K, "record": False, **more}
    answer = client.post(f"/catalogs/{slug}/recommendations", json=body)
    if answer.status_code != 200:
        raise Nonsense(f"{answer.status_code} {answer.text[:300]}")
    return frozenset(hit["item"]["external_id"] for hit in answer.json()["hits"])


def share(wanted: frozenset[str], found: frozenset[str]) -> float:
    """Return which part of the wanted items was found."""
    return len(wanted & found) / max(len(wanted), 1)


def get(client: httpx.Client, path: str) -> dict[str, Any]:
    """Return the answer to a request; raises Nonsense for a refusal."""
    answer = client.get(path)
    if answer.status_code != 200:
        raise Nonsense(f"{path}: {answer.status_code}")
    found: dict[str, Any] = answer.json()
    return found


if __name__ == "__main__":
    main()
