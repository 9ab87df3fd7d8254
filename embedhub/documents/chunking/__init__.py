"""Documents to passages: counted in the encoder's own tokens, with offsets into the stored text."""

from embedhub.documents.chunking.passages import Passage, encoder_input, input_hash
from embedhub.documents.chunking.setting import Chunking, ChunkingStrategy
from embedhub.documents.chunking.split import split
from embedhub.documents.chunking.tokens import count_tokens

__all__ = [
    "Chunking",
    "ChunkingStrategy",
    "Passage",
    "count_tokens",
    "encoder_input",
    "input_hash",
    "split",
]
