"""What two otherwise equal texts may differ in and then mean something else; pure.

Numbers, dates, units, codes and negations are taken from normalized texts. A pair that differs in
them is shown to somebody, however alike its words are.
"""

import re
from collections import Counter
from dataclasses import dataclass

# Thousands are grouped by commas; a sign belongs to a number that nothing stands right before.
NUMBER = re.compile(r"(?<![\w.)\]}-])-?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*")
GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# Letters and digits in one word, parts joined by a hyphen: models, versions, formulas.
CODE = re.compile(r"\b(?=[a-z-]*\d)(?=\d*-?[\w-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*\b")
MONTH = re.compile(
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\b\.?"
    r"(?=,? ?\d)|(?<=\d) ?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\b"
)
UNIT_WORDS = (
    "[kmgtp]?ev|[kmg]?pc|ly|au"
    "|[nmckµ]?m|micron|inch|inches|in|feet|foot|ft|yards?|miles?|mi"
    "|[mkµ]?g|kgs|tons?|tonnes?|lbs?|pounds?|oz|ounces?"
    "|[kmgt]?hz|[kmgtp]?i?b|[kmgtp]?bits?|[kmgtp]?bytes?|[kmgt]bps|megapixels?|mp|pixels?|px"
    "|[nmµ]s|[mn]?sec|seconds?|milliseconds?|microseconds?|nanoseconds?|minutes?|mins?|hours?|hrs?"
    "|h|days?|weeks?|months?|years?|yrs?|decades?|centuries"
    "|[mk]?v|volts?|[mkg]?w|watts?|[kmgt]?wh|[mµ]?a|amps?|mah|ohms?|[kmg]?pa|bar|psi|[mk]?k|kelvin"
    "|celsius|fahrenheit|°c|°f|degrees?|°|[mckd]?l|lit(?:er|re)s?|gallons?|mol|[mk]?cal|[kmg]?j"
    "|percent|%|‰|ppm|ppb|db|dollars?|euros?|usd|eur|gbp|chf|jpy|\\$|€|£|¥"
    "|hundred|thousand|million|billion|trillion|dozen"
)
UNIT = re.compile(rf"\d[ ~-]{{0,2}}({UNIT_WORDS})(?![\w])")
CURRENCY = re.compile(r"([$€£¥]) ?(?=\d)")
NEGATION = re.compile(
    r"(?<![\w-])(?:not?|none|never|nor|neither|cannot|without|nobody|nothing|nowhere|non(?=-))"
    r"(?![\w])(?!\.\s?\d)|\b\w+n't\b"
)
# "no. 5" counts, it does not deny.
MAX_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states: how often each number, code, month and unit, and how many negations."""

    numbers: Counter[str]
    codes: Counter[str]
    months: Counter[str]
    units: Counter[str]
    n_negations: int


def facts_of(plain: str) -> Facts:
    """Return the facts of a normalized text, of a very long one those of its beginning."""
    plain = plain[:MAX_CHARS]
    has_digits = any(map(str.isdigit, plain))
    numbers = _numbers(plain) if has_digits else Counter[str]()
    return Facts(
        numbers=numbers,
        codes=Counter(CODE.findall(plain)) if has_digits else Counter(),
        months=Counter(a or b for a, b in MONTH.findall(plain)) if has_digits else Counter(),
        units=Counter([*UNIT.findall(plain), *CURRENCY.findall(plain)])
        if has_digits
        else Counter(),
        n_negations=sum(1 for _ in NEGATION.finditer(plain)),
    )


def _numbers(plain: str) -> Counter[str]:
    return Counter(
        found.replace(",", "") if GROUPED.fullmatch(found) else found
        for found in NUMBER.findall(plain)
    )


def differing(left: Counter[str], right: Counter[str]) -> tuple[list[str], list[str]]:
    """Return what only the left and what only the right one has, as often as it has it more."""
    return sorted((left - right).elements()), sorted((right - left).elements())


def agreement(left: Counter[str], right: Counter[str]) -> float:
    """Return the share that two counts have in common, of all in either; 1 where both are empty."""
    in_all = (left | right).total()
    return (left & right).total() / in_all if in_all else 1.0


def contradictions(left: Facts, right: Facts) -> list[str]:
    """Return the kinds of facts that keep two texts from being taken for one by themselves.

    A number or a negation counts that only one of them has; of dates, units and codes, which
    copies leave out together with words, only where each has one that the other lacks.
    """
    found = []
    if left.numbers != right.numbers:
        found.append("number")
    for name in ("codes", "months", "units"):
        ours, theirs = differing(getattr(left, name), getattr(right, name))
        if ours and theirs:
            found.append({"codes": "code", "months": "date", "units": "unit"}[name])
    if left.n_negations != right.n_negations:
        found.append("negation")
    return found
