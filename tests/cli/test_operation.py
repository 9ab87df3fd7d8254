"""`embedhub status` speaks of collections by the names that people gave them."""

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.cli.operation import show_workspace
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_run
from embedhub.spaces.service import live_spaces
from tests.factories import make_collection


def test_runs_name_collections_by_slug(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    make_collection(caller, "others")
    collection = make_collection(caller, "papers")
    with db.writing() as session:
        live = live_spaces(session, workspace_id=caller.workspace_id, collection_id=collection.id)
        assert live.dense is not None
        assert live.sparse is not None
        for kind, subject in (
            (RunKind.UPDATE_ATTRIBUTES, f"collection {collection.id}"),
            (RunKind.DELETE_DOCUMENTS, f"collection {collection.id}, deletion 0a1b2c3d"),
            (RunKind.GROW_SPACE, f"space {live.dense.id}"),
            (RunKind.REWEIGH, f"space {live.sparse.id}"),
            (RunKind.DELETE_COLLECTION, "collection 999999999"),
        ):
            start_run(session, workspace_id=caller.workspace_id, kind=kind, subject=subject)
    show_workspace(caller)
    shown = [line.split(maxsplit=2)[2] for line in capsys.readouterr().out.splitlines()[-5:]]
    assert shown == [
        "delete_collection of collection 999999999: queued",
        "reweigh of papers (words): queued",
        "grow_space of papers (meaning): queued",
        "delete_documents of papers: queued",
        "update_attributes of papers: queued",
    ]
