"""The weights of a pair's evidence, as they were learned.

Written by `python -m benchmarks.duplicates learn`, on copies made by editing texts of two kinds,
long abstracts and short questions, with their nearest neighbors: see docs/decisions/duplicates.md.
"""

from embedhub.duplicates.scoring import Weights

WITH_VECTORS = Weights(
    base=-10.1302,
    weights={
        "jaccard": 0.0000,
        "words": 0.0705,
        "letters": 11.8808,
        "containment": 6.6608,
        "cosine": 0.0000,
        "length": 0.7023,
        "numbers": 14.4919,
        "dates": 8.5008,
        "units": 8.7511,
        "codes": 6.5474,
        "negation": 6.8769,
    },
    typical={
        "jaccard": 0.3324,
        "words": 0.4401,
        "letters": 0.5614,
        "containment": 0.5627,
        "cosine": 0.6755,
        "length": 0.7965,
        "numbers": 0.7408,
        "dates": 0.9887,
        "units": 0.8953,
        "codes": 0.8727,
        "negation": 0.7680,
    },
)

WORDS_ALONE = Weights(
    base=-10.1371,
    weights={
        "jaccard": 0.0000,
        "words": 0.0853,
        "letters": 11.9051,
        "containment": 6.6536,
        "length": 0.6613,
        "numbers": 14.4778,
        "dates": 8.4969,
        "units": 8.7629,
        "codes": 6.5712,
        "negation": 6.8794,
    },
    typical={
        "jaccard": 0.3324,
        "words": 0.4401,
        "letters": 0.5614,
        "containment": 0.5627,
        "length": 0.7965,
        "numbers": 0.7408,
        "dates": 0.9887,
        "units": 0.8953,
        "codes": 0.8727,
        "negation": 0.7680,
    },
)
