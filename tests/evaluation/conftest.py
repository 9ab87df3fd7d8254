"""A small collection with judged queries, and the work of the runs over it."""

from typing import Any

import pytest

from embedhub.access.caller import Caller
from embedhub.evaluation.inputs import JudgedInput
from embedhub.evaluation.service import put_judged
from embedhub.runs.service import carry_out, get_run
from embedhub.runs.view import RunView
from tests.factories import encode_everything, make_collection, send

TEXTS = {
    "whales": "The blue whale is the largest animal that ever lived.",
    "bats": "Bats hear where they fly.",
    "volcano": "A volcano is a mountain that opens to molten rock.",
    "bread": "Bread is baked of flour, water and salt.",
    "rain": "Rain falls from clouds when water condenses.",
}
QUERIES = {
    "largest animal": {"whales": 2, "bats": 0},
    "molten rock": {"volcano": 1},
    "flour and salt": {"bread": 1, "rain": 0},
    "zyzzyva": {"bats": 1},
    "nothing relevant": {"rain": 0},
}


@pytest.fixture
def judged(caller: Caller) -> Caller:
    """A caller whose collection `papers` has five documents and five judged queries."""
    fill(caller)
    put_judged(caller, "papers", [JudgedInput(q, q, relevance=r) for q, r in QUERIES.items()])
    return caller


def fill(caller: Caller, slug: str = "papers", **wanted: Any) -> None:
    """Make a collection of the texts, encoded."""
    make_collection(caller, slug, **wanted)
    send(caller, *({"external_id": i, "text": text} for i, text in TEXTS.items()), slug=slug)
    encode_everything()


def carried_out(caller: Caller, run_id: int | None) -> RunView:
    """Do a run's work as its worker does, and return how it ended."""
    from workers.embed import WORK

    assert run_id is not None
    view = get_run(caller, run_id)
    carry_out(run_id, next(work for kind, work in WORK.items() if kind.value == view.kind))
    return get_run(caller, run_id)
