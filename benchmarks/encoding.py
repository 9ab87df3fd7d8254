"""Encoding throughput and query latency beside stock sentence-transformers, on the same texts.

python benchmarks/encoding.py --data FOLDER [--n 512] [--rounds 3] [--output FILE]

FOLDER holds corpus.jsonl, one document with "title" and "text" a line (SciFact, for example). Both
sides take turns in one process on one device, so that a busy machine slows both; medians count.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer

from embedhub.encoders import describe_encoder, get_encoder
from embedhub.encoders.sentence import SentenceEncoder

STOCK_BATCH = 32
WARM_UP_TEXTS = 64


def main() -> None:
    """Measure, print a table, and write the figures as JSON where asked to."""
    arguments = parse_arguments()
    texts = read_texts(arguments.data, arguments.n)
    encoder = get_encoder(arguments.encoder)
    if not isinstance(encoder, SentenceEncoder):
        raise SystemExit(f"{arguments.encoder} is no sentence-transformers encoder")
    stock = SentenceTransformer(str(encoder.checkpoint.folder), device=str(encoder.device))
    stock.float()
    figures = measure(encoder, stock, texts, arguments.rounds)
    figures["facts"] = facts(encoder, texts)
    print_table(figures)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus.jsonl")
    parser.add_argument("--n", type=int, default=512, help="texts, spread evenly over the corpus")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


def read_texts(folder: Path, n: int) -> list[str]:
    """Return n documents spread evenly over the corpus: title, a space, text."""
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    step = max(1, len(documents) // n)
    chosen = documents[::step][:n]
    return [f"{document['title']} {document['text']}".strip() for document in chosen]


def measure(
    encoder: SentenceEncoder, stock: SentenceTransformer, texts: Sequence[str], rounds: int
) -> dict[str, Any]:
    """Return texts a second of both sides, their agreement and the latency of one query."""

    def stock_encode(batch: Sequence[str]) -> Any:
        return stock.encode(
            list(batch), batch_size=STOCK_BATCH, normalize_embeddings=True, show_progress_bar=False
        )

    for warm_up in (encoder.encode_documents, stock_encode):
        warm_up(texts[:WARM_UP_TEXTS])
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(len(texts) / seconds(lambda: stock_encode(texts)))
        ours.append(len(texts) / seconds(lambda: encoder.encode_documents(texts)))
    agreement = (encoder.encode_documents(texts) * np.asarray(stock_encode(texts))).sum(axis=1)
    return {
        "texts_per_second": {"stock": theirs, "embedhub": ours},
        "ratio": statistics.median(ours) / statistics.median(theirs),
        "cosine_to_stock": {"min": float(agreement.min()), "mean": float(agreement.mean())},
        "query_ms": query_latencies(encoder, stock, texts),
    }


def query_latencies(
    encoder: SentenceEncoder, stock: SentenceTransformer, texts: Sequence[str]
) -> dict[str, list[float]]:
    """Return milliseconds of each of 100 short queries, the sides taking turns."""
    queries = [" ".join(text.split()[:8]) for text in texts[:100]]
    sides: dict[str, Callable[[str], object]] = {
        "stock": lambda query: stock.encode([query], show_progress_bar=False),
        "embedhub": encoder.encode_query,
    }
    # The first query compiles the network where queries are computed by OpenVINO.
    for encode in sides.values():
        encode("warm up")
    milliseconds: dict[str, list[float]] = {side: [] for side in sides}
    for query in queries:
        for side, encode in sides.items():
            milliseconds[side].append(1e3 * seconds(partial(encode, query)))
    return milliseconds


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def facts(encoder: SentenceEncoder, texts: Sequence[str]) -> dict[str, Any]:
    """Return what the figures depend on."""
    counted = encoder.tokenizer().encode_batch_fast(list(texts))
    read = [min(len(encoding), encoder.description.max_tokens) for encoding in counted]
    return {
        "encoder": describe_encoder(encoder.description.name).key,
        "texts": len(texts),
        "tokens_read_mean": statistics.fmean(read),
        "device": str(encoder.device),
        "precision": str(encoder.precision),
        "query_runtime": encoder.query_runtime,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def print_table(figures: dict[str, Any]) -> None:
    """Print the medians."""
    table = Table(title=f"{figures['facts']}")
    for column in ("", "texts/s (median)", "one query, ms (median)"):
        table.add_column(column, justify="right")
    for side in ("stock", "embedhub"):
        rate = statistics.median(figures["texts_per_second"][side])
        latency = statistics.median(figures["query_ms"][side])
        table.add_row(side, f"{rate:.1f}", f"{latency:.1f}")
    console = Console()
    console.print(table)
    console.print(
        f"ratio {figures['ratio']:.2f}, lowest cosine to stock "
        f"{figures['cosine_to_stock']['min']:.5f}"
    )


if __name__ == "__main__":
    main()
