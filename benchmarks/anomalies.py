"""Anomaly scores on TAD-Bench, transductive, beside two controls that use no vectors.

python -m benchmarks.anomalies --data shared/data/analysis/tad-bench [--output report.json]

Each set is taken as one collection: fitted and scored as the product's scan does, one rule for all
sets, without a label. Labels are used once, for the AUROC of the finished score. The controls are
the distance to the five nearest rows by TF-IDF, and the length of the text alone. Published best
rows with the same encoder: 0.963, 0.841 and 0.632 (charles-cao/TAD-Bench).

--development prints the same of the collections that the rule was chosen on (anomaly_sets.py),
made of the other sets below --data, the parent of analysis/ and retrieval/.

--latency asks a running server (--home, --collection) to score texts that it does not store, and
prints the distribution of milliseconds.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score

from benchmarks.anomaly_sets import development_sets
from benchmarks.measure import Nonsense, console, percentile
from embedhub.anomalies import fitting, lexical, surface
from embedhub.anomalies.fusion import SIGNALS, Signal, place_of
from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.encoders import get_encoder
from embedhub.encoders.checkpoint import BUNDLED_NAME
from embedhub.evaluation.judged import read_lines

SETS = ("email_spam", "covid_fake", "smsspam")
# Five nearest by TF-IDF as others measured them, in ways of their own.
KNOWN_TFIDF = {"email_spam": 0.958, "covid_fake": 0.819, "smsspam": 0.829}
PUBLISHED = {"email_spam": 0.963, "covid_fake": 0.841, "smsspam": 0.632}
K = 32
CONTROL_K = 5
BLOCK = 500
Floats = NDArray[np.float64]


def main() -> None:
    """Score every set and print one line each, or ask a server."""
    arguments = parse_arguments()
    if arguments.latency:
        measure_latency(arguments)
        return
    if arguments.development:
        rows = [measure(*one) for one in development_sets(arguments.data)]
    else:
        rows = [measure(name, *read_set(arguments.data / f"{name}.jsonl")) for name in SETS]
    print_table(rows)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of email_spam.jsonl and the others")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    parser.add_argument("--development", action="store_true", help="the sets it was chosen on")
    parser.add_argument("--latency", type=int, default=0, help="texts to have scored by a server")
    parser.add_argument("--collection", default="benchmark")
    parser.add_argument("--texts", type=Path, help="corpus.jsonl whose texts are asked")
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    if not arguments.latency and arguments.data is None:
        parser.error("--data or --latency is needed")
    return arguments


def read_set(path: Path) -> tuple[list[str], list[int]]:
    """Return the texts and labels of a set of TAD-Bench."""
    if not path.is_file():
        raise SystemExit(f"evaluation data absent: {path}")
    lines = list(read_lines(path))
    return [str(line["text"]) for line in lines], [int(line["label"]) for line in lines]


def measure(name: str, texts: Sequence[str], given: Sequence[int]) -> dict[str, Any]:
    """Return the figures of one set: AUROC of the score, of each signal and of the controls."""
    labels = np.array(given)
    started = time.perf_counter()
    vectors = encode(texts)
    encoded = time.perf_counter()
    fitted = score(texts, vectors)
    fitted_s = time.perf_counter() - encoded
    signals = {
        signal.value: auroc(labels, fitted.values[:, place_of(signal)])
        for signal in SIGNALS
        if signal not in {Signal.LABEL, Signal.BURST}
    }
    return {
        "set": name,
        "rows": len(texts),
        "anomalies": int(labels.sum()),
        "fused": auroc(labels, fitted.scores),
        "published_best": PUBLISHED.get(name),
        "tfidf_known": KNOWN_TFIDF.get(name),
        "tfidf_5nn": auroc(labels, tfidf_distances(texts)),
        "length": auroc(labels, np.array([len(text) for text in texts], dtype=np.float64)),
        "signals": signals,
        "encode_s": encoded - started,
        "fit_s": fitted_s,
    }


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the unit vectors of texts by the default encoder."""
    encoder = get_encoder(BUNDLED_NAME)
    parts = [texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK)]
    return np.vstack([encoder.encode_documents(part) for part in parts])


