"""What ingest costs beyond encoding: POST to searchable, against only encoding the same texts.

python benchmarks/ingest.py --data FOLDER --home HOME [--rounds 4]

The documents of a judged set are dealt out to rounds. Each round encodes its texts in this process
(as many threads as the worker has), then sends them to the running server and waits until each is
found by meaning; the two are compared within the round, because a shared machine changes its
speed. Use a fresh home: texts that a workspace has seen are not encoded again.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.config import get_config
from embedhub.documents.chunking import encoder_input
from embedhub.encoders import get_encoder
from embedhub.evaluation.judged import read_set

BATCH = 250
# Counting is not free: asked more often, it would slow down what it watches.
POLL_S = 0.5
SLUG = "benchmark-ingest"


def main() -> None:
    """Run the rounds, print seconds and ratios, and write them as JSON where asked to."""
    arguments = parse_arguments()
    client = HubClient(find_server(arguments.home, arguments.url, arguments.key))
    documents = [
        {"external_id": each["id"], "title": each["title"], "text": each["text"]}
        for each in read_set(arguments.data).documents()
    ]
    client.ensure_collection(SLUG, chunking={"strategy": "document"})
    # Both sides warm: the worker loads its encoder at its first text.
    ingest(client, [{"external_id": "warm-up", "text": f"warm up {time.time()}"}])
    get_encoder(get_config().default_encoder).encode_documents(["warm up"] * 32)
    rounds = [documents[start :: arguments.rounds] for start in range(arguments.rounds)]
    rows = [measure(client, part) for part in rounds]
    table = Table("documents", "encode only s", "POST to searchable s", "ratio")
    for row in rows:
        table.add_row(*(f"{row[name]:.2f}".removesuffix(".00") for name in row))
    Console().print(table)
    Console().print(f"median ratio {statistics.median(row['ratio'] for row in rows):.3f}")
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of a judged set")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args()


def measure(client: HubClient, documents: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the seconds of both ways for the same documents."""
    encoder = get_encoder(get_config().default_encoder)
    texts = [encoder_input(each["title"], "", each["text"]) for each in documents]
    batch = get_config().encode_batch
    started = time.perf_counter()
    for start in range(0, len(texts), batch):
        encoder.encode_documents(texts[start : start + batch])
    encoding_s = time.perf_counter() - started
    ingest_s = ingest(client, documents)
    return {
        "documents": float(len(documents)),
        "encode_s": encoding_s,
        "ingest_s": ingest_s,
        "ratio": ingest_s / encoding_s,
    }


def ingest(client: HubClient, documents: Sequence[dict[str, Any]]) -> float:
    """Return the seconds until all of the documents can be found by meaning."""
    path = f"/v1/collections/{SLUG}"
    started = time.perf_counter()
    was_pending = False
    for start in range(0, len(documents), BATCH):
        client.call("POST", f"{path}/documents", {"documents": documents[start : start + BATCH]})
    while (state := client.call("GET", f"{path}/status"))["n_pending"]:
        was_pending = True
        time.sleep(POLL_S)
    if not was_pending or state["n_dead"]:
        raise SystemExit("nothing had to be encoded: use a fresh home")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
