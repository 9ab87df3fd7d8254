"""Topics: how well groups agree with labels, and what a map of many rows costs.

python -m benchmarks.topics labels --titles title_StackOverflow.txt --labels label_StackOverflow.txt
python -m benchmarks.topics map --vectors rows.npy [--rows N]

`labels` groups titles into as many groups as there are labels: k-means over the default encoder's
vectors as they are, and as a fit of topics does it, each with several seeds; accuracy under the
best assignment of groups to labels, and normalised mutual information. Nothing is chosen by these
labels: the steps of a fit were chosen on other sets (docs/decisions/topics.md).

`map` takes vectors, finds neighbours exactly as the stored graph does, and measures each step of a
fit: seconds, the process's largest memory, and the bytes of the map. --again lays it out once more
from the first map, as a refit does.
"""

import argparse
import gzip
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from benchmarks.measure import (
    console,
    machine_line,
    mean,
    print_table,
    read_vectors,
    write_report,
)
from embedhub.config import get_config
from embedhub.encoders import get_encoder
from embedhub.graph.exact import nearest
from embedhub.topics import compute, grouping, layout, quality
from embedhub.topics.grouping import Method
from embedhub.topics.map_format import encode_map
from embedhub.topics.material import HELD_NEIGHBORS, Material
from embedhub.topics.neighborhood import Neighborhood, link_matrix, reduce, smooth
from embedhub.topics.queries.members import Places
from embedhub.topics.setting import FitSetting

Vectors = NDArray[np.float32]
BATCH, BLOCK = 512, 2_000
SEEDS = 5


def main() -> None:
    """Measure what was asked for and print it."""
    arguments = parse_arguments()
    rows = by_labels(arguments) if arguments.command == "labels" else of_map(arguments)
    print_table(f"topics, {arguments.command}", rows)
    console.print(machine_line())
    write_report(arguments.json, "topics", rows)


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=RawHelp)
    commands = parser.add_subparsers(dest="command", required=True)
    labels = commands.add_parser("labels")
    labels.add_argument("--titles", type=Path, required=True, help="one text a line")
    labels.add_argument("--labels", type=Path, required=True, help="its label, line by line")
    labels.add_argument("--vectors", type=Path, help=".npy of the texts; made if it is missing")
    labels.add_argument("--seeds", type=int, default=SEEDS)
    drawn = commands.add_parser("map")
    drawn.add_argument("--vectors", type=Path, required=True, help=".npy, one row a line")
    drawn.add_argument("--rows", type=int)
    drawn.add_argument("--neighbors", type=Path, help=".npz of neighbours; made if it is missing")
    drawn.add_argument("--again", action="store_true", help="lay out once more from the first map")
    drawn.add_argument("--group", action="store_true", help="group by density as well")
    for command in (labels, drawn):
        command.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


class RawHelp(argparse.RawDescriptionHelpFormatter):
    """Help with its lines as they are written."""


