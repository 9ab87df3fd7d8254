"""How many rows of a shelf pass a filter, guessed from a sample of its pages; pure."""

from dataclasses import dataclass
from functools import cached_property

from embedhub.search.conditions import LookUp, fields_of, without
from embedhub.search.field_index import index_suffix

# Pages looked at: rows of one page were often stored together and resemble each other.
SAMPLE_PAGES = 300
# Of short rows a page holds hundreds; so many are looked at in all, taken from every page.
SAMPLE_ROWS = 4_000


@dataclass(frozen=True)
class Shelf:
    """What is known of a shelf of its own without reading it.

    `rows_per_page` is None until the table was analysed; `indexes` are the names of the valid ones.
    """

    n_pages: int
    rows_per_page: float | None
    indexes: frozenset[str]

    @cached_property
    def n_rows(self) -> int | None:
        """Return about how many rows it holds; None if nothing was counted yet."""
        if self.rows_per_page is None:
            return None
        return round(self.n_pages * self.rows_per_page)

    @property
    def sample_percent(self) -> float:
        """Return which part of the pages a sample reads, in percent."""
        return min(100.0, 100 * SAMPLE_PAGES / max(1, self.n_pages))

    @property
    def sample_step(self) -> int:
        """Return of how many rows on the sampled pages one is looked at."""
        expected = (self.n_rows or 0) * self.sample_percent / 100
        return max(1, int(expected // SAMPLE_ROWS))

    @property
    def is_access_served(self) -> bool:
        """Return whether indexes find the rows that somebody with principals may see."""
        return any(name.endswith("_open") for name in self.indexes)

    def served(self, found: LookUp | None) -> LookUp | None:
        """Return what the indexes that are there find; None if they cannot narrow the search."""
        if found is None:
            return None
        missing = {
            field: not any(name.endswith(index_suffix(field)) for name in self.indexes)
            for field in fields_of(found)
        }
        return without(found, missing)

    def serves(self, found: LookUp | None, *, has_principals: bool) -> bool:
        """Return whether nothing that it could look up of a search lacks its index."""
        return self.served(found) == found and (self.is_access_served or not has_principals)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a sample: all, those that pass, and those an index would hand out."""

    n_rows: int
    n_passing: int
    n_looked_up: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how many rows a space has, how many pass, and how many an index hands out."""

    n_rows: int
    n_passing: int
    n_looked_up: int

    @property
    def share(self) -> float:
        """Return which part of the rows passes, never quite none."""
        return max(self.n_passing, 1) / max(self.n_rows, 1)


def estimate(shelf: Shelf, sample: Sample) -> Estimate:
    """Return what a sample says of the whole shelf."""
    n_sampled = sample.n_rows * shelf.sample_step
    n_rows = shelf.n_rows
    if n_rows is None:
        n_rows = round(n_sampled * 100 / shelf.sample_percent)
    if not sample.n_rows:
        # Nearly empty pages: then all of it is little.
        return Estimate(n_rows, n_rows, n_rows)
    return Estimate(
        n_rows,
        round(n_rows * sample.n_passing / sample.n_rows),
        round(n_rows * sample.n_looked_up / sample.n_rows),
    )


def scaled(guess: Estimate, n_rows: int) -> Estimate:
    """Return the same shares of another number of rows."""
    factor = n_rows / max(1, guess.n_rows)
    passing, looked_up = guess.n_passing * factor, guess.n_looked_up * factor
    return Estimate(n_rows, round(passing), round(looked_up))


def whole(n_rows: int) -> Estimate:
    """Return the estimate for a search that nothing restricts."""
    return Estimate(n_rows, n_rows, n_rows)
