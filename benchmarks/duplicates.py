"""Duplicates: near copies with known truth, and records of two shops or libraries that match.

python -m benchmarks.duplicates learn --tool FILE --data FOLDER      weights and threshold
python -m benchmarks.duplicates near --tool FILE --data FOLDER --seed 7
python -m benchmarks.duplicates matching --data FOLDER
python -m benchmarks.duplicates check --home HOME --collection SLUG   time of a check, over REST

FILE is the generator of near duplicates, FOLDER the evaluation data. `learn` uses seed 11 of long
and short texts, and prints the module of weights; `near` judges another seed with the weights and
the threshold there are. `matching` learns from the training pairs, chooses the threshold on the
validation pairs and asks the test pairs once. Vectors are computed once and kept in --cache.
"""

import argparse
import hashlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching import Match, Matcher, f1_of, read_matches, whole
from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.duplicates.candidates import near_pairs, pairs_in_bands, unique_pairs
from embedhub.duplicates.clustering import clusters_of
from embedhub.duplicates.comparing import cosine_of
from embedhub.duplicates.evidence import Evidence, compare
from embedhub.duplicates.fingerprints import BANDS
from embedhub.duplicates.judging import Thresholds, judge
from embedhub.duplicates.learning import learn_weights
from embedhub.duplicates.scanning import NEAR_FROM
from embedhub.duplicates.scoring import Weights, score_of
from embedhub.duplicates.settings import AUTOMATIC, REVIEW
from embedhub.duplicates.traits import traits_of
from embedhub.encoders import get_encoder

LEARNED_ON = (("arxiv", 11), ("stackoverflow", 11))
NEIGHBORS = 32
# Rows all of whose neighbors are learned from, however far: most pairs are strangers.
STRANGERS = 300
Floats = NDArray[np.float32]


def main() -> None:
    """Do what is asked for."""
    arguments = parse_arguments()
    if arguments.data is not None and not arguments.data.is_dir():
        sys.exit(f"evaluation data absent: {arguments.data}")
    {"learn": learn, "near": near, "matching": matching, "check": check}[arguments.what](arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["learn", "near", "matching", "check"])
    parser.add_argument("--data", type=Path, help="folder of the evaluation data")
    parser.add_argument("--tool", type=Path, help="generator of near duplicates")
    parser.add_argument("--cache", type=Path, default=Path(".vectors"))
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--source", default="arxiv")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--n", type=int, default=5_000)
    parser.add_argument("--words-alone", action="store_true", help="without vectors")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--collection")
    parser.add_argument("--times", type=int, default=100)
    return parser.parse_args()


def learn(arguments: argparse.Namespace) -> None:
    """Print weights learned on edited copies, and what thresholds would do on the same pairs."""
    pairs: list[Evidence] = []
    labels: list[bool] = []
    for source, seed in LEARNED_ON:
        rows = generated(arguments, source, seed)
        found, evidence = evidence_of(arguments, rows, strangers=STRANGERS)
        same = [rows[a]["cluster"] == rows[b]["cluster"] for a, b in found]
        print(f"{source}, seed {seed}: {len(same)} pairs, {sum(same)} of them duplicates")
        pairs += evidence
        labels += same
    kept = [place for place, pair in enumerate(pairs) if not pair.exact]
    wanted = [labels[place] for place in kept]
    vectors = learn_weights([pairs[place] for place in kept], wanted)
    alone = learn_weights([replace(pairs[place], cosine=None) for place in kept], wanted)
    print(as_python("WITH_VECTORS", vectors), as_python("WORDS_ALONE", alone), sep="\n\n")
    scores = np.array([score_of(pair, vectors) for pair in pairs])
    is_same, is_flagged = np.array(labels), np.array([bool(p.contradictions) for p in pairs])
    print("\nthreshold  taken  precision  recall")
    for threshold in (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99):
        taken = (scores >= threshold) & ~is_flagged
        precision, recall = is_same[taken].mean(), is_same[taken].sum() / is_same.sum()
        print(f"{threshold:9.2f}  {taken.sum():5}  {precision:9.4f}  {recall:6.4f}")


def as_python(name: str, weights: Weights) -> str:
    """Return weights as the module has them."""
    lines = [f"{name} = Weights(", f"    base={weights.base:.4f},", "    weights={"]
    lines += [f'        "{key}": {value:.4f},' for key, value in weights.weights.items()]
    lines += ["    },", "    typical={"]
    lines += [f'        "{key}": {weights.typical[key]:.4f},' for key in weights.weights]
    return "\n".join([*lines, "    },", ")"])


