"""Judged sets: documents, questions and judgments in BEIR's shape, and the measures over them.

A set is a folder with corpus.jsonl (or .jsonl.xz), queries.jsonl and qrels.tsv; qrels_train.tsv may
hold judgments to choose settings on. Gain is linear, and the ideal list of nDCG uses all judgments
of a question, not only those that were found.
"""

import json
import lzma
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Judgments = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """One folder; `judgments` maps question to document to relevance."""

    folder: Path
    name: str
    queries: Mapping[str, str]
    judgments: Judgments
    training: Judgments

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield the documents that hold anything, as {"id", "title", "text"}."""
        for record in read_lines(corpus_file(self.folder)):
            title, text = record.get("title") or "", record.get("text") or ""
            if (title + text).strip():
                yield {"id": str(record["id"]), "title": title, "text": text}


def find_sets(paths: Sequence[Path]) -> list[Path]:
    """Return the folders of judged sets at or below the paths, by name."""
    found = {
        file.parent for path in paths for file in path.rglob("qrels.tsv") if is_set(file.parent)
    }
    return sorted(found)


def is_set(folder: Path) -> bool:
    """Return whether a folder holds a judged set."""
    return (folder / "queries.jsonl").is_file() and corpus_file(folder).is_file()


def corpus_file(folder: Path) -> Path:
    """Return the file of documents, compressed or not."""
    plain = folder / "corpus.jsonl"
    return plain if plain.is_file() else folder / "corpus.jsonl.xz"


def read_set(folder: Path, root: Path | None = None) -> JudgedSet:
    """Return the set of a folder; its name is the folder's below `root`."""
    relative = folder.relative_to(root) if root and folder != root else Path(folder.name)
    return JudgedSet(
        folder=folder,
        name="-".join(relative.parts),
        queries={str(q["id"]): q["text"] for q in read_lines(folder / "queries.jsonl")},
        judgments=read_judgments(folder / "qrels.tsv"),
        training=read_judgments(folder / "qrels_train.tsv"),
    )


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file, one a line."""
    with lzma.open(file) if file.suffix == ".xz" else file.open("rb") as lines:
        for line in lines:
            yield json.loads(line)


def read_judgments(file: Path) -> dict[str, dict[str, int]]:
    """Return the judgments of questions with a relevant document; empty if there is no file."""
    found: dict[str, dict[str, int]] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            query, document, relevance = line.split("\t")
            found.setdefault(query, {})[document] = int(relevance)
    return {query: rows for query, rows in found.items() if any(r > 0 for r in rows.values())}


def ndcg(ranking: Sequence[str], relevant: Mapping[str, int], depth: int = 10) -> float:
    """Return the normalized discounted cumulative gain of a ranking's first places."""
    gains = [max(0, relevant.get(document, 0)) for document in ranking[:depth]]
    ideal = sorted((max(0, relevance) for relevance in relevant.values()), reverse=True)[:depth]
    return discounted(gains) / discounted(ideal)


def recall(ranking: Sequence[str], relevant: Mapping[str, int], depth: int = 100) -> float:
    """Return the part of the relevant documents among a ranking's first places."""
    wanted = {document for document, relevance in relevant.items() if relevance > 0}
    return len(wanted.intersection(ranking[:depth])) / len(wanted)


def discounted(gains: Sequence[int]) -> float:
    """Return the sum of gains, each divided by the logarithm of its place plus one."""
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))
