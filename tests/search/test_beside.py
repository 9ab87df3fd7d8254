"""A second connection sees what the first one sees, and none is taken that others need."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.service import create_workspace
from embedhub.search import beside
from embedhub.search.beside import MAX_BESIDE, start_beside


def count_workspaces(session: Session) -> int:
    return int(session.execute(text("SELECT count(*) FROM workspaces")).scalar_one())


@pytest.mark.usefixtures("clean")
def test_both_connections_see_one_state() -> None:
    with db.reading() as session:
        assert count_workspaces(session) == 0
        create_workspace("late", "Committed after the first connection looked")
        future = start_beside(session, count_workspaces)
        assert future is not None
        assert future.result(10) == 0
    with db.reading() as session:
        assert count_workspaces(session) == 1


@pytest.mark.usefixtures("clean")
def test_no_more_connections_are_taken_than_can_be_spared() -> None:
    release = threading.Event()

    def hold(session: Session) -> int:
        release.wait(10)
        return count_workspaces(session)

    with db.reading() as session:
        running = [start_beside(session, hold) for _ in range(MAX_BESIDE)]
        assert None not in running
        assert start_beside(session, hold) is None
        release.set()
        assert [future.result(10) for future in running if future] == [0] * MAX_BESIDE
        freed = start_beside(session, count_workspaces)
        assert freed is not None
        assert freed.result(10) == 0


@pytest.mark.usefixtures("clean")
def test_an_error_beside_is_raised_and_the_place_is_free_again() -> None:
    def fail(session: Session) -> int:
        raise ArithmeticError

    with db.reading() as session:
        for _ in range(MAX_BESIDE + 1):
            future = start_beside(session, fail)
            assert future is not None
            with pytest.raises(ArithmeticError):
                future.result(10)
    assert beside._n_running == 0
