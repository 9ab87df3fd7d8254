"""Collections to choose anomaly rules on: mixtures of sets, broken texts, generated mailings.

None of the sets that anomalies are reported on takes part.
"""

import csv
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from embedhub.evaluation.judged import corpus_file, read_lines

SHARE = 0.03
SEED = 5
Mixture = tuple[str, list[str], list[int]]


def development_sets(data: Path) -> Iterator[Mixture]:
    """Yield name, texts and labels (1: odd) of each collection, made of the sets in a folder."""
    rng = random.Random(SEED)
    analysis, retrieval = data / "analysis", data / "retrieval"
    titles = (analysis / "stackoverflow20/title_StackOverflow.txt").read_text().splitlines()
    clinc = json.loads((analysis / "clinc150/data_full.json").read_text())
    intents = [text for text, _ in clinc["val"] + clinc["train"]]
    unknown = [text for text, _ in clinc["oos_train"] + clinc["oos_val"]]
    with (analysis / "banking77/train.csv").open(encoding="utf-8") as lines:
        banking = [row["text"] for row in csv.DictReader(lines)]
    english, german = (sentences(analysis / f"stsb/stsb-{name}-train.csv") for name in ("en", "de"))
    claims, medline, cisi, cranfield, pages = (
        corpus(retrieval / name)
        for name in ("scifact", "medline", "cisi", "cranfield", "anthropic_docs")
    )
    for name, usual, odd, n in (
        ("unknown intents", intents, unknown, 4_000),
        ("banking in titles", titles, banking, 4_000),
        ("intents in banking", banking, intents, 4_000),
        ("German in English", english, german, 3_000),
        ("cisi in scifact", claims, cisi, 1_500),
        ("medline in cranfield", cranfield, medline, 1_300),
        ("pages in scifact", claims, pages, 1_200),
        ("broken banking", banking[200:], [broken(rng, text) for text in banking[:200]], 4_000),
        ("broken medline", medline[100:], [broken(rng, text) for text in medline[:100]], 930),
        ("adverts in intents", intents, made(rng, advert), 4_000),
        ("log lines in titles", titles, made(rng, log_line), 4_000),
        ("footers in banking", banking, made(rng, footer), 4_000),
        ("adverts in sentences", english, made(rng, advert), 3_000),
        ("footers in medline", medline, made(rng, footer), 930),
    ):
        yield (name, *mixed(rng, usual, odd, n))


def mixed(
    rng: random.Random, usual: Sequence[str], odd: Sequence[str], n: int
) -> tuple[list[str], list[int]]:
    """Return `n` usual texts and a few odd ones, shuffled, with their labels."""
    chosen = rng.sample(list(usual), min(n, len(usual)))
    n_odd = min(len(odd), max(20, round(SHARE * len(chosen))))
    rows = [(text, 0) for text in chosen] + [(text, 1) for text in rng.sample(list(odd), n_odd)]
    rng.shuffle(rows)
    return [text for text, _ in rows], [label for _, label in rows]


def sentences(path: Path) -> list[str]:
    """Return the first sentence of each pair."""
    with path.open(encoding="utf-8") as lines:
        return [row[0] for row in csv.reader(lines)]


def corpus(folder: Path) -> list[str]:
    """Return titles and texts of a judged set."""
    lines = read_lines(corpus_file(folder))
    return [f"{line.get('title', '')} {line['text']}".strip() for line in lines]


def broken(rng: random.Random, text: str) -> str:
    """Return a text as something on its way has left it."""
    words = text.split()
    shuffled = ["".join(rng.sample(word, len(word))) for word in words]
    return rng.choice(
        [
            text[: max(5, len(text) // 20)],
            text.encode().hex()[: len(text)],
            " ".join(words[:4] * max(1, len(words) // 4)),
            f"{text.upper()} !!! CLICK http://www.example.com/?id={rng.randrange(10**6)}",
            " ".join(rng.sample(shuffled, len(shuffled))),
            " ".join(str(rng.randrange(10 ** rng.randrange(1, 7))) for _ in words),
        ]
    )


def made(rng: random.Random, make: Callable[[random.Random], str]) -> list[str]:
    """Return texts made after a few patterns."""
    return [make(rng) for _ in range(200)]


def digits(rng: random.Random, n: int) -> str:
    return "".join(str(rng.randrange(10)) for _ in range(n))


def advert(rng: random.Random) -> str:
    number, short, price = digits(rng, 11), digits(rng, 5), rng.randrange(1, 10)
    return rng.choice(
        [
            (
                f"Final notice! A gift card worth {price}00 is waiting. Ring {number} or reply"
                f" {digits(rng, 4)} to {short} before {digits(rng, 1)} Mar. Costs 150p a minute."
            ),
            (
                f"HOT tones and games for your handset! 5 for {price}.99 at www.t{short}.com, text"
                f" GO to {short}. Stop? send STOP"
            ),
            (
                f"Account no {digits(rng, 8)} has {digits(rng, 3)} unused points. To use them call"
                f" {number} from a landline. Box {digits(rng, 3)}"
            ),
            (
                f"Lonely tonight? {digits(rng, 2)} people near you want to chat. Go free: text YES"
                f" to {short}, 18 only, {price}.50/msg"
            ),
        ]
    )


def log_line(rng: random.Random) -> str:
    return rng.choice(
        [
            (
                f"2026-11-21 10:{digits(rng, 2)}:{digits(rng, 2)},{digits(rng, 3)} ERROR"
                f" [worker-{rng.randrange(99)}] connection to 10.0.{rng.randrange(255)}"
                f".{rng.randrange(255)}:{digits(rng, 4)} refused after {rng.randrange(9)} tries"
            ),
            (
                f"WARN host-{rng.randrange(400)} disk /dev/sda{rng.randrange(9)} at 9"
                f"{rng.randrange(9)}% ({digits(rng, 9)} of {digits(rng, 9)} bytes)"
            ),
            (
                f"GET /api/v2/users/{digits(rng, 6)}/orders?page={rng.randrange(90)} HTTP/1.1 500"
                f" {digits(rng, 4)} {digits(rng, 2)}ms"
            ),
        ]
    )


def footer(rng: random.Random) -> str:
    return rng.choice(
        [
            (
                "This message and any attachment are confidential and intended for the addressee"
                f" only. If received in error, delete it and tell the sender. Ref {digits(rng, 6)}."
            ),
            (
                f"You receive this because you subscribed on {rng.randrange(1, 29)} May. To"
                f" unsubscribe click here or write to list-{digits(rng, 4)}@mail.example.com."
            ),
            (
                f"Copyright {rng.randrange(2001, 2026)} all rights reserved. Terms of use, privacy"
                f" policy, cookie settings, site map {digits(rng, 3)}."
            ),
        ]
    )
