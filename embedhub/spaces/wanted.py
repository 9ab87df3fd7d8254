"""Which indexes a shelf of one's own has: the one list that builds and rebuilds go by; pure."""

from dataclasses import dataclass

from embedhub.search.lexical_index import lexical_shelf_indexes
from embedhub.spaces.copies import IS_HIDDEN, IS_INDEXED, SIBLINGS
from embedhub.spaces.distance import hnsw_index
from embedhub.tables import Collection, Space


@dataclass(frozen=True, slots=True)
class ShelfIndex:
    """One index of a shelf: how its name ends, and what CREATE INDEX says of it."""

    suffix: str
    # method, columns and operator class
    method: str
    # storage parameters: "m = 16, ef_construction = 64"
    storage: str = ""
    # the condition of a partial index
    where: str = ""

    @property
    def definition(self) -> str:
        """Return all that CREATE INDEX says behind USING."""
        storage = f" WITH ({self.storage})" if self.storage else ""
        return self.method + storage + (f" WHERE {self.where}" if self.where else "")


def wanted_indexes(
    space: Space,
    collection: Collection | None,  # noqa: ARG001 - its declared fields will say more
) -> list[ShelfIndex]:
    """Return the indexes that the queries of a space need on a shelf of its own.

    They follow from the space as it is and from the collection's declared fields.
    """
    if space.kind == "sparse":
        methods = enumerate(lexical_shelf_indexes())
        return [ShelfIndex(str(place), method) for place, method in methods]
    return [
        ShelfIndex("siblings", f"btree ({', '.join(SIBLINGS)})"),
        ShelfIndex("hidden", "btree (input_hash)", where=IS_HIDDEN),
        ShelfIndex(
            "hnsw",
            hnsw_index(space.metric, space.precision, space.dimension),
            where=IS_INDEXED,
        ),
        ShelfIndex("access", "gin (access)", "fastupdate = off"),
        ShelfIndex("attributes", "gin (attributes jsonb_path_ops)", "fastupdate = off"),
    ]
