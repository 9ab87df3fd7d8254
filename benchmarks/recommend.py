"""Recommendations against the public protocols, in one process and without a server.

python -m benchmarks.recommend --data FOLDER [--steam FOLDER] [--content] [--synthetic N]
                               [--withheld SEED ...] [--output FILE]

FOLDER holds MovieLens-100k (ratings.csv, items_info.json). Full ranking, k = 10, no item of the
user's training events. Every setting, half-life and weight comes from a hold-out inside the
training part (embedhub/recommend/training.py); nothing here looks at a test part before it is
measured. Tables: the protocol of Microsoft Recommenders' comparison with its self-check (SAR must
come out at 0.393819), protocol B by time, users withheld from training with all or their first n
events, what diversity costs, and Steam purchases. --content adds the texts' vectors as a source,
and ranks items removed from training among themselves; --synthetic trains N made-up interactions
for time and memory; --withheld takes other users.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from embedhub.cli.offline import encode
from embedhub.recommend import offline
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats, Interactions
from embedhub.recommend.movielens import read_movielens
from embedhub.recommend.offline import Measured
from embedhub.recommend.protocols import (
    Split,
    first_in_time,
    random_per_user,
    stratified_by_item,
)
from embedhub.recommend.steam import read_steam
from embedhub.recommend.training import Trained, train

SEEDS, NEW_ITEMS_SEEDS = (offline.WITHHELD_SEED,), (42, 1, 2, 3)
console = Console(width=140)
Row = dict[str, Any]


def main() -> None:
    """Measure what is asked for, print the tables, write the figures."""
    arguments = parse_arguments()
    figures: dict[str, list[Row]] = {}
    if arguments.data:
        figures |= movielens(arguments.data, arguments.withheld, with_content=arguments.content)
    if arguments.steam:
        figures["steam purchases, random 80/20"] = steam(arguments.steam)
    if arguments.synthetic:
        figures["synthetic"] = [synthetic(arguments.synthetic)]
    for title, rows in figures.items():
        print_table(title, rows)
    console.print(f"peak memory of the process {peak_mb():,.0f} MB")
    if arguments.output:
        arguments.output.write_text(json.dumps(figures | {"peak_mb": peak_mb()}, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MovieLens-100k")
    parser.add_argument("--steam", type=Path, help="folder of the Steam purchases")
    parser.add_argument("--content", action="store_true", help="texts' vectors as a source, too")
    parser.add_argument("--withheld", type=int, nargs="*", default=SEEDS, help="seeds of users")
    parser.add_argument("--synthetic", type=int, default=0, help="so many made-up interactions")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


def movielens(folder: Path, seeds: Sequence[int], *, with_content: bool) -> dict[str, list[Row]]:
    """Return the tables of MovieLens-100k."""
    data = read_movielens(folder)
    content = encode(data.texts) if with_content else None
    random, by_time = stratified_by_item(data.events), first_in_time(data.events)
    check = self_check(random)
    trained, seconds = timed(lambda: train(random.train, order=Order.RANDOM, content=content))
    rows = [check, *compare(trained, random, seconds)]
    diversity = measure_diversity(trained, random)
    timely, seconds = timed(lambda: train(by_time.train, content=content))
    withheld = {
        f"MovieLens-100k, users withheld from training (seed {seed})": [
            row(one) for one in offline.measure_new_users(random, content, seed=seed)
        ]
        for seed in seeds
    }
    new = {} if content is None else {"new items": measure_new_items(random, content, trained)}
    return {
        "MovieLens-100k, Microsoft Recommenders' protocol": rows,
        "diversity on the same lists": diversity,
        "MovieLens-100k, first 80 % by time (protocol B)": compare(timely, by_time, seconds),
        **withheld,
        **new,
    }


def self_check(split: Split) -> Row:
    """Return SAR's row. Raises SystemExit where the protocol is not the published one."""
    measured = offline.measure_self_check(split)
    if not offline.is_published(measured):
        reached = measured.metrics.ndcg
        raise SystemExit(f"self-check failed: SAR reaches {reached:.6f}, not {offline.SAR_NDCG}")
    return row(measured)


def compare(trained: Trained, split: Split, seconds: float) -> list[Row]:
    """Return the rows of each source alone and of the blend, for the split's own users."""
    facts = {
        "train_s": seconds,
        "peak_mb": peak_mb(),
        "half_life": trained.recommender.half_life,
        "chosen": asdict(trained.chosen),
        "weights": trained.recommender.weights,
        "holdout_ndcg": trained.holdout_ndcg,
        "flagged_users": len(trained.flagged_users),
    }
    *sources, blend = map(row, offline.measure_sources(trained, split))
    return [*sources, blend | facts]


def measure_new_items(split: Split, content: Floats, trained: Trained) -> list[Row]:
    """Return rows of items that no event of training has, ranked among themselves."""
    rows = []
    for seed in NEW_ITEMS_SEEDS:
        cosine, mapped = offline.measure_new_items(split, content, trained.chosen, seed=seed)
        gain = mapped.metrics.ndcg / cosine.metrics.ndcg
        named = [{"name": f"{one.name}, seed {seed}"} for one in (cosine, mapped)]
        rows += [row(cosine) | named[0], row(mapped) | named[1] | {"times_cosine": gain}]
    return rows


def measure_diversity(trained: Trained, split: Split) -> list[Row]:
    """Return the lists before and after maximal marginal relevance over the best hundred."""
    before, after = offline.measure_diversity(trained, split)
    lost = 1.0 - after.metrics.ndcg / before.metrics.ndcg
    return [row(before), row(after) | {"ndcg_lost": lost}]


def steam(folder: Path) -> list[Row]:
    """Return the rows of Steam purchases: users with 5 and more, random 80/20 of each."""
    split = random_per_user(read_steam(folder), at_least=5)
    trained, seconds = timed(lambda: train(split.train))
    return compare(trained, split, seconds)


def synthetic(count: int) -> Row:
    """Return time and memory of training made-up tastes: users and items of 20 groups."""
    rng = np.random.default_rng(7)
    n_users, n_items, groups = max(count // 100, 10), max(count // 200, 100), 20
    users = rng.integers(n_users, size=count)
    rank = np.minimum(rng.zipf(1.3, size=count) - 1, n_items // groups - 1)
    group = np.where(rng.random(count) < 0.7, users % groups, rng.integers(groups, size=count))
    events = Interactions(users, rank * groups + group, np.ones(count), None, n_users, n_items)
    trained, seconds = timed(lambda: train(events))
    return {
        "name": f"{count:,} interactions, {n_users:,} users, {n_items:,} items",
        "train_s": seconds,
        "holdout_ndcg": trained.holdout_ndcg,
        "peak_mb": peak_mb(),
    }


def row(measured: Measured) -> Row:
    return {"name": measured.name, **asdict(measured.metrics), "diversity": measured.diversity}


def timed(work: Callable[[], Trained]) -> tuple[Trained, float]:
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_table(title: str, rows: list[Row]) -> None:
    """Print the figures of each row; settings and weights are in the JSON."""
    shown = [name for name in dict.fromkeys(key for one in rows for key in one) if name != "name"]
    columns = [name for name in shown if not any(isinstance(one.get(name), dict) for one in rows)]
    table = Table("", *columns, title=title, title_justify="left")
    for one in rows:
        table.add_row(one["name"], *(cell(one.get(name)) for name in columns))
    console.print(table)


def cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


if __name__ == "__main__":
    main()
