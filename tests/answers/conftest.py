"""What every test of answers leaves behind."""

from collections.abc import Iterator

import pytest

from embedhub.search.search_log import writer


@pytest.fixture(autouse=True)
def written_log() -> Iterator[None]:
    """The log is written while its database is still there."""
    yield
    writer.flush()