def by_labels(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return accuracy and mutual information of the ways to group."""
    titles = arguments.titles.read_text(encoding="utf-8").splitlines()
    names = arguments.labels.read_text(encoding="utf-8").split()
    truth = np.unique(names, return_inverse=True)[1]
    k = int(truth.max()) + 1
    vectors = vectors_of(titles, arguments.vectors)
    around = neighborhood_of(vectors)
    reduced = reduce(smooth(vectors, link_matrix(around)))
    seeds = range(arguments.seeds)
    ways: dict[str, list[NDArray[np.int64]]] = {
        "k-means, vectors as they are": [
            KMeans(k, n_init=grouping.STARTS, random_state=seed).fit_predict(vectors)
            for seed in seeds
        ],
        "a fit by kmeans": [grouping.by_means(reduced, k, seed=seed) for seed in seeds],
    }
    rows = [figures(name, found, truth) for name, found in ways.items()]
    material = Material(np.arange(len(titles)), [b""] * len(titles), around, reduced)
    grouped = compute.group(material, FitSetting(Method.HDBSCAN))
    n_topics = int(grouped.labels.max()) + 1
    rows.append(
        {
            "way": f"a fit by hdbscan: {n_topics} topics",
            "accuracy": None,
            "lowest": None,
            "nmi": float(normalized_mutual_info_score(truth, grouped.labels)),
            "unsorted": float((grouped.labels == grouping.NONE).mean()),
        }
    )
    return rows


def figures(way: str, found: list[NDArray[np.int64]], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Return the means over seeds, and the lowest accuracy."""
    accuracies = [accuracy(labels, truth) for labels in found]
    return {
        "way": way,
        "accuracy": mean(accuracies),
        "lowest": min(accuracies),
        "nmi": mean([float(normalized_mutual_info_score(truth, labels)) for labels in found]),
        "unsorted": 0.0,
    }


def accuracy(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Return the share of rows whose group stands for their label, each group for one label."""
    counts = np.zeros((int(labels.max()) + 1, int(truth.max()) + 1))
    np.add.at(counts, (labels, truth), 1)
    groups, names = linear_sum_assignment(-counts)
    return float(counts[groups, names].sum() / len(truth))


def vectors_of(texts: list[str], kept: Path | None) -> Vectors:
    """Return the default encoder's vectors, from the file that keeps them if it is there."""
    if kept is not None and kept.exists():
        return read_vectors(kept)
    encoder = get_encoder(get_config().default_encoder)
    parts = [
        encoder.encode_documents(texts[start : start + BATCH])
        for start in range(0, len(texts), BATCH)
    ]
    vectors = np.concatenate(parts)
    if kept is not None:
        np.save(kept, vectors)
    return vectors


def neighborhood_of(vectors: Vectors, kept: Path | None = None) -> Neighborhood:
    """Return the true neighbours of rows, from the file that keeps them if it is there."""
    if kept is not None and kept.exists():
        stored = np.load(kept)
        return Neighborhood(stored["neighbors"], stored["similarities"])
    parts = []
    for start in range(0, len(vectors), BLOCK):
        own = np.arange(start, min(start + BLOCK, len(vectors)))
        parts.append(nearest(vectors[own], vectors, HELD_NEIGHBORS, own=own))
    near, similar = (np.concatenate(part) for part in zip(*parts, strict=True))
    if kept is not None:
        np.savez(kept, neighbors=near, similarities=similar)
    return Neighborhood(near, similar)


def of_map(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return seconds and memory of each step, and the size of the map."""
    vectors = read_vectors(arguments.vectors, arguments.rows)
    around = neighborhood_of(vectors, arguments.neighbors)
    n, rows = len(vectors), list[dict[str, Any]]()

    def step(name: str, work: Any) -> Any:
        began = time.perf_counter()
        found = work()
        seconds = time.perf_counter() - began
        rows.append({"step": name, "rows": n, "seconds": seconds, "memory": peak_gb(), "MB": None})
        console.print(json.dumps(rows[-1]))
        return found

    held = [vectors]
    del vectors
    held = [step("smoothing over the graph", lambda: smooth(held.pop(), link_matrix(around)))]
    # Wide vectors are gone before rows are laid out, as in a fit.
    reduced = step("reducing", lambda: reduce(held.pop()))
    places = step("laying out the map", lambda: layout.lay_out(around, reduced[:, :2]))
    if arguments.again:
        again = step("laying out again", lambda: layout.lay_out(around, places, is_again=True))
        moved = layout.align(again, places, np.ones(n, bool)) - places
        width = float(np.ptp(places, axis=0).max())
        rows[-1]["moved, of the width"] = float(np.median(np.linalg.norm(moved, axis=1)) / width)
    labels = np.zeros(n, np.int64)
    if arguments.group:
        size = grouping.smallest_group(n)
        directions = reduced[:, : compute.DENSE_DIRECTIONS]
        labels = step("grouping", lambda: grouping.by_density(directions, min_size=size))
        rows[-1]["topics"] = int(labels.max()) + 1
    kept = quality.kept_neighbors(places, around)
    rows.append({"step": f"of 15 neighbours {kept:.0%} are so on the map", "rows": n})
    shares = grouping.share_of_own(labels, around)
    nothing = np.zeros(n, bool)
    stored = Places(np.arange(1, n + 1), labels + 1, shares, places, nothing, nothing)
    data = encode_map(stored, fit_id=1, revision=1)
    rows += [
        {"step": "the map", "rows": n, "MB": len(data) / 1e6},
        {"step": "the map by gzip", "rows": n, "MB": len(gzip.compress(data, 6)) / 1e6},
    ]
    return rows


def peak_gb() -> float:
    """Return the largest memory that this process had, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
