"""A running service for the end-to-end tests, one a test process."""

from collections.abc import Iterator

import pytest

from tests.e2e.hub import Hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running service with the hashing encoder, quick leases and small batches."""
    hub = Hub(
        tmp_path_factory.mktemp("hub"), lease_s=3, sweep_s=1, encode_batch=16, retry_base_s=0.2
    )
    hub.up()
    yield hub
    hub.down()
