"""What the walk over the endpoints needs of evaluation: judged queries, a variant, a search."""

from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.evaluation.evaluations import start_evaluation
from embedhub.evaluation.service import JudgedInput, put_judged
from embedhub.evaluation.setting import Setting
from embedhub.evaluation.variants import save_variant

# As many as learning weights needs.
N_QUERIES = 30


def evaluation_names(caller: Caller, logged: str, secret: str) -> dict[str, object]:
    """Return the names of rows made in the collection `papers`, to fill into paths."""
    queries = [
        JudgedInput(f"about a {secret}, {i}", relevance={"closed": 1}) for i in range(N_QUERIES)
    ]
    outcomes = put_judged(caller, "papers", queries)
    save_variant(caller, "papers", Setting("saved", ranking={"diversity": 0.1}))
    evaluation = start_evaluation(caller, "papers")
    with db.writing() as session:
        session.execute(
            text(
                "INSERT INTO search_log (request_id, workspace_id, collection_ids, query, mode,"
                " plan, is_complete, n_hits, took_ms) SELECT :logged, workspace_id, ARRAY[id],"
                " :query, 'hybrid', 'exact', true, 1, 1 FROM collections WHERE slug = 'papers'"
            ),
            {"logged": logged, "query": f"a {secret}"},
        )
    return {"query_id": outcomes[0].id, "evaluation_id": evaluation.id}
