"""Why an item stands where it stands, in parts that add up to its score and in words; pure."""

from collections.abc import Mapping, Sequence

from embedhub.recommend.candidates import Parts
from embedhub.recommend.request import Kind, Reason, ReasonKind
from embedhub.recommend.rules.effects import Effect

# Of a list that does not ask for all of them.
FEW = 3
# A part that weighs less than this much of all parts is not worth a word.
LEAST_SHARE = 0.02
WORDS = {
    Kind.PERSONAL: "popular with everyone",
    Kind.BOUGHT_TOGETHER: "popular with everyone",
    Kind.POPULAR: "popular",
    Kind.TRENDING: "popular lately",
    Kind.LATEST: "new",
}


def reasons_of(
    parts: Parts, effects: Sequence[Effect], names: Mapping[int, str], kind: Kind
) -> list[Reason]:
    """Return the parts of a score in words, the strongest first; they add up to the score.

    `names` are the caller's ids of the history's items.
    """
    reasons = [
        Reason(
            ReasonKind.HISTORY,
            score,
            f"goes with {names.get(item, 'an item')}"
            if score >= 0
            else f"goes little with {names.get(item, 'an item')}",
            names.get(item),
        )
        for item, score in parts.history.items()
        if score
    ]
    if parts.profile:
        text = "fits the user's vector" if parts.profile > 0 else "fits the user's vector little"
        reasons.append(Reason(ReasonKind.PROFILE, parts.profile, text))
    if parts.content:
        text = (
            "resembles it by its content" if parts.content > 0 else "its content resembles little"
        )
        reasons.append(Reason(ReasonKind.CONTENT, parts.content, text))
    if parts.popularity:
        text = WORDS[kind] if parts.popularity >= 0 else "less popular than others"
        of = ReasonKind.NEWNESS if kind is Kind.LATEST else ReasonKind.POPULARITY
        reasons.append(Reason(of, parts.popularity, text))
    if parts.seen:
        reasons.append(Reason(ReasonKind.SEEN, parts.seen, "seen before"))
    reasons += [
        Reason(ReasonKind.RULE, effect.amount, effect.text) for effect in effects if effect.amount
    ]
    return sorted(reasons, key=lambda reason: -abs(reason.score))


def strongest(reasons: Sequence[Reason]) -> list[Reason]:
    """Return the few parts that speak most for an item."""
    total = sum(abs(reason.score) for reason in reasons)
    speaking = [one for one in reasons if one.score > LEAST_SHARE * total]
    return speaking[:FEW]
