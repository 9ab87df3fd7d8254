"""Extractive answers on judged questions, through the REST API of a running server.

python benchmarks/answers.py --data FOLDER [FOLDER ...] [--questions N] [--log FILE] [--output FILE]

A folder is one judged set (embedhub/evaluation/judged.py) or holds several. Each becomes a
collection answers-SET with all documents, and collections without the passages that answer: one
without any judged passage where enough documents are left, else two, each without every other one.
Every question is asked where its passages are and where they are not, for at most 3 citations and
120 words. Reported: in how many answers a reference passage is cited; in how many "not found in the
documents" is said, with the passages there and removed; also for every second question, for whoever
tunes on the others. With --log what came of every question is kept in a file as it is answered, and
a run that was broken off goes on where it stopped: delete the file after a change of the server.
The server and its key come from --url and --key, or from --home.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import track
from rich.table import Table

from embedhub.answers.check import MARK
from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.evaluation.judged import JudgedSet, find_sets, read_set

MAX_CITATIONS, MAX_WORDS = 3, 120
BATCH = 100
POLL_S = 1.0
# With fewer documents left nothing is near any question, and "not found" is easily said.
MIN_LEFT = 100
LANGUAGES = {"en", "de", "es", "zh", "ar", "fr", "it", "ru"}
console = Console()


def main() -> None:
    """Fill the collections, ask, print the table."""
    arguments = parse_arguments()
    client = HubClient(find_server(arguments.home, arguments.url, arguments.key))
    rows = []
    for root in arguments.data:
        for folder in find_sets([root]):
            judged = read_set(folder, root if root != folder else folder.parent)
            log = Log(arguments.log, judged.name)
            rows.append(measure(client, judged, log, arguments.questions, arguments.threads))
    print_table(rows)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--questions", type=int, default=0, help="so many at most; 0: all")
    parser.add_argument("--threads", type=int, default=2, help="questions asked at once")
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--log", type=Path, help="file of answers, to go on from")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


class Log:
    """What came of the questions of one set that were asked before, and of those asked now."""

    def __init__(self, path: Path | None, name: str) -> None:
        self._path = path
        self._name = name
        self._lock = Lock()
        lines = path.read_text().splitlines() if path and path.is_file() else []
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        self.known = {row["question"]: row["figures"] for row in rows if row["set"] == name}

    def add(self, question: str, figures: Mapping[str, Any]) -> None:
        """Keep what came of a question."""
        if self._path is None:
            return
        row = {"set": self._name, "question": question, "figures": figures}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def measure(
    client: HubClient, judged: JudgedSet, log: Log, most: int, threads: int
) -> dict[str, Any]:
    """Return the figures of one set."""
    slug = f"answers-{judged.name}".lower().replace("_", "-")
    parts = removed_parts(judged)
    fill(client, judged, slug, set())
    for place, part in enumerate(parts):
        fill(client, judged, f"{slug}-without-{place + 1}", part)
    questions = list(judged.judgments)
    questions = questions[:: max(1, len(questions) // most)] if most else questions

    def ask_both(query: str) -> dict[str, Any]:
        if query in log.known:
            return dict(log.known[query])
        relevant = {d for d, relevance in judged.judgments[query].items() if relevance > 0}
        where = next(place for place, part in enumerate(parts) if relevant <= part)
        there = ask(client, slug, judged.queries[query])
        gone = ask(client, f"{slug}-without-{where + 1}", judged.queries[query])
        figures = figures_of(there, gone, relevant)
        log.add(query, figures)
        return figures

    with ThreadPoolExecutor(threads) as asking:
        found = list(
            track(asking.map(ask_both, questions), slug, total=len(questions), console=console)
        )
    return {"set": judged.name, **summary(found), "held_out": summary(found[1::2])}


def removed_parts(judged: JudgedSet) -> list[set[str]]:
    """Return which passages each collection without answers lacks: all judged ones, or halves.

    The passages of one question are always removed together.
    """
    wanted = {
        query: {d for d, relevance in rows.items() if relevance > 0}
        for query, rows in judged.judgments.items()
    }
    every = set().union(*wanted.values())
    if sum(1 for _ in judged.documents()) - len(every) >= MIN_LEFT:
        return [every]
    halves: list[set[str]] = [set(sorted(every)[0::2]), set(sorted(every)[1::2])]
    for needed in wanted.values():
        if not any(needed <= half for half in halves):
            halves[0] |= needed
    return halves


def fill(client: HubClient, judged: JudgedSet, slug: str, without: set[str]) -> None:
    """Return once the set is in the collection, without some documents, and can be searched."""
    language = judged.folder.name if judged.folder.name in LANGUAGES else "english"
    client.ensure_collection(slug, language=language)
    path = f"/v1/collections/{quote(slug)}"
    documents = [
        {"external_id": one["id"], "title": one["title"], "text": one["text"]}
        for one in judged.documents()
        if one["id"] not in without
    ]
    for start in track(range(0, len(documents), BATCH), f"{slug}: sending", console=console):
        batch = {"documents": documents[start : start + BATCH]}
        client.call("POST", f"{path}/documents", batch)
    while (state := client.call("GET", f"{path}/status"))["n_pending"]:
        time.sleep(POLL_S)
    if state["n_dead"] or state["n_documents"] != len(documents):
        raise SystemExit(f"{slug}: {state['n_documents']} of {len(documents)} documents are there")


def ask(client: HubClient, slug: str, question: str) -> dict[str, Any]:
    """Return an answer, and how long it took to come."""
    wishes = {"method": "extractive", "max_citations": MAX_CITATIONS, "max_words": MAX_WORDS}
    started = time.perf_counter()
    answer: dict[str, Any] = client.call(
        "POST", f"/v1/collections/{quote(slug)}/answers", {"question": question, **wishes}
    )
    return answer | {"ms": (time.perf_counter() - started) * 1000}


def figures_of(
    there: Mapping[str, Any], gone: Mapping[str, Any], relevant: set[str]
) -> dict[str, Any]:
    """Return what counts of the two answers to one question."""
    cited = {citation["external_id"] for citation in there["citations"]}
    near = {source["external_id"] for source in there["nearest"]}
    said = " ".join(one["text"] for one in there["sentences"])
    return {
        "cited": bool(cited & relevant),
        "shown": bool((cited | near) & relevant),
        "not_found": not there["found"],
        "not_found_removed": not gone["found"],
        "supported": there["supported"],
        "n_citations": len(there["citations"]),
        "n_words": len(MARK.sub("", said).split()),
        "ms": there["ms"],
        "evidence": there["evidence"],
        "evidence_removed": gone["evidence"],
    }


def summary(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures over many questions."""
    shares = ("cited", "shown", "not_found", "not_found_removed", "supported")
    return {
        "questions": len(found),
        **{name: statistics.mean(one[name] for one in found) for name in shares},
        "most_citations": max(one["n_citations"] for one in found),
        "most_words": max(one["n_words"] for one in found),
        "p50_ms": statistics.median(one["ms"] for one in found),
    }


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each set, and one for its second half."""
    columns = {
        "questions": "questions",
        "cited": "reference cited",
        "shown": "cited or nearest",
        "not_found": "not found",
        "not_found_removed": "not found, removed",
        "supported": "all supported",
        "most_citations": "citations ≤",
        "most_words": "words ≤",
        "p50_ms": "p50 ms",
    }
    table = Table("set", *columns.values(), title="Extractive answers")
    for row in rows:
        for name, figures in ((row["set"], row), ("  every second one", row["held_out"])):
            shown = [figures[column] for column in columns]
            table.add_row(name, *(f"{v:.3f}" if isinstance(v, float) else str(v) for v in shown))
    console.print(table)


if __name__ == "__main__":
    main()
