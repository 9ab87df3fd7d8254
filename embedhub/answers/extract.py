"""An answer in the documents' own words: the sentences that answer best; pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from embedhub.answers.evidence import BY_MEANING, BY_WORDS, PassageTraits, borne
from embedhub.answers.passages import Passage
from embedhub.search.analysis import UNSPACED
from embedhub.search.request import Span

# A sentence much weaker than the best one is left out, although there would be room.
MIN_SHARE, MIN_FURTHER_SHARE = 0.45, 0.8


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """A sentence of a passage beside the question.

    `words` is the share of the question's words that it holds, `passage_words` the share that its
    passage holds, `cosine` that to the question, None without an encoder.
    """

    passage: Passage
    span: Span
    words: float
    passage_words: float
    cosine: float | None = None

    @property
    def text(self) -> str:
        """Return the sentence as it stands in the document."""
        return self.passage.text[self.span.start : self.span.end]

    @property
    def value(self) -> float:
        """Return how well it answers, by words, by meaning and by the rank of its passage."""
        return self.words + (self.cosine or 0.0) + 1 / (1 + self.passage.rank)

    @property
    def bears(self) -> float:
        """Return what its passage bears of an answer, going by this sentence of it."""
        traits = PassageTraits(self.passage_words, 0.0, self.words, self.cosine)
        return borne(traits, BY_WORDS if self.cosine is None else BY_MEANING)

    @property
    def start(self) -> int:
        """Return where it begins in the version's text."""
        return self.passage.start + self.span.start

    @property
    def end(self) -> int:
        """Return where it ends in the version's text."""
        return self.passage.start + self.span.end


def choose(
    sentences: Sequence[ReadSentence], *, max_citations: int, max_words: int
) -> list[ReadSentence]:
    """Return the sentences of the answer, by document, the best one's first.

    Each of the documents whose passages bear most of an answer gives its best sentence, then the
    best of what is left follows while there is room; nothing is said twice. Where no sentence has
    room the best one is cut.
    """
    by_document: dict[int, list[ReadSentence]] = {}
    for one in sorted(sentences, key=lambda one: -one.value):
        by_document.setdefault(one.passage.document_id, []).append(one)
    ranked = sorted(by_document.values(), key=lambda found: -max(one.bears for one in found))[
        :max_citations
    ]
    best = max((found[0].value for found in ranked), default=0.0)
    firsts = [found[0] for found in ranked]
    further = sorted((one for found in ranked for one in found[1:]), key=lambda one: -one.value)
    wanted = [(one, MIN_SHARE) for one in firsts] + [(one, MIN_FURTHER_SHARE) for one in further]
    chosen: list[ReadSentence] = []
    said: set[str] = set()
    left = max_words
    for one, share in wanted:
        plain = spoken(one.text)
        n_words = count_words(plain)
        if plain in said or n_words > left or one.value < share * best:
            continue
        chosen.append(one)
        said.add(plain)
        left -= n_words
    if ranked and not chosen:
        # Each is longer than an answer may be: the beginning of the best one is better than none.
        chosen = [shortened(max(firsts, key=lambda one: one.value), max_words)]
    order = {found[0].passage.document_id: place for place, found in enumerate(ranked)}
    return sorted(chosen, key=lambda one: (order[one.passage.document_id], one.start))


def shortened(sentence: ReadSentence, max_words: int) -> ReadSentence:
    """Return the beginning of a sentence, of so many words."""
    text, span = sentence.text, sentence.span
    n_chars = bisect_right(range(len(text) + 1), max_words, key=lambda n: count_words(text[:n])) - 1
    return replace(sentence, span=Span(span.start, span.start + len(text[:n_chars].rstrip())))


def spoken(text: str) -> str:
    """Return a sentence as it is said in an answer: on one line."""
    return " ".join(text.split())


def says(text: str, sentence: str) -> bool:
    """Return whether a text holds a sentence word by word."""
    told, wanted = spoken(text), spoken(sentence)
    start = told.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not _is_in_word(told, start) and not _is_in_word(told, end):
            return True
        start = told.find(wanted, start + 1)
    return False


def _is_in_word(text: str, place: int) -> bool:
    pair = text[max(0, place - 1) : place + 1]
    return place > 0 and len(pair) == 2 and pair.isalnum() and not UNSPACED.search(pair)


def count_words(text: str) -> int:
    """Return how many words a text has; of scripts without spaces two signs are taken as one."""
    signs = sum(len(run) for run in UNSPACED.findall(text))
    return len(UNSPACED.sub(" ", text).replace("。", " ").split()) + -(-signs // 2)
