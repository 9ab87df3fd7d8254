"""Does a chunking keep what answers a question together, and do rankings hold?

python -m benchmarks.chunking --data FOLDER [--judged FOLDER ...]

FOLDER is chunking_evaluation: `corpora/*.md` and `questions.jsonl` with the spans that answer each
question. Every corpus is parted by every chunking, passages and questions are encoded by one
encoder, and the five nearest passages of each question are compared with its spans, in tokens of
that encoder: recall is the part of the spans that they hold, precision the part of them that the
spans make up (a token returned twice counts twice), IoU the common part over both together. The
baseline is windows of 200 tokens, wherever they end. --judged gives nDCG@10 of judged sets, a
document by its best passage. Only the dense ranking is looked at; no server is needed.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.measure import console, mean, print_table, write_report
from embedhub.documents.chunking import Chunking, ChunkingStrategy, encoder_input, split
from embedhub.documents.chunking.tokens import TokenOffsets
from embedhub.encoders import get_encoder
from embedhub.encoders.checkpoint import BUNDLED_NAME
from embedhub.evaluation.judged import JudgedSet, ndcg, read_set
from embedhub.evaluation.uncertainty import difference

N_RETURNED = 5
WINDOW_TOKENS = 200
BASELINE = f"fixed windows of {WINDOW_TOKENS}"
OLD_DEFAULT = Chunking(max_tokens=200, overlap_tokens=32)
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """What is encoded, and the range of the text that is returned for it."""

    encoded: str
    returned: Range


@dataclass(slots=True)
class Figures:
    """Recall, precision and IoU of each question."""

    recall: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)


Chunker = Callable[[str, str], list[Piece]]


def main() -> None:
    """Measure every chunking, print the tables."""
    arguments = parse_arguments()
    encoder = get_encoder(arguments.encoder)
    tokenizer = encoder.tokenizer()
    encoder_tokens = encoder.description.max_tokens

    def by(chunking: Chunking, window: int = 0) -> Chunker:
        def pieces(text: str, title: str) -> list[Piece]:
            passages = split(text, chunking, tokenizer, title=title, encoder_tokens=encoder_tokens)
            return [
                Piece(
                    encoder_input(title, passage.heading_path, passage.text),
                    (
                        passages[max(place - window, 0)].start,
                        passages[min(place + window, len(passages) - 1)].end,
                    ),
                )
                for place, passage in enumerate(passages)
            ]

        return pieces

    def fixed(text: str, title: str) -> list[Piece]:
        starts = [*TokenOffsets(text, tokenizer).starts[::WINDOW_TOKENS].tolist(), len(text)]
        return [Piece(encoder_input(title, "", text[a:b]), (a, b)) for a, b in pairwise(starts)]

    sentences = Chunking(ChunkingStrategy.SENTENCE_WINDOW)
    chunkings: dict[str, Chunker] = {
        BASELINE: fixed,
        "default": by(Chunking()),
        "passages 200, overlap 32": by(OLD_DEFAULT),
        **{f"passages {n}": by(Chunking(max_tokens=n)) for n in (100, 150, 190, 210, 240)},
        "sentences alone": by(sentences),
        **{f"sentence window {n}": by(sentences, n) for n in (1, 2, 3)},
    }
    spans = [
        *span_rows(arguments.data, chunkings, encoder.encode_documents, encoder.encode_queries,
                   tokenizer),
    ]  # fmt: skip
    print_table(f"Spans at k = {N_RETURNED}, {encoder.description.name}", spans)
    judged = [
        judged_row(read_set(folder), name, chunkings[name], encoder.encode_documents,
                   encoder.encode_queries)
        for folder in arguments.judged
        for name in (BASELINE, "passages 200, overlap 32", "default")
    ]  # fmt: skip
    if judged:
        print_table("nDCG@10, dense alone, a document by its best passage", judged)
    write_report(arguments.output, "chunking", spans, judged=judged)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder chunking_evaluation")
    parser.add_argument("--judged", type=Path, nargs="*", default=[], help="folders of judged sets")
    parser.add_argument("--encoder", default=BUNDLED_NAME)
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


Encode = Callable[[Sequence[str]], Any]


def span_rows(
    data: Path,
    chunkings: dict[str, Chunker],
    encode_documents: Encode,
    encode_queries: Encode,
    tokenizer: Any,
) -> list[dict[str, Any]]:
    """Return a row of figures for each chunking, with how far it is from the baseline."""
    lines = (data / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    texts = {file.stem: file.read_text(encoding="utf-8") for file in data.glob("corpora/*.md")}
    tokens = {name: TokenOffsets(text, tokenizer) for name, text in texts.items()}
    asked = {
        name: [question for question in questions if question["corpus"] == name]
        for name in sorted(texts)
    }
    vectors = {
        name: encode_queries([question["text"] for question in own]) for name, own in asked.items()
    }
    rows: list[dict[str, Any]] = []
    baseline = Figures()
    for label, chunker in track(chunkings.items(), "spans", console=console, transient=True):
        figures = Figures()
        sizes: list[int] = []
        for name, own in asked.items():
            pieces = chunker(texts[name], "")
            sizes += [count(tokens[name], [piece.returned]) for piece in pieces]
            scores = vectors[name] @ encode_documents([piece.encoded for piece in pieces]).T
            for question, row in zip(own, scores, strict=True):
                returned = best_ranges(pieces, row)
                spans = [(span["start"], span["end"]) for span in question["references"]]
                add(figures, tokens[name], returned, spans)
        baseline = figures if label == BASELINE else baseline
        rows.append(row_of(label, figures, baseline, sizes))
    return rows


def row_of(label: str, figures: Figures, baseline: Figures, sizes: list[int]) -> dict[str, Any]:
    """Return the line of one chunking; differences are of pairs, with their 95 % interval."""
    row: dict[str, Any] = {"chunking": label, "passages": len(sizes), "tokens": mean(sizes)}
    for name in ("recall", "precision", "iou"):
        row[name] = f"{100 * mean(getattr(figures, name)):.1f}"
    for name in ("recall", "iou"):
        apart = difference(getattr(figures, name), getattr(baseline, name))
        low, high = 100 * (apart.low or 0.0), 100 * (apart.high or 0.0)
        row[f"{name} vs fixed"] = f"{100 * apart.mean:+.1f} [{low:+.1f}, {high:+.1f}]"
    return row


def best_ranges(pieces: Sequence[Piece], scores: Any) -> list[Range]:
    """Return the ranges of the best pieces, each range once."""
    found: list[Range] = []
    for place in np.argsort(-scores, kind="stable"):
        if pieces[place].returned not in found:
            found.append(pieces[place].returned)
        if len(found) == N_RETURNED:
            break
    return found


def add(
    figures: Figures, tokens: TokenOffsets, returned: Sequence[Range], spans: Sequence[Range]
) -> None:
    """Add one question's figures."""
    wanted = union(spans)
    common = union(
        [(max(a, c), min(b, d)) for a, b in returned for c, d in wanted if max(a, c) < min(b, d)]
    )
    n_common, n_wanted = count(tokens, common), count(tokens, wanted)
    n_returned = count(tokens, returned)
    figures.recall.append(n_common / n_wanted)
    figures.precision.append(n_common / n_returned)
    figures.iou.append(n_common / (n_returned + n_wanted - n_common))