def score(texts: Sequence[str], vectors: NDArray[np.float32]) -> fitting.Fitted:
    """Return texts scored as a scan scores rows of one language that came all at once."""
    words = [lexical.words_of(text) for text in texts]
    pairs = zip(texts, words, strict=True)
    rows = fitting.Rows(
        ids=np.arange(len(texts)),
        features=np.array([surface.features(*pair) for pair in pairs]),
        bags=lexical.bags_of(words),
        languages=["english"] * len(texts),
        arrived_s=np.zeros(len(texts)),
        labels=np.full(len(texts), -1, dtype=np.int64),
        is_usual=np.ones(len(texts), dtype=bool),
    )
    chosen = fitting.sample_places(rows.is_usual)
    landmarks = fitting.landmarks_of(chosen, vectors[chosen])
    own = fitting.own_places(len(texts), chosen)
    everything = [(np.arange(len(texts)), vectors)]
    far, topic, centroid = fitting.measure(len(texts), everything, landmarks, own)
    neighbors, similarities = exact_neighbors(vectors)
    near = fitting.Neighborhood(neighbors, similarities, far, topic, centroid, landmarks)
    return fitting.fit(rows, near, now_s=0.0, tell=untold)


def untold(done: int, total: int) -> None:
    """Nobody watches."""
    del done, total


def exact_neighbors(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the K nearest others of every row, nearest first, with their similarities."""
    places, found = [], []
    for start in range(0, len(vectors), BLOCK):
        similar = vectors[start : start + BLOCK] @ vectors.T
        inside = np.arange(len(similar))
        similar[inside, start + inside] = -2.0
        nearest = np.argpartition(-similar, K, axis=1)[:, :K]
        values = np.take_along_axis(similar, nearest, axis=1)
        order = np.argsort(-values, axis=1)
        places.append(np.take_along_axis(nearest, order, axis=1))
        found.append(np.take_along_axis(values, order, axis=1))
    return np.vstack(places).astype(np.int64), np.vstack(found)


def tfidf_distances(texts: Sequence[str]) -> Floats:
    """Return each text's mean cosine distance to its five nearest by TF-IDF: a control."""
    rows = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    distances = []
    for start in range(0, len(texts), BLOCK):
        similar = (rows[start : start + BLOCK] @ rows.T).toarray()
        inside = np.arange(len(similar))
        similar[inside, start + inside] = -1.0
        distances.append(1.0 - np.sort(similar, axis=1)[:, -CONTROL_K:].mean(axis=1))
    return np.concatenate(distances)


def auroc(labels: NDArray[np.int64], scores: Floats) -> float:
    """Return the area under the ROC curve; a row without a value counts as the least odd."""
    if len(set(labels.tolist())) < 2:
        raise Nonsense("a set without anomalies, or without anything else")
    known = np.isfinite(scores)
    lowest = scores[known].min() if known.any() else 0.0
    return float(roc_auc_score(labels, np.where(known, scores, lowest)))


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print the AUROC of each set, and their mean."""
    columns = ("fused", "published_best", "tfidf_known", "tfidf_5nn", "length")
    table = Table(title="AUROC, transductive")
    for name in ("set", "rows", "anomalies", *columns, "encode s", "fit s"):
        table.add_column(name, justify="left" if name == "set" else "right")
    for row in rows:
        table.add_row(
            row["set"], f"{row['rows']:,}", str(row["anomalies"]),
            *("" if row[name] is None else f"{row[name]:.3f}" for name in columns),
            f"{row['encode_s']:.1f}", f"{row['fit_s']:.1f}",
        )  # fmt: skip
    known = [[row[name] for row in rows if row[name] is not None] for name in columns]
    means = [f"{np.mean(found):.3f}" if found else "" for found in known]
    table.add_row("mean", "", "", *means, "", "")
    console.print(table)
    for row in rows:
        parts = " ".join(f"{name} {value:.3f}" for name, value in row["signals"].items())
        console.print(f"{row['set']}: {parts}")


def measure_latency(arguments: argparse.Namespace) -> None:
    """Print how long a server takes to score texts that it does not store."""
    client = HubClient(find_server(arguments.home, arguments.url, arguments.key))
    texts = [str(line["text"]) for _, line in zip(
        range(arguments.latency), read_lines(arguments.texts), strict=False
    )]  # fmt: skip
    path = f"/v1/collections/{quote(arguments.collection)}/anomalies/score"
    client.call("POST", path, {"text": texts[0]})
    taken = []
    for number, text in enumerate(texts):
        started = time.perf_counter()
        client.call("POST", path, {"text": f"{text} {number}"})
        taken.append(1_000 * (time.perf_counter() - started))
    found = ", ".join(f"p{p} {percentile(taken, p):.1f}" for p in (50, 95, 99))
    console.print(f"{len(taken)} texts scored one after the other, ms: {found}")


if __name__ == "__main__":
    main()
