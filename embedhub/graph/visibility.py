"""Who may see a row of a subject: the condition for queries of features that name rows."""

from embedhub.graph.queries.nodes import visible

__all__ = ["visible"]