def near(arguments: argparse.Namespace) -> None:
    """Cluster a generated set as a scan does, and score it with the generator's own measure."""
    rows = generated(arguments, arguments.source, arguments.seed)
    pairs, evidence = evidence_of(arguments, rows)
    thresholds = Thresholds(AUTOMATIC, REVIEW)
    verified, others, apart = {}, {}, set()
    for (left, right), one in zip(pairs.tolist(), evidence, strict=True):
        judged = judge(one, thresholds)
        if judged is None:
            continue
        if judged.contradictions:
            apart.add((left, right))
        elif judged.is_automatic:
            verified[left, right] = judged.score
        else:
            others[left, right] = judged.score
    clusters = clusters_of(verified, scores=others, apart=apart)
    predicted = [
        {"id": rows[member]["id"], "cluster": str(number)}
        for number, cluster in enumerate(clusters)
        for member in cluster.members
    ]
    at = {row["id"]: place for place, row in enumerate(rows)}
    hard = [
        tuple(sorted((at[row["id"]], at[row["hard_negative_of"]])))
        for row in rows
        if row["hard_negative_of"]
    ]
    for name, value in generator(arguments.tool).score(rows, predicted).items():
        print(f"{name}\t{value:.4f}" if isinstance(value, float) else f"{name}\t{value}")
    print(f"hard_negatives_shown_for_review\t{sum(pair in apart for pair in hard)}")
    print(f"hard_negatives_automatic\t{sum(pair in verified for pair in hard)}")


def generator(tool: Path) -> ModuleType:
    """Return the generator of near duplicates as a module."""
    if tool is None or not tool.is_file():
        sys.exit(f"generator absent: {tool}")
    spec = importlib.util.spec_from_file_location("near_duplicates", tool)
    if spec is None or spec.loader is None:
        sys.exit(f"not a module: {tool}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generated(arguments: argparse.Namespace, source: str, seed: int) -> list[dict[str, Any]]:
    """Return a generated set; the same arguments make the same one."""
    module = generator(arguments.tool)
    rows: list[dict[str, Any]] = module.generate(
        arguments.data / module.SOURCES[source], arguments.n, seed
    )
    return rows


def evidence_of(
    arguments: argparse.Namespace, rows: Sequence[dict[str, Any]], *, strangers: int = 0
) -> tuple[NDArray[np.int64], list[Evidence]]:
    """Return the pairs that a scan would compare, and their evidence."""
    traits = [traits_of(row["text"]) for row in rows]
    with_bands = np.flatnonzero([len(one.bands) == BANDS for one in traits])
    met = pairs_in_bands(np.stack([traits[place].bands for place in with_bands]))
    pairs = [with_bands[met]]
    matrix: Floats | None = None
    if not arguments.words_alone:
        matrix = vectors_of(arguments, [row["text"] for row in rows])
        pairs.append(neighbors_of(matrix, strangers))
    found = unique_pairs(np.concatenate(pairs))
    evidence = [
        compare(
            traits[left],
            traits[right],
            cosine=None if matrix is None else cosine_of(matrix[left], matrix[right]),
        )
        for left, right in found
    ]
    return found, evidence


def neighbors_of(matrix: Floats, strangers: int) -> NDArray[np.int64]:
    """Return near neighbors, exactly, and all those of a few rows."""
    ids = np.arange(len(matrix), dtype=np.int64)
    near_ids = np.empty((len(matrix), NEIGHBORS), np.int64)
    similarity = np.empty((len(matrix), NEIGHBORS), np.float32)
    for start in range(0, len(matrix), 1_000):
        block = matrix[start : start + 1_000] @ matrix.T
        block[np.arange(len(block)), ids[start : start + 1_000]] = -1
        best = np.argpartition(-block, NEIGHBORS, axis=1)[:, :NEIGHBORS]
        near_ids[start : start + 1_000] = best
        similarity[start : start + 1_000] = np.take_along_axis(block, best, axis=1)
    pairs, _ = near_pairs(ids, near_ids, similarity, at_least=NEAR_FROM)
    some = np.random.default_rng(0).choice(len(matrix), strangers, replace=False)
    far = np.stack([np.repeat(some, NEIGHBORS), near_ids[some].ravel()], axis=1)
    return np.concatenate([pairs, far])


def vectors_of(arguments: argparse.Namespace, texts: Sequence[str]) -> Floats:
    """Return the unit vectors of texts; computed once and kept."""
    name = hashlib.sha256("\0".join([arguments.encoder, *texts]).encode()).hexdigest()[:16]
    kept = arguments.cache / f"{name}.npy"
    if kept.is_file():
        loaded: Floats = np.load(kept)
        return loaded
    encoder = get_encoder(arguments.encoder)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    matrix = np.empty((len(texts), encoder.description.dimension), np.float32)
    for start in range(0, len(order), 64):
        block = order[start : start + 64]
        matrix[block] = encoder.encode_documents([texts[place] for place in block])
    arguments.cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, matrix)
    return matrix


