"""What a passage says, without its menus; pure.

A menu is a line of titles: names of pages, steps or columns, one behind the other. It holds many
words of many questions and answers none.
"""

import re

WORD = re.compile(r"[^\W\d_][\w’'-]*")
# A stop or a comma that ends a word: titles beside each other have none.
PLAIN = re.compile(r"[.,;!?…。，、！？](?=[\"'”’)\]]*(?:\s|$))")
MIN_WORDS = 6
# Of the words of a menu this many begin with a capital; where all nouns do, more must.
MIN_CAPITALS, MIN_CAPITALS_OF_NOUNS = 0.35, 0.65
# German is the language that writes nouns with capitals; two of these words tell it.
GERMAN = re.compile(
    r"\b(?:und|der|die|das|den|dem|des|ein|eine|von|mit|für|auf|ist|sind|nicht|wird|werden)\b",
    re.IGNORECASE,
)
MIN_GERMAN = 2


def prose(text: str) -> str:
    """Return a text without the lines that are menus."""
    n_german = len({word.lower() for word in GERMAN.findall(text)})
    least = MIN_CAPITALS_OF_NOUNS if n_german >= MIN_GERMAN else MIN_CAPITALS
    return "\n".join(line for line in text.split("\n") if not _is_menu(line, least))


def _is_menu(line: str, least: float) -> bool:
    words: list[str] = WORD.findall(line)
    if len(words) < MIN_WORDS or words[0][0].islower() or PLAIN.search(line):
        return False
    return sum(word[0].isupper() for word in words) >= least * len(words)
