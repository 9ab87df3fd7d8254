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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from embedhub.recommend.content_map import apply_map, fit_map
from embedhub.recommend.diversity import RELEVANCE, dissimilarity, diversify
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats, Interactions, histories
from embedhub.recommend.metrics import ListMetrics, measure_lists, top_items
from embedhub.recommend.movielens import read_movielens
from embedhub.recommend.protocols import (
    Split,
    first_events,
    first_in_time,
    random_per_user,
    stratified_by_item,
    withhold_users,
)
from embedhub.recommend.recommender import POPULARITY
from embedhub.recommend.sar import sar_scores
from embedhub.recommend.sources import Content, Factors
from embedhub.recommend.training import IALS, Plan, Trained, fit_sources, train

SAR_NDCG, EXACT = 0.393819, 1e-6
WITHHELD_SHARE, SEEDS = 0.2, (42,)
NEW_ITEMS_SHARE, NEW_ITEMS_SEEDS = 0.15, (42, 1, 2, 3)
FIRST_EVENTS = (1, 3, 5, 10, 20, 50)
POOL = 100
K = 10
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
        f"MovieLens-100k, users withheld from training (seed {seed})": measure_withheld(
            random, content, seed
        )
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


def encode(texts: list[str]) -> Floats:
    """Return the vectors of the service's own encoder; zeros for an empty text."""
    from embedhub.encoders import get_encoder
    from embedhub.encoders.checkpoint import BUNDLED_NAME

    vectors = np.asarray(get_encoder(BUNDLED_NAME).encode_documents(texts), dtype=np.float64)
    vectors[[not text for text in texts]] = 0.0
    return vectors


def self_check(split: Split) -> Row:
    """Return SAR's row. Raises SystemExit where the protocol is not the published one."""
    seen, relevant = histories(split.train), histories(split.test)
    lists = top_items(sar_scores(split.train), seen, K)
    measured = measure_lists(lists, relevant, counts(split.train), K)
    if abs(measured.ndcg - SAR_NDCG) > EXACT:
        raise SystemExit(f"self-check failed: SAR reaches {measured.ndcg:.6f}, not {SAR_NDCG}")
    return row("SAR (self-check)", measured)


def compare(trained: Trained, split: Split, seconds: float) -> list[Row]:
    """Return the rows of each source alone and of the blend, for the split's own users."""
    history = trained.recommender.histories(split.train)
    seen, relevant = histories(split.train), histories(split.test)
    popular = counts(split.train)
    rows = [
        row(name, measure_lists(top_items(source.scores(history), seen, K), relevant, popular, K))
        for name, source in trained.recommender.sources.items()
    ]
    blend = measure_lists(trained.recommender.recommend(history, K), relevant, popular, K)
    facts = {
        "train_s": seconds,
        "half_life": trained.recommender.half_life,
        "chosen": asdict(trained.chosen),
        "weights": trained.recommender.weights,
        "holdout_ndcg": trained.holdout_ndcg,
        "flagged_users": len(trained.flagged_users),
    }
    return [*rows, row("default pipeline", blend) | facts]


def measure_withheld(split: Split, content: Floats | None, seed: int) -> list[Row]:
    """Return rows of a fifth of the users, folded in with their first n events or with all.

    No item of all the user's training events is a candidate, so that popularity is the same for
    every n.
    """
    withheld = withhold_users(split.train, share=WITHHELD_SHARE, seed=seed)
    trained = train(
        split.train.keep(~withheld[split.train.users]), order=Order.RANDOM, content=content
    )
    known = split.train.keep(withheld[split.train.users])
    relevant = histories(split.test.keep(withheld[split.test.users]))
    seen, popular = histories(known), counts(split.train)
    prior = trained.recommender.sources[POPULARITY].scores(seen)
    rows = [row("popularity", measure_lists(top_items(prior, seen, K), relevant, popular, K))]
    for n in (*FIRST_EVENTS, None):
        events = known if n is None else first_events(known, n)
        history = trained.recommender.histories(events)
        lists = trained.recommender.recommend(history, K, seen=seen)
        rows.append(row(f"first {n or 'all'}", measure_lists(lists, relevant, popular, K)))
    return rows


def measure_new_items(split: Split, content: Floats, trained: Trained) -> list[Row]:
    """Return rows of items that no event of training has, ranked among themselves.

    The settings of iALS are those chosen by the training; users are known by their other items.
    """
    rows = []
    for seed in NEW_ITEMS_SEEDS:
        draws = np.random.RandomState(seed).rand(split.train.n_items)
        is_new = draws < np.quantile(draws, NEW_ITEMS_SHARE)
        train_part = split.train.keep(~is_new[split.train.items])
        chosen = replace(trained.chosen, ease=None)
        factors = fit_sources(train_part, chosen, Plan())[IALS]
        assert isinstance(factors, Factors)
        mapping = fit_map(
            content, factors.fitted.items, np.bincount(train_part.items, minlength=len(is_new))
        )
        history = histories(train_part)
        relevant = histories(split.test.keep(is_new[split.test.items]))
        seen, popular = histories(split.train), counts(split.train)
        by_content = Content(content).scores(history)
        by_map = factors.fitted.fold_in(history) @ apply_map(mapping, content).T
        measured = [
            measure_lists(top_items(scores, seen, K, hidden=~is_new), relevant, popular, K)
            for scores in (by_content, by_map)
        ]
        gain = measured[1].ndcg / measured[0].ndcg
        rows.append(row(f"content cosine, seed {seed}", measured[0]))
        rows.append(row(f"mapped factors, seed {seed}", measured[1]) | {"times_cosine": gain})
    return rows


def measure_diversity(trained: Trained, split: Split) -> list[Row]:
    """Return the lists before and after maximal marginal relevance over the best hundred."""
    factors = trained.recommender.sources[IALS]
    assert isinstance(factors, Factors)
    vectors = factors.fitted.items
    history, relevant = histories(split.train), histories(split.test)
    scores = trained.recommender.scores(history, history)
    pools = top_items(scores, history, POOL)
    diverse = np.stack(
        [
            diversify(pool, of_user[pool], vectors, K)
            for pool, of_user in zip(pools, scores, strict=True)
        ]
    )
    popular = counts(split.train)
    before = measure_lists(pools, relevant, popular, K)
    after = measure_lists(diverse, relevant, popular, K)
    return [
        row("by score", before) | {"dissimilarity": dissimilarity(pools[:, :K], vectors)},
        row(f"MMR {RELEVANCE}", after)
        | {
            "dissimilarity": dissimilarity(diverse, vectors),
            "ndcg_lost": 1.0 - after.ndcg / before.ndcg,
        },
    ]


def steam(folder: Path) -> list[Row]:
    """Return the rows of Steam purchases: users with 5 and more, random 80/20 of each."""
    table = np.loadtxt(folder / "game_purchase.dat", delimiter="\t", skiprows=1)[:, :2]
    pairs = np.unique(table.astype(np.int64), axis=0) - 1
    events = Interactions(
        users=pairs[:, 0],
        items=pairs[:, 1],
        values=np.ones(len(pairs)),
        times=None,
        n_users=int(pairs[:, 0].max()) + 1,
        n_items=int(pairs[:, 1].max()) + 1,
    )
    split = random_per_user(events, at_least=5)
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


def counts(events: Interactions) -> Floats:
    return np.asarray(histories(events).sum(axis=0))


def row(name: str, measured: ListMetrics) -> Row:
    return {"name": name, **asdict(measured)}


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