SETS = (("Structured/DBLP-ACM", 0.96), ("Textual/Abt-Buy", 0.75))
# Tried on the validation pairs: the inverse of the penalty.
PENALTIES = (0.03, 0.1, 0.3, 1.0)


def matching(arguments: argparse.Namespace) -> None:
    """Learn a logistic over evidence from training pairs, and ask the test pairs once."""
    print("set                  valid F1  threshold  test F1   bar")
    for name, bar in SETS:
        folder = arguments.data / "analysis/ditto-er" / name
        splits = {split: read_matches(folder, split) for split in ("train", "valid", "test")}
        records = sorted({one for rows in splits.values() for *pair, _ in rows for one in pair})
        training = sorted({one for *pair, _ in splits["train"] for one in pair})
        vectors = vectors_of(arguments, [whole(one) for one in records])
        matcher = Matcher(records, training, vectors)
        fitted, threshold, valid = chosen(matcher, splits["train"], splits["valid"])
        scores, labels = fitted(matrix_of(matcher, splits["test"])), labels_of(splits["test"])
        test = f1_of(labels, scores >= threshold)
        print(f"{name:20} {valid:8.4f}  {threshold:9.4f}  {test:7.4f}  {bar:4.2f}")


def chosen(
    matcher: Matcher, training: Sequence[Match], validation: Sequence[Match]
) -> tuple[Callable[[Any], NDArray[np.float64]], float, float]:
    """Return the logistic and the threshold that validation pairs choose, and their F1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = matrix_of(matcher, training), labels_of(training)
    x_valid, y_valid = matrix_of(matcher, validation), labels_of(validation)
    found = []
    for penalty in PENALTIES:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=3_000))
        scores = model.fit(x, y).predict_proba(x_valid)[:, 1]
        f1, threshold = max((f1_of(y_valid, scores >= one), one) for one in np.unique(scores))
        found.append((f1, -penalty, threshold, model))
    f1, _, threshold, model = max(found, key=lambda one: one[:2])
    return lambda rows: model.predict_proba(rows)[:, 1], float(threshold), f1


def matrix_of(matcher: Matcher, pairs: Sequence[Match]) -> NDArray[np.float64]:
    """Return the evidence of pairs, a row each."""
    return np.array([matcher.evidence(left, right) for left, right, _ in pairs])


def labels_of(pairs: Sequence[Match]) -> NDArray[np.bool_]:
    """Return which pairs match."""
    return np.array([is_match for *_, is_match in pairs], dtype=bool)


def check(arguments: argparse.Namespace) -> None:
    """Ask a running server about texts that it does not have, one after the other."""
    client = HubClient(find_server(arguments.home, arguments.url, arguments.key))
    path = f"/v1/collections/{quote(arguments.collection)}"
    found = client.call("POST", f"{path}/documents/query", {"limit": 50})["items"]
    ids = [row["external_id"] for row in found]
    listed = client.call("POST", f"{path}/documents/get", {"external_ids": ids})["items"]
    texts = [
        f"{' '.join(row['text'].split()[place % 7 :])} and so on, {place} times"
        for place, row in zip(range(arguments.times), listed * arguments.times, strict=False)
    ]
    for text in texts[:5]:
        client.call("POST", f"{path}/duplicates/check", {"text": text})
    took = []
    for text in texts:
        started = time.perf_counter()
        client.call("POST", f"{path}/duplicates/check", {"text": text})
        took.append((time.perf_counter() - started) * 1_000)
    print(f"{len(took)} checks: p50 {statistics.median(took):.1f} ms,", end=" ")
    print(f"p95 {sorted(took)[int(len(took) * 0.95)]:.1f} ms")


if __name__ == "__main__":
    main()
