"""The advice about the index of a declared field follows from the indexes that are there."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import AdviceCode
from embedhub.collections.details import describe_collection
from embedhub.config import override_config
from embedhub.search.field_index import index_suffix
from embedhub.search.observed import observer
from embedhub.search.request import Mode, SearchRequest
from embedhub.search.service import search
from tests.search.recall.conftest import space_ids

pytestmark = pytest.mark.usefixtures("sent_jobs")

FILTER = {"year": {"$lt": 700}, "published": {"$gte": "2010-01-01"}}


@pytest.fixture
def frequent() -> Iterator[None]:
    """One search an hour counts as frequent."""
    override_config(advice_filters_per_hour=1)
    yield
    override_config(advice_filters_per_hour=100)


def test_the_index_of_a_declared_field_is_missed_when_it_is_gone(
    indexed: Caller, frequent: None, vectors: NDArray[np.float32]
) -> None:
    search(indexed, "papers", SearchRequest(vector=vectors[3], mode=Mode.DENSE, filter=FILTER))
    observer.flush()
    assert describe_collection(indexed, "papers").advice == []
    [space_id, _] = space_ids()
    with db.autocommit() as connection:
        name = f"vectors.embeddings_{space_id}_{index_suffix('year')}"
        connection.execute(text(f"DROP INDEX {name}"))
    [advice] = describe_collection(indexed, "papers").advice
    assert advice.code is AdviceCode.FILTER_INDEX_MISSING
    assert advice.message.startswith("year is filtered 1 times an hour and its index is missing")
