"""The proof that nothing accepted was lost, by set queries over the whole database."""

from dataclasses import dataclass

from embedhub import db
from embedhub.errors import NotReady
from embedhub.spaces.queries import doctor as queries

# Older versions corrupt HNSW indexes while vacuum runs.
OLDEST_PGVECTOR = (0, 8, 4)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What the doctor saw: counts of all rows, and of those that break a promise."""

    n_documents: int
    n_chunks: int
    n_vectors: int
    n_pending: int
    n_dead: int
    broken: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether every promise holds."""
        return not any(self.broken.values())


def examine() -> DoctorReport:
    """Check every promise of the ledger in one snapshot; reads the whole database."""
    with db.reading() as session:
        return DoctorReport(*queries.totals(session), broken=queries.broken_rows(session))


def check_pgvector() -> str:
    """Return pgvector's version; raises NotReady if it is one that can lose rows."""
    with db.reading() as session:
        version = queries.pgvector_version(session)
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers < OLDEST_PGVECTOR:
        oldest = ".".join(map(str, OLDEST_PGVECTOR))
        raise NotReady(
            f"pgvector {version} can corrupt HNSW indexes; install {oldest} or newer, then"
            " ALTER EXTENSION vector UPDATE"
        )
    return version
