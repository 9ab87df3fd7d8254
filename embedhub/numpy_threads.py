"""NumPy's matrix products stay in the thread that asks for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def keep_to_one_thread() -> None:
    """Have NumPy's linear algebra start no threads of its own in this process, from now on.

    What a search multiplies takes half a millisecond. Waiting until a second thread gets a core
    took 20 where others wanted both cores.
    """
    ThreadpoolController().limit(limits=1, user_api="blas")


@contextmanager
def blas_threads(n: int | None) -> Iterator[None]:
    """Have NumPy's linear algebra use at most `n` threads within the block; None: all it has.

    Systems of some dozen unknowns, solved one after another, take longer by two threads than by
    one, and twice the processor.
    """
    with ThreadpoolController().limit(limits=n, user_api="blas"):
        yield
