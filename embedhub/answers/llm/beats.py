"""Texts that are waited for, and a sign of life whenever none comes."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait


def with_beats(
    texts: Generator[str, None, None], *, every_s: float, end: Callable[[], None]
) -> Generator[str, None, None]:
    """Yield the texts, and an empty one each time that none came for so many seconds.

    They are made by a thread of their own, one at a time. Closing calls `end`, which has to wake
    it, and then closes `texts`. Raises what they raise.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="endpoint") as thread:
        step = thread.submit(next, texts, None)
        try:
            while True:
                if not wait([step], every_s).done:
                    yield ""
                    continue
                text = step.result()
                if text is None:
                    return
                yield text
                step = thread.submit(next, texts, None)
        finally:
            if not step.done():
                end()
            wait([step])
            thread.submit(texts.close).result()
