"""How many rows a statement really looked at, as Postgres counts them while it runs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ClauseElement, Executable, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

# Nodes that take rows from a table or an index's order; what stands above them only passes on.
SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan")


class Explained(Executable, ClauseElement):
    """A statement run to its end for its account instead of its rows."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explained)
def explain(element: Explained, compiler: Any, **options: Any) -> str:
    """Return the statement behind Postgres' EXPLAIN."""
    inner = compiler.process(element.statement, **options)
    return f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, BUFFERS OFF, COSTS OFF) {inner}"


def scanned_rows(
    session: Session, statement: Select[Any], table: str, facts: Mapping[str, Any] | None = None
) -> int:
    """Run a statement and return the rows of a table and its partitions that it looked at."""
    found = session.execute(Explained(statement), facts).scalar_one()
    plan = found if isinstance(found, list) else json.loads(found)
    return sum(
        rows_of(node)
        for node in nodes(plan[0]["Plan"])
        if node["Node Type"] in SCANS and node.get("Relation Name", "").startswith(table)
    )


def rows_of(scan: dict[str, Any]) -> int:
    """Return the rows a scan took, those that it dropped among them."""
    dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    each: float = scan["Actual Rows"] + sum(scan.get(name, 0) for name in dropped)
    loops: int = scan["Actual Loops"]
    return round(each * loops)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a plan's nodes, from the top down."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
