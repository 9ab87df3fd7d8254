"""Text to vectors: the encoders by name; importing this loads neither torch nor weights."""

from embedhub.encoders.cross_registry import get_cross_encoder, start_cross_encoder
from embedhub.encoders.protocol import Encoder, EncoderDescription, OverTime, PairScorer
from embedhub.encoders.query_cache import encode_query, is_known_query
from embedhub.encoders.registry import (
    SUPPLIED,
    available_encoders,
    describe_encoder,
    get_encoder,
    is_loaded,
    load_tokenizer,
)

__all__ = [
    "SUPPLIED",
    "Encoder",
    "EncoderDescription",
    "OverTime",
    "PairScorer",
    "available_encoders",
    "describe_encoder",
    "encode_query",
    "get_cross_encoder",
    "get_encoder",
    "is_known_query",
    "is_loaded",
    "load_tokenizer",
    "start_cross_encoder",
]
