"""Public protocols of recommendations in this process: trainings under a bar, figures as tables."""

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from embedhub.cli.progress import columns
from embedhub.recommend import offline
from embedhub.recommend.holdout import Order
from embedhub.recommend.interactions import Floats
from embedhub.recommend.movielens import read_movielens
from embedhub.recommend.offline import Measured
from embedhub.recommend.protocols import (
    Split,
    first_in_time,
    random_per_user,
    stratified_by_item,
)
from embedhub.recommend.steam import read_steam
from embedhub.recommend.training import OnProgress, Trained, train
from embedhub.recommend.training_run.evaluating import as_rows

METRICS = {
    "ndcg": "nDCG",
    "recall": "recall",
    "precision": "precision",
    "average_precision": "MAP",
    "coverage": "coverage",
    "novelty": "novelty",
    "diversity": "diversity",
}
LAST = "default pipeline"
MAX_TRAINING_S, MAX_MEMORY_MB = 20.0, 2_000.0


@dataclass(frozen=True)
class Goal:
    """A figure, the one to reach, and whether it is; `wanted` says it in words."""

    name: str
    figure: float
    wanted: str
    is_reached: bool


@dataclass
class Report:
    """What was measured so far."""

    tables: dict[str, list[Measured]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def at_least(self, name: str, figure: float, wanted: float) -> None:
        """Note a figure that should be no smaller than another."""
        self.goals.append(Goal(name, figure, f"at least {wanted:.4f}", figure >= wanted))

    def at_most(self, name: str, figure: float, wanted: float) -> None:
        """Note a figure that should be no larger than another."""
        self.goals.append(Goal(name, figure, f"at most {wanted:,.4g}", figure <= wanted))


def judge_public(
    movielens: Path | None, steam: Path | None, *, with_content: bool, output: Path | None
) -> bool:
    """Run the protocols on these data, print tables and figures; say whether all are reached."""
    report = Report()
    if movielens is not None:
        judge_movielens(report, movielens, with_content=with_content)
    if steam is not None:
        split = random_per_user(read_steam(steam), at_least=5)
        with bar("steam") as tell:
            trained = train(split.train, on_progress=tell)
        rows = offline.measure_sources(trained, split)
        report.tables["Steam purchases, random 80/20 of each user"] = rows
        report.at_least("Steam purchases, nDCG@10", rows[-1].metrics.ndcg, 0.48)
    console = Console(width=140)
    for title, rows in report.tables.items():
        console.print(table_of(title, as_rows(rows)))
    console.print(goals_of(report.goals))
    if output is not None:
        tables = {title: as_rows(rows) for title, rows in report.tables.items()}
        goals = [vars(goal) for goal in report.goals]
        write(output, {"goals": goals, "tables": tables})
    return all(goal.is_reached for goal in report.goals)


def judge_movielens(report: Report, folder: Path, *, with_content: bool) -> None:
    """Add the tables and figures of MovieLens-100k to a report."""
    data = read_movielens(folder)
    content = encode(data.texts) if with_content else None
    random, by_time = stratified_by_item(data.events), first_in_time(data.events)
    check = offline.measure_self_check(random)
    report.goals.append(
        Goal(
            "SAR self-check, nDCG@10",
            check.metrics.ndcg,
            f"{offline.SAR_NDCG} ± {offline.EXACT}",
            offline.is_published(check),
        )
    )
    trained, seconds = trained_on(random, "Microsoft protocol", content, Order.RANDOM)
    rows = [check, *offline.measure_sources(trained, random)]
    report.tables["MovieLens-100k, protocol of Microsoft Recommenders"] = rows
    report.at_least("Microsoft protocol, nDCG@10", rows[-1].metrics.ndcg, 0.485)
    lengths = offline.measure_lengths(trained, random)
    report.tables["the same by length of history"] = lengths
    before, after = offline.measure_diversity(trained, random)
    report.tables["what diversity costs on these lists"] = [before, after]
    lost = 1.0 - after.metrics.ndcg / before.metrics.ndcg
    report.at_most("nDCG lost to diversity, as a share", lost, 0.01)
    report.at_most("training of 75,000 interactions, s", seconds, MAX_TRAINING_S)
    timely, _ = trained_on(by_time, "protocol B", content, None)
    rows = offline.measure_sources(timely, by_time)
    report.tables["MovieLens-100k, first 80 % by time (protocol B)"] = rows
    report.at_least("protocol B, nDCG@10", rows[-1].metrics.ndcg, 0.25)
    judge_new(report, random, content, trained)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.at_most("peak memory of this process, MB", peak_mb, MAX_MEMORY_MB)


def judge_new(report: Report, split: Split, content: Floats | None, trained: Trained) -> None:
    """Add what lists for new users, and of new items, reach."""
    with bar("new users") as tell:
        rows = offline.measure_new_users(split, content, on_progress=tell)
    report.tables["users withheld from training, by their first interactions"] = rows
    reached = {row.name: row.metrics.ndcg for row in rows}
    report.at_least("withheld users, nDCG@10", reached["first all"], 0.475)
    report.at_least("first interaction only", reached["first 1"], reached["popularity"])
    report.at_least("first 5 only", reached["first 5"], 0.275)
    report.at_least("first 20 only", reached["first 20"], 0.355)
    if content is None:
        return
    rows = offline.measure_new_items(split, content, trained.chosen)
    report.tables["items withheld from training, among themselves"] = rows
    reached = {row.name: row.metrics.ndcg for row in rows}
    wanted = 1.5 * reached["cosine of texts"]
    report.at_least("new items by mapped factors, nDCG@10", reached["mapped factors"], wanted)


def trained_on(
    split: Split, name: str, content: Floats | None, order: Order | None
) -> tuple[Trained, float]:
    """Return what was trained on a split under a bar, and the seconds it took."""
    started = time.perf_counter()
    with bar(name) as tell:
        trained = train(split.train, order=order, content=content, on_progress=tell)
    return trained, time.perf_counter() - started


@contextmanager
def bar(name: str) -> Iterator[OnProgress]:
    """Show the steps of one training on standard error."""
    with Progress(*columns(known=True), console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=None)

        def tell(done: int, total: int, phase: str) -> None:
            progress.update(task, completed=done, total=total, description=f"{name}: {phase}")

        yield tell


def encode(texts: list[str]) -> Floats:
    """Return the vectors of the service's own encoder; zeros for an empty text."""
    from embedhub.encoders import get_encoder
    from embedhub.encoders.checkpoint import BUNDLED_NAME

    vectors = np.asarray(get_encoder(BUNDLED_NAME).encode_documents(texts), dtype=np.float64)
    vectors[[not text for text in texts]] = 0.0
    return vectors


def print_catalog(result: dict[str, Any], output: Path | None) -> None:
    """Print what the evaluation of a catalog found."""
    order = "the latest" if result["order"] == "time" else "a random fifth"
    title = f"{result['n_hidden']:,} interactions hidden, {order} of each user"
    console = Console(width=140)
    console.print(table_of(f"{title}, k = {result['k']}", result["sources"]))
    console.print(table_of("by length of history", result["lengths"]))
    if output is not None:
        write(output, result)


def table_of(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Return figures as a table, a row each."""
    table = Table("", *METRICS.values(), "users", title=title, title_justify="left")
    for row in rows:
        cells = (row[name] for name in METRICS)
        table.add_row(
            row["name"],
            *("" if cell is None else f"{cell:.4f}" for cell in cells),
            f"{row['users']:,}",
        )
    return table


def goals_of(goals: Sequence[Goal]) -> Table:
    """Return the figures beside those to reach."""
    table = Table("", "reached", "wanted", "", title="figures to reach", title_justify="left")
    for goal in goals:
        verdict = "[green]yes[/green]" if goal.is_reached else "[red]no[/red]"
        table.add_row(goal.name, f"{goal.figure:,.6g}", goal.wanted, verdict)
    return table


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures as JSON."""
    path.write_text(json.dumps(figures, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    convert: Callable[[], Any] = value.item
    return convert()
