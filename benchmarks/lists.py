"""How long a recommended list takes, and how soon it knows an interaction, through REST.

python -m benchmarks.lists prepare --home HOME [--items 50000] [--users 10000]
python -m benchmarks.lists measure --home HOME [--n 300] [--output FILE]

HOME is that of a service that runs and trains nothing by itself (EMBEDHUB_TRAINING_MIN_INTERACTIONS
of a billion, embedhub up --home HOME --detach). `prepare` fills a catalog
with made-up items, users and interactions: most users have 40 events, 300 of them 200. A version is
stored and made live with every source; what EASE would take minutes to fit is stood in for by rows
of the same size. Nothing is chosen on a hold-out: only time is measured. `measure` asks as one
client with an open connection: lists for the users of 200 events, whole and under a filter that
keeps a tenth of the items; each asked twice for other users, the first time to warm up. For
freshness it posts an interaction and then asks for the list, which must have changed: the time is
that of both together.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Nonsense
from embedhub import db
from embedhub.cli.options import find_server, use_database
from embedhub.recommend.blending import BUCKETS
from embedhub.recommend.ials import IalsSetting
from embedhub.recommend.interactions import Interactions
from embedhub.recommend.queries.versions import find_version
from embedhub.recommend.recommender import POPULARITY, Recommender
from embedhub.recommend.training import (
    CONDITIONAL,
    COSINE,
    EASE,
    IALS,
    Chosen,
    Plan,
    fit_sources,
)
from embedhub.recommend.training_run import publishing, storing
from embedhub.recommend.training_run.artifacts import artifacts_of
from embedhub.recommend.training_run.events import read_events
from embedhub.recommend.training_run.material import plan_for
from embedhub.recommend.versions import Status
from embedhub.spaces.vectors import find_space

SLUG = "lists-benchmark"
GROUPS = 50
LONG, N_LONG, SHORT = 200, 300, 40
BATCH = 1_000
WARM_UP = 20
TENTH = {"tenth": 3}
console = Console(width=110)


def main() -> None:
    """Prepare or measure, as asked."""
    arguments = parse_arguments()
    server = find_server(arguments.home, None, None)
    client = httpx.Client(
        base_url=f"{server.url}/v1",
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=120,
        trust_env=False,
    )
    if arguments.step == "prepare":
        prepare(client, arguments)
    else:
        figures = measure(client, arguments.n)
        show(figures)
        if arguments.output:
            arguments.output.write_text(json.dumps(figures, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=["prepare", "measure"])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--n", type=int, default=200, help="requests of each kind")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


def prepare(client: httpx.Client, arguments: argparse.Namespace) -> None:
    """Fill the catalog and store a version."""
    post(client, "/catalogs", {"slug": SLUG})
    rng = np.random.default_rng(11)
    for start in range(0, arguments.items, BATCH):
        batch = [item(number) for number in range(start, min(start + BATCH, arguments.items))]
        post(client, f"/catalogs/{SLUG}/items", {"items": batch})
    console.print(f"{arguments.items:,} items")
    now, rows = datetime.now(UTC), []
    for user in range(arguments.users):
        n_events = LONG if user < N_LONG else SHORT
        for place, number in enumerate(taste(rng, user, n_events, arguments.items)):
            moment = now - timedelta(days=30) + timedelta(minutes=place)
            rows.append({"user": f"u{user}", "item": f"i{number}", "type": "view",
                         "time": moment.isoformat()})  # fmt: skip
    for start in range(0, len(rows), 10 * BATCH):
        batch = rows[start : start + 10 * BATCH]
        post(client, f"/catalogs/{SLUG}/interactions", {"interactions": batch})
    console.print(f"{len(rows):,} interactions")
    use_database(arguments.home)
    catalog_id = client.get(f"/catalogs/{SLUG}").json()["id"]
    store(catalog_id)


def item(number: int) -> dict[str, Any]:
    """Return a made-up item; its attribute `tenth` has nothing to do with who likes it."""
    return {
        "external_id": f"i{number}",
        "fields": {"title": f"thing {number}", "text": words(number)},
        "categories": [f"group-{number % GROUPS}"],
        "attributes": {"tenth": number // GROUPS % 10, "price": number % 97},
    }


def words(number: int) -> str:
    """Return a text of the item's own."""
    drawn = np.random.default_rng(number).integers(3_000, size=20)
    return " ".join(f"word{one}" for one in drawn)


