"""Whether a sentence denies what another one says: by a closed class of words; pure.

"It does not support X" shares every word with "it supports X". What a sentence says is split into
words that it affirms, words that it denies, and the rest. The words of negation are the closed
class that grammars of these languages list (in the treebanks of Universal Dependencies: what is
marked Polarity=Neg, negative pronouns and determiners, and the prepositions for "without"). Denial
by other words (fails to, lacks, is forbidden) and by prefixes (unsupported) is not seen.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Read = Callable[[str], frozenset[str]]

# Ahead of what they deny, in nearly all cases (97 % in English: universaldependencies.org, neg).
AHEAD = (
    r"not|never|no|none|nobody|nothing|nowhere|neither|nor|cannot|\w+n['’]t",
    r"nunca|jamás|tampoco|nadie|nada|ni|ningun[oa]s?|ningún",
    r"ne|n['’](?=\w)|pas|jamais|aucune?s?|rien",
    r"non|nessun[oa]?|niente|né",
    r"não|nenhuma?|ninguém|nem",
    r"не|нет|ни|никогда|никто|ничего|нельзя",
    r"[وف]?(?:لا|لم|لن|ليس|ليست|ليسوا|عدم|غير)",
)
# Denied is the whole clause: "Er hat den Mann nicht gesehen", "unterstützt das nicht".
AROUND = r"nicht|nie|niemals|kein(?:e|er|es|en|em)?|niemand(?:en|em)?|nichts|weder|nirgends"
# Only what follows is denied: it works, without a key.
WITHOUT = r"without|ohne|sin|sans|senza|sem|без|[وف]?(?:بدون|بلا|دون)"
# Of the signs 不没未无非 those that deny: others are parts of words (不同 different, 非常 very).
SIGNS = r"不(?![同断久过少论管])|没(?!收)|未(?!来)|无(?![线论数])|(?<!除)非(?![常洲])"
# "Not only X but Y" affirms both.
NOT_ONLY = (
    r"not\s+(?:only|just|merely)|nicht\s+nur|no\s+s[oó]lo|no\s+solamente|pas\s+seulement|"
    r"non\s+solo|não\s+só|не\s+только|ليس\s+فقط|"
    # ne ... que is "only".
    r"n(?:e\s+|['’])(?:(?!pas\b|jamais\b|rien\b)\w+\s+){1,3}que\b"
)
# The abbreviation of "number": No. 7. In Portuguese it is "in the".
NUMBERED = re.compile(r"\bno\.?\s*(?=\d)", re.IGNORECASE)
PORTUGUESE = re.compile(r"[ãõ]|\buma\b", re.IGNORECASE)
IN_THE = re.compile(r"\bno\b", re.IGNORECASE)
FOUND = re.compile(
    rf"(?P<none>\b(?:{NOT_ONLY})|不仅|不只|不但|不光)"
    rf"|(?P<ahead>\b(?:{'|'.join(AHEAD)})\b(?!-)|{SIGNS})"
    rf"|(?P<around>\b(?:{AROUND})\b)"
    rf"|(?P<without>\b(?:{WITHOUT})\b)",
    re.IGNORECASE,
)
# Denial ends with its clause.
CLAUSE_END = re.compile(
    r"[,;:()—–.!?，；：。！？、،؛]+(?!\d)|\b(?:but|however|although|though|because|while|whereas|"
    r"sondern|aber|jedoch|obwohl|weil|während|pero|sino|aunque|porque|mais|cependant|ma|però|"
    r"mas|porém|но|а|однако|لكن|ولكن|بل)\b|但是?|而是?|却",
    re.IGNORECASE,
)
# Where at least this share of the words in common, by their weights, is denied by one side alone,
# one side denies the other.
MIN_DENIED = 0.3


@dataclass(frozen=True, slots=True)
class Stance:
    """The words of a sentence that it affirms, and those that it denies."""

    affirmed: frozenset[str]
    denied: frozenset[str]


def stance(text: str, read: Read) -> Stance:
    """Return what a text affirms and denies; `read` gives the words of a text.

    The subject of a denied clause is neither: "whales do not sing" is about whales all the same.
    """
    text = NUMBERED.sub("", text)
    if PORTUGUESE.search(text):
        text = IN_THE.sub("", text)
    clauses = [_of_clause(clause, read) for clause in _clauses(text)]
    denied = frozenset[str]().union(*(one.denied for one in clauses))
    return Stance(frozenset[str]().union(*(one.affirmed for one in clauses)) - denied, denied)


def _of_clause(clause: str, read: Read) -> Stance:
    marks = [mark for mark in FOUND.finditer(clause) if mark.lastgroup != "none"]
    if not marks:
        return Stance(read(clause), frozenset())
    kinds = {mark.lastgroup for mark in marks}
    head = read(clause[: marks[0].start()])
    without = next((mark for mark in marks if mark.lastgroup == "without"), None)
    if without is not None:
        tail = read(clause[without.end() :])
        if len(kinds) == 1:
            return Stance(head, tail)
        # Not without a key: it takes a key, and nothing is said of what works without.
        return Stance(tail, frozenset())
    # "No ... nunca" and "ne ... pas" deny once. Behind "it keeps nothing" comes nothing.
    behind = read(clause[marks[0].end() :])
    return Stance(frozenset(), behind | head if "around" in kinds or not behind else behind)


def denies(one: Stance, other: Stance, weights: Mapping[str, float]) -> bool:
    """Return whether one sentence denies what the other says: of words that both have."""
    against = (one.affirmed & other.denied) | (one.denied & other.affirmed)
    along = (one.affirmed & other.affirmed) | (one.denied & other.denied)
    opposed = sum(weights.get(word, 1.0) for word in against)
    agreed = sum(weights.get(word, 1.0) for word in along)
    return opposed > 0 and opposed >= MIN_DENIED * (opposed + agreed)


def is_denied(said: Stance, cited: Sequence[Stance], weights: Mapping[str, float]) -> bool:
    """Return whether all of the sentences that come nearest to what is said deny it."""
    return bool(cited) and all(denies(said, one, weights) for one in cited)


def _clauses(text: str) -> Iterator[str]:
    start = 0
    for end in CLAUSE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]
