"""Rows for tests: plain functions with defaults, through the services that users go through."""

import uuid
from collections.abc import Sequence
from typing import Any

from embedhub.access.caller import Caller
from embedhub.answers.request import Answer, AnswerTook, Citation, Method
from embedhub.collections.service import CollectionInput, CollectionView, create_collection
from embedhub.documents.inputs import parse_document
from embedhub.documents.service import Outcome, upsert_documents
from embedhub.runs.progress import RunProgress
from embedhub.spaces.ledger import encode_pending


class SilentProgress(RunProgress):
    """Progress of a run that nobody asked for and nobody reads; `said` keeps its words."""

    def __init__(self) -> None:
        # Of no run that there is.
        self.run_id = 0
        self.said: list[str] = []
        self.reports: list[tuple[int, int | None]] = []
        self.forecast: dict[str, Any] = {}

    def describe(self, phase: str, *, waiting_for: str | None = None) -> None:
        self.said.append(f"{phase}, waiting for {waiting_for}" if waiting_for else phase)

    def foretell(self, forecast: dict[str, Any]) -> None:
        self.forecast = forecast

    def report(self, done: int, total: int | None = None) -> None:
        self.reports.append((done, total))

    def note(self, done: int, total: int | None = None) -> None:
        self.report(done, total)

    def stay_alive(self) -> None:
        pass


def make_collection(caller: Caller, slug: str = "papers", **wanted: Any) -> CollectionView:
    """Create a collection encoded by hashing, which needs no weights."""
    if "dimension" not in wanted:
        wanted.setdefault("encoder", "hashing-64")
    return create_collection(caller, CollectionInput(slug=slug, **wanted))


def send(caller: Caller, *documents: dict[str, Any], slug: str = "papers") -> list[Outcome]:
    """Send documents as a client would."""
    inputs = [parse_document(raw, f"documents.{i}") for i, raw in enumerate(documents)]
    return upsert_documents(caller, slug, inputs)


def send_texts(
    caller: Caller, texts: Sequence[str], slug: str = "papers", **fields: Any
) -> list[Outcome]:
    """Send texts under the ids "0", "1", ..."""
    return send(
        caller,
        *({"external_id": str(i), "text": text} | fields for i, text in enumerate(texts)),
        slug=slug,
    )


def encode_everything() -> int:
    """Do the embed worker's work; return the rows leased."""
    return encode_pending(budget_s=60)


def make_answer(text: str = "Mammals [1].", **fields: Any) -> Answer:
    """Return an answer that cites the first sentence of a document."""
    given: dict[str, Any] = {
        "request_id": uuid.uuid4(),
        "question": "What are whales?",
        "method": Method.GENERATED,
        "found": True,
        "text": text,
        "sentences": (),
        "citations": (
            Citation(1, "papers", "whales", "Whales", None, 1, 0, 19, "Whales are mammals.", None),
        ),
        "nearest": (),
        "evidence": 0.9,
        "min_evidence": 0.5,
        "complete": True,
        "notes": (),
        "took": AnswerTook(0, 0, 0, 0, 0),
    }
    return Answer(**given | fields)
