"""Which indexes a shelf of one's own has: the one list that builds and rebuilds go by; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from embedhub.config import get_config
from embedhub.search.field_index import index_method, index_suffix, indexed_fields
from embedhub.search.lexical_index import lexical_shelf_indexes
from embedhub.spaces.copies import IS_HIDDEN, IS_INDEXED, SIBLING_COLUMNS, SIBLINGS
from embedhub.spaces.distance import hnsw_index
from embedhub.tables import Catalog, Collection, Space


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


# How the name of the one index ends that is built beside itself and swapped.
HNSW = "hnsw"


def wanted_indexes(
    space: Space,
    owner: Collection | Catalog | None,
    *,
    precision: str | None = None,
) -> list[ShelfIndex]:
    """Return the indexes that the queries of a space need on a shelf of its own.

    They follow from the space as it is, or with another precision, from the declared fields of its
    collection or catalog and from the settings. In the order they are built in: before the vector
    index those that a search by it relies on.
    """
    declared = {} if owner is None else _declared(space, owner)
    filtering = [
        # Together with the GIN index on `access`: what a caller with principals may see.
        ShelfIndex("open", "btree (owner_id)", where="access IS NULL"),
        *(ShelfIndex(index_suffix(one), index_method(one)) for one in indexed_fields(declared)),
    ]
    if space.kind == "sparse":
        methods = enumerate(lexical_shelf_indexes())
        return [*(ShelfIndex(str(place), method) for place, method in methods), *filtering]
    return [
        ShelfIndex(SIBLINGS, f"btree ({', '.join(SIBLING_COLUMNS)})"),
        ShelfIndex("hidden", "btree (input_hash)", where=IS_HIDDEN),
        ShelfIndex(
            HNSW,
            hnsw_index(space.metric, precision or space.precision, space.dimension),
            "m = {}, ef_construction = {}".format(*hnsw_settings()),
            where=IS_INDEXED,
        ),
        # From here on it answers; these make filters faster.
        *filtering,
        ShelfIndex("access", "gin (access)", "fastupdate = off"),
        ShelfIndex("attributes", "gin (attributes jsonb_path_ops)", "fastupdate = off"),
    ]


def _declared(space: Space, owner: Collection | Catalog) -> Mapping[str, str]:
    """Return the declared fields by which the space's rows are filtered."""
    is_learned = space.kind == "dense" and space.encoder != owner.encoder
    if isinstance(owner, Catalog) and (space.subject != "item" or is_learned):
        return {}
    return owner.filterable


def hnsw_settings() -> tuple[int, int]:
    """Return m and ef_construction of indexes built from now on."""
    config = get_config()
    # pgvector refuses less.
    return config.hnsw_m, max(config.hnsw_ef_construction, 2 * config.hnsw_m)
