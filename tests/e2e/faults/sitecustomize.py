"""Makes a worker's encoder misbehave, as real ones do: loaded by every Python that finds it first.

On its path by PYTHONPATH only in the tests that want it. Only workers are changed, and only the
hashing encoder: a text with POISON raises, one with SLOW takes a second.
"""

import sys

if "celery" in sys.orig_argv:
    import time
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedhub.encoders.hashing import HashingEncoder

    encode = HashingEncoder.encode_documents

    def misbehave(self: HashingEncoder, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("POISON" in text for text in texts):
            raise ValueError("this text cannot be encoded")
        time.sleep(sum("SLOW" in text for text in texts))
        return encode(self, texts)

    HashingEncoder.encode_documents = misbehave  # type: ignore[method-assign]
