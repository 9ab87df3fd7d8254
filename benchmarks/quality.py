"""Search quality on judged sets, through the REST API of a running server.

python benchmarks/quality.py --data FOLDER [FOLDER ...] [--chunking default document] [--sweep]

A folder is one judged set (embedhub/evaluation/judged.py) or holds several; of these the ones with
more than --largest documents are left out. Each becomes a collection quality-SET-CHUNKING, made and
filled unless it is there, and is asked every judged question in each mode. The second table sets
hybrid search against the better of its legs, and the mean of the sets named by --mean. --sweep
tries weights of the dense leg on the training judgments (qrels_train.tsv), never on those that the
tables report. The server and its key come from --url and --key, or from --home.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import track
from rich.table import Table

from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.evaluation.judged import JudgedSet, Judgments, find_sets, ndcg, read_set, recall

MODES = ("dense", "lexical", "hybrid")
BATCH = 200
DEPTH = 100
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)
POLL_S = 1.0
# Languages of sets whose folder is named by one, such as xquad/de.
LANGUAGES = {"en", "de", "es", "zh", "ar", "fr", "it", "ru"}
# What hybrid search is judged by: English sets of different kinds.
MEAN_OF = ("scifact", "cranfield", "cisi", "medline", "adi", "anthropic_docs")
console = Console()


def main() -> None:
    """Fill the collections, ask the questions, print the table."""
    arguments = parse_arguments()
    client = HubClient(find_server(arguments.home, arguments.url, arguments.key))
    rows: list[dict[str, Any]] = []
    for root in arguments.data:
        for folder in find_sets([root]):
            judged = read_set(folder, root)
            if folder != root and is_larger(judged, arguments.largest):
                console.print(f"{judged.name}: more than {arguments.largest:,} documents")
                continue
            for chunking in arguments.chunking:
                slug = fill(client, judged, chunking, arguments.encoder)
                rows += measure(client, judged, slug, chunking, arguments.modes)
                if arguments.sweep:
                    sweep(client, judged, slug)
    print_table(rows)
    print_gains(rows, arguments.mean)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--chunking", nargs="+", default=["default"], choices=["default", "document", "passages"]
    )
    parser.add_argument("--largest", type=int, default=20_000, help="documents of a set")
    parser.add_argument("--mean", nargs="*", default=MEAN_OF, help="sets that make the mean")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--sweep", action="store_true", help="try fusion weights on qrels_train")
    parser.add_argument("--encoder", help="default: the server's")
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


def fill(client: HubClient, judged: JudgedSet, chunking: str, encoder: str | None) -> str:
    """Return the slug of the set's collection once every document can be found by meaning."""
    slug = f"quality-{judged.name}-{chunking}".lower().replace("_", "-")
    language = judged.folder.name if judged.folder.name in LANGUAGES else "english"
    wishes: dict[str, Any] = {"language": language}
    if chunking != "default":
        wishes["chunking"] = {"strategy": chunking}
    client.ensure_collection(slug, **wishes, **({"encoder": encoder} if encoder else {}))
    path = f"/v1/collections/{quote(slug)}"
    documents = [
        {"external_id": document["id"], "title": document["title"], "text": document["text"]}
        for document in judged.documents()
    ]
    started = time.monotonic()
    for start in track(range(0, len(documents), BATCH), f"{slug}: sending", console=console):
        batch = {"documents": documents[start : start + BATCH]}
        client.call("POST", f"{path}/documents", batch)
    with console.status(f"{slug}: encoding") as status:
        while (state := client.call("GET", f"{path}/status"))["n_pending"]:
            status.update(f"{slug}: {state['n_pending']:,} passages to encode")
            time.sleep(POLL_S)
    if state["n_dead"]:
        raise SystemExit(f"{slug}: {state['n_dead']} passages could not be encoded")
    seconds = time.monotonic() - started
    console.print(
        f"{slug}: {state['n_documents']:,} documents, {state['n_chunks']:,} chunks, {seconds:.1f} s"
    )
    return slug