def union(ranges: Sequence[Range]) -> list[Range]:
    """Return the ranges in order, with those that touch joined."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def count(tokens: TokenOffsets, ranges: Sequence[Range]) -> int:
    """Return how many tokens begin within the ranges, those in two of them twice."""
    return sum(
        int(tokens.starts.searchsorted(end) - tokens.starts.searchsorted(start))
        for start, end in ranges
    )


def judged_row(
    judged: JudgedSet,
    label: str,
    chunker: Chunker,
    encode_documents: Encode,
    encode_queries: Encode,
) -> dict[str, Any]:
    """Return nDCG@10 of a judged set with one chunking."""
    inputs: list[str] = []
    owners: list[str] = []
    for document in judged.documents():
        pieces = chunker(document["text"], document["title"]) if document["text"].strip() else []
        encoded = [piece.encoded for piece in pieces] or [document["title"]]
        inputs += encoded
        owners += [document["id"]] * len(encoded)
    asked = list(judged.judgments)
    vectors = encode_documents(inputs)
    scores = encode_queries([judged.queries[question] for question in asked]) @ vectors.T
    gains = []
    for question, row in zip(asked, scores, strict=True):
        order = np.argsort(-row, kind="stable")
        ranking = list(dict.fromkeys(owners[place] for place in order))[:10]
        gains.append(ndcg(ranking, judged.judgments[question]))
    return {
        "set": judged.name,
        "chunking": label,
        "passages": len(inputs),
        "ndcg@10": f"{mean(gains):.4f}",
    }


if __name__ == "__main__":
    main()