def taste(rng: np.random.Generator, user: int, n_events: int, n_items: int) -> list[int]:
    """Return distinct items of a user, most of them out of two groups, popular ones more often."""
    found: dict[int, None] = {}
    while len(found) < n_events:
        ranks = np.minimum(rng.pareto(0.6, size=n_events) * 20, n_items // GROUPS - 1).astype(int)
        own = np.where(rng.random(n_events) < 0.5, user, user * 31 + 7) % GROUPS
        group = np.where(rng.random(n_events) < 0.85, own, rng.integers(GROUPS, size=n_events))
        found |= dict.fromkeys((ranks * GROUPS + group).tolist())
    return list(found)[:n_events]


def store(catalog_id: int) -> None:
    """Fit, store and publish a version, and wait for its index."""
    with db.reading() as session:
        read = read_events(session, catalog_id=catalog_id, weights={"view": 1.0}, at_most=10**7)
    artifacts = artifacts_of(fit(read.events), read.events)
    row = storing.begin_version(
        catalog_id,
        settings=artifacts.settings,
        n_items=read.events.n_items,
        n_users=read.events.n_users,
        n_interactions=len(read.events),
        # Not of a run: one that is being stored would be swept away as left behind.
        status=Status.READY.value,
    )
    storing.store_artifacts(row, artifacts, read.item_ids.tolist())
    with db.writing() as session:
        stored = find_version(session, catalog_id=catalog_id, number=row.number)
        assert stored is not None
        publishing.make_live(session, stored)
    assert row.factor_space_id is not None
    for _ in range(600):
        with db.reading() as session:
            space = find_space(session, row.factor_space_id)
        if space is not None and (space.is_indexed or read.events.n_items <= 10_000):
            console.print(f"a version of {read.events.n_items:,} items, vectors indexed")
            return
        time.sleep(1)
    raise Nonsense("the index of the version's vectors was not built")


def fit(events: Interactions) -> Recommender:
    """Return a recommender of every source with fixed settings."""
    plan = Plan(neighbors=plan_for(events.n_items).neighbors)
    chosen = Chosen(None, IalsSetting(0.02, 0.3, sweeps=3), None)
    sources = fit_sources(events, chosen, plan)
    sources[EASE] = sources[COSINE]
    weights = {POPULARITY: 0.1, CONDITIONAL: 0.2, COSINE: 0.2, EASE: 0.3, IALS: 0.2}
    return Recommender(sources, dict.fromkeys(BUCKETS, weights), 10.0)


def measure(client: httpx.Client, n: int) -> list[dict[str, Any]]:
    """Return p50 and p95 of each kind of request, in milliseconds."""
    asked: list[tuple[str, Callable[[int], dict[str, Any]]]] = [
        ("list, filter keeps a tenth", lambda user: {"user": f"u{user}", "filter": TENTH}),
        ("list, whole catalog", lambda user: {"user": f"u{user}"}),
        ("list, filter, all reasons", lambda user: {"user": f"u{user}", "filter": TENTH,
                                                    "explain": True}),
        ("session of 2 items", lambda user: {"session": [f"i{user}", f"i{user + 50}"]}),
        ("popular, filter", lambda _: {"kind": "popular", "filter": TENTH}),
    ]  # fmt: skip
    figures = []
    for name, body in asked:
        times = [ask(client, body(user % N_LONG)) for user in range(n + WARM_UP)]
        figures.append({"request": name} | quantiles(times[WARM_UP:]))
    times = [refresh(client, user % N_LONG, user) for user in range(n + WARM_UP)]
    figures.append({"request": "POST an interaction, then its list"} | quantiles(times[WARM_UP:]))
    return figures


def ask(client: httpx.Client, body: dict[str, Any]) -> float:
    """Return the milliseconds of one list, which must be whole and as asked."""
    started = time.perf_counter()
    found = post(client, f"/catalogs/{SLUG}/recommendations", body)
    took = (time.perf_counter() - started) * 1000
    tenths = {hit["item"]["attributes"]["tenth"] for hit in found["hits"]}
    if len(found["hits"]) != 10 or ("filter" in body and tenths != {3}):
        raise Nonsense(f"not what was asked for: {found}")
    return took


def refresh(client: httpx.Client, user: int, turn: int) -> float:
    """Return the milliseconds from an interaction to the list that knows it."""
    before = post(client, f"/catalogs/{SLUG}/recommendations", {"user": f"u{user}"})
    first = before["hits"][0]["item"]["external_id"]
    event = {"user": f"u{user}", "item": first, "type": "view"}
    started = time.perf_counter()
    post(client, f"/catalogs/{SLUG}/interactions", {"interactions": [event]})
    after = post(client, f"/catalogs/{SLUG}/recommendations", {"user": f"u{user}"})
    took = (time.perf_counter() - started) * 1000
    if first in {hit["item"]["external_id"] for hit in after["hits"]}:
        raise Nonsense(f"the list of turn {turn} does not know the interaction")
    if after["n_history"] != before["n_history"] + 1:
        raise Nonsense(f"the history of turn {turn} did not grow")
    return took


def quantiles(times: Sequence[float]) -> dict[str, Any]:
    """Return p50, p95 and how many."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1), "n": len(times)}


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request; raises Nonsense for a refusal."""
    answer = client.post(path, json=body)
    if answer.status_code >= 300:
        raise Nonsense(f"{path}: {answer.status_code} {answer.text[:500]}")
    found: dict[str, Any] = answer.json()
    return found


def show(figures: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table("request", "p50 ms", "p95 ms", "n")
    for row in figures:
        table.add_row(row["request"], str(row["p50_ms"]), str(row["p95_ms"]), str(row["n"]))
    console.print(table)


if __name__ == "__main__":
    main()
