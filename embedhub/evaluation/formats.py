"""Files of judged queries as they are published: BEIR's JSON lines and TSV, TREC's topics; pure.

Each reader raises InvalidInput naming the line, so that a file is taken as a whole or not at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import orjson

from embedhub.errors import InvalidInput

MAX_RELEVANCE = 100
TOPIC = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
NUMBER = re.compile(r"<num>(?:\s*Number:)?\s*([^\s<]+)", re.IGNORECASE)
TITLE = re.compile(r"<title>(?:\s*Topic:)?\s*(.*?)(?=<|\Z)", re.DOTALL | re.IGNORECASE)
# What the columns of a header are called, in lower case.
HEADER_WORDS = {"query-id", "query_id", "qid", "id", "topic"}


@dataclass(frozen=True, slots=True)
class ReadJudgments:
    """Relevance by query and document; grades below 0, TREC's junk, count as not relevant."""

    relevance: dict[str, dict[str, int]]
    n_negative: int


def read_queries(text: str, path: str = "queries") -> dict[str, str]:
    """Return query texts by id from JSON lines, TREC topics, or lines of id, tab, text."""
    stripped = text.lstrip("\ufeff").lstrip()
    if stripped.startswith("{"):
        rows = _json_queries(text, path)
    elif TOPIC.search(stripped):
        rows = _topics(stripped, path)
    else:
        rows = _tabbed_queries(text, path)
    found: dict[str, str] = {}
    for line, ident, query in rows:
        where = f"{path}.{line}"
        if not ident:
            raise InvalidInput("the query has no id", where)
        if not query.strip():
            raise InvalidInput(f"query {ident!r} has no text", where)
        if found.setdefault(ident, query.strip()) != query.strip():
            raise InvalidInput(f"query {ident!r} is there twice with different texts", where)
    return found


def read_qrels(text: str, path: str = "qrels") -> ReadJudgments:
    """Return judgments from TREC's four columns, or BEIR's three with or without a header."""
    relevance: dict[str, dict[str, int]] = {}
    n_negative = 0
    for line, columns in _rows(text):
        where = f"{path}.{line}"
        if line == 1 and columns[0].lower() in HEADER_WORDS:
            continue
        if len(columns) not in (3, 4):
            raise InvalidInput(f"expected 3 or 4 columns, found {len(columns)}", where)
        query, document, raw = columns[0], columns[-2], columns[-1]
        grade = _grade(raw, where)
        n_negative += grade < 0
        relevance.setdefault(query, {})[document] = max(0, grade)
    return ReadJudgments(relevance, n_negative)


def _json_queries(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        try:
            record: Any = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"is not JSON: {error}", f"{path}.{number}") from None
        if not isinstance(record, dict):
            raise InvalidInput("is not a JSON object", f"{path}.{number}")
        ident = record.get("_id", record.get("id", record.get("query_id")))
        query = record.get("text", record.get("query"))
        if not isinstance(ident, str | int) or not isinstance(query, str):
            raise InvalidInput("needs an _id and a text", f"{path}.{number}")
        yield number, str(ident), query


def _topics(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    for topic in TOPIC.finditer(text):
        line = text.count("\n", 0, topic.start()) + 1
        number, title = NUMBER.search(topic[1]), TITLE.search(topic[1])
        if number is None or title is None:
            raise InvalidInput("a topic needs <num> and <title>", f"{path}.{line}")
        yield line, number[1], " ".join(unescape(title[1]).split())


def _tabbed_queries(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        ident, tab, query = line.partition("\t")
        if not tab:
            raise InvalidInput("expected an id, a tab and a text", f"{path}.{number}")
        if number == 1 and ident.strip().lower() in HEADER_WORDS:
            continue
        yield number, ident.strip(), query


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_lines(text), start=1):
        if line.strip():
            # A document's id may hold spaces where columns are split by tabs.
            columns = line.split("\t") if "\t" in line else line.split()
            yield number, [column.strip() for column in columns]


def _lines(text: str) -> list[str]:
    # Not splitlines: a query may hold U+2028, which ends no line of a file.
    return [line.rstrip("\r") for line in text.lstrip("\ufeff").split("\n")]


def _grade(raw: str, where: str) -> int:
    try:
        grade = int(raw)
    except ValueError:
        raise InvalidInput(f"relevance {raw[:20]!r} is not a whole number", where) from None
    if grade > MAX_RELEVANCE:
        raise InvalidInput(f"relevance is at most {MAX_RELEVANCE}", where)
    return grade