def measure(
    client: HubClient, judged: JudgedSet, slug: str, chunking: str, modes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a row of figures for each mode."""
    rows = []
    for mode in modes:
        gains, recalls, found, waits, n_partial = [], [], [], [], 0
        for query, relevant in track(
            judged.judgments.items(), f"{slug}: {mode}", console=console, transient=True
        ):
            started = time.perf_counter()
            answer = ask(client, slug, judged.queries[query], mode=mode)
            waits.append((time.perf_counter() - started) * 1000)
            ranking = [hit["document"]["external_id"] for hit in answer["hits"]]
            gains.append(ndcg(ranking, relevant))
            recalls.append(recall(ranking, relevant))
            found.append(any(relevant.get(document, 0) > 0 for document in ranking[:5]))
            n_partial += not answer["complete"]
        rows.append(
            {
                "set": judged.name,
                "chunking": chunking,
                "mode": mode,
                "questions": len(gains),
                "ndcg@10": statistics.mean(gains),
                "recall@100": statistics.mean(recalls),
                "success@5": statistics.mean(found),
                "p50_ms": statistics.median(waits),
                "incomplete": n_partial,
            }
        )
    return rows


def is_larger(judged: JudgedSet, limit: int) -> bool:
    """Return whether a set has more documents than this; no more of them are read."""
    return any(True for _ in islice(judged.documents(), limit, None))


def sweep(client: HubClient, judged: JudgedSet, slug: str) -> None:
    """Print nDCG@10 of hybrid search on the training judgments for each weight."""
    if not judged.training:
        console.print(f"{slug}: no qrels_train.tsv, weights are not chosen here")
        return
    table = Table("dense weight", "nDCG@10", title=f"{slug}: {len(judged.training)} of training")
    for weight in WEIGHTS:
        table.add_row(f"{weight:.2f}", f"{train_ndcg(client, judged, slug, weight):.4f}")
    console.print(table)


def train_ndcg(client: HubClient, judged: JudgedSet, slug: str, weight: float) -> float:
    """Return nDCG@10 of hybrid search with one weight on the training judgments."""
    training: Judgments = judged.training
    gains = []
    for query, relevant in track(
        training.items(), f"{slug}: weight {weight}", console=console, transient=True
    ):
        text = judged.queries[query]
        answer = ask(client, slug, text, mode="hybrid", limit=10, weights={"dense": weight})
        gains.append(ndcg([hit["document"]["external_id"] for hit in answer["hits"]], relevant))
    return statistics.mean(gains)


def ask(client: HubClient, slug: str, query: str, **fields: object) -> Any:
    """Return the answer to a question: documents, a hundred unless told otherwise."""
    return client.search(slug, {"query": query, "limit": DEPTH, "highlight": False, **fields})


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("set", "chunking", "mode", "questions", "ndcg@10", "recall@100", "success@5",
               "p50_ms", "incomplete")  # fmt: skip
    table = Table(*columns, title="Search quality")
    for row in rows:
        shown = [f"{row[c]:.4f}" if "@" in c else row[c] for c in columns]
        table.add_row(*(f"{v:.1f}" if isinstance(v, float) else str(v) for v in shown))
    console.print(table)


def print_gains(rows: Sequence[dict[str, Any]], mean_of: Sequence[str]) -> None:
    """Print what hybrid search gains over the better of its legs, and the mean of some sets."""
    figures: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        figures.setdefault((row["set"], row["chunking"]), {})[row["mode"]] = row["ndcg@10"]
    whole = {key: found for key, found in figures.items() if set(found) == set(MODES)}
    table = Table("set", "chunking", *MODES, "gain", title="nDCG@10, hybrid against its better leg")
    for (name, chunking), found in whole.items():
        table.add_row(name, chunking, *gain_of([found]))
    for chunking in dict.fromkeys(chunking for _, chunking in whole):
        chosen = [whole[name, chunking] for name in mean_of if (name, chunking) in whole]
        if chosen:
            table.add_row(f"mean of {len(chosen)}", chunking, *gain_of(chosen), style="bold")
    console.print(table)


def gain_of(found: Sequence[dict[str, float]]) -> list[str]:
    """Return the mean of each mode over some sets, and what hybrid gains over the better leg.

    The better leg is chosen for each set.
    """
    means = [statistics.mean(one[mode] for one in found) for mode in MODES]
    better = statistics.mean(max(one["dense"], one["lexical"]) for one in found)
    gain = means[MODES.index("hybrid")] - better
    return [*(f"{mean:.4f}" for mean in means), f"{gain:+.4f} ({gain / better:+.1%})"]


if __name__ == "__main__":
    main()
