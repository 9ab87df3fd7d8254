"""Which rows of one vector the HNSW index holds: the first few, the last of them for all others.

The index's graph links a vector to its nearest ones: among a thousand equal vectors these are the
thousand themselves, and a search that comes there does not get out again. So the index holds only
the first rows of one input, and a search goes on from the last of these, the delegate, to the
hidden ones. What must always hold: where hidden rows are, a delegate is.
"""

# pgvector keeps up to ten equal vectors in one node of the graph: few copies cost it nothing.
INDEXED_COPIES = 4
# The number of the row that stands in the index for those the index does not hold.
DELEGATE = INDEXED_COPIES - 1
# The number of every row that the index does not hold.
HIDDEN = INDEXED_COPIES

# The condition of the partial index; a query has to say the same for the planner to take it.
IS_INDEXED = f"copy < {INDEXED_COPIES}"
# The condition of the partial index that lists the rows behind the delegates.
IS_HIDDEN = f"copy >= {HIDDEN}"
# The B-tree that finds the rows of one input, by how its name ends. Where it is, rows are numbered.
SIBLINGS = "siblings"
SIBLING_COLUMNS = ("input_hash", "copy", "owner_id")
