"""The SQL that knows of imports: an index over rows that are still coming is built at their end.

Built in one go it takes a third of what it takes to insert the same rows into it one by one.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub.config import get_config

# For a query over `spaces s`, with the parameters of `patience`. An import that gives no sign of
# life, or takes very long, keeps no index from being built.
LOADING = """
    SELECT FROM imports i
    WHERE (i.collection_id = s.collection_id OR
           (i.catalog_id = s.catalog_id AND i.kind = s.subject || 's'))
      AND i.status IN ('waiting', 'running')
      AND i.updated_at > now() - make_interval(secs => :alive_s)
      AND i.created_at > now() - make_interval(secs => :deferral_s)
"""


def patience() -> dict[str, float]:
    """Return the parameters of LOADING."""
    config = get_config()
    return {"alive_s": config.run_heartbeat_s, "deferral_s": config.index_deferral_s}


def is_loading(session: Session, space_id: int) -> bool:
    """Say whether an import into the space's collection is under way."""
    statement = text(f"SELECT 1 FROM spaces s WHERE s.id = :id AND EXISTS ({LOADING})")
    return session.execute(statement, {"id": space_id} | patience()).first() is not None
