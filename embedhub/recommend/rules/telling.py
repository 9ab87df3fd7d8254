"""What of a placement's rules a list could not do, as notes; pure."""

from collections.abc import Sequence

from embedhub.recommend.request import Note, NoteCode
from embedhub.recommend.rules.applying import Placing


def notes_of(broken: Sequence[str], placing: Placing, *, n_lacking: int) -> list[Note]:
    """Return what to know of rules: `n_lacking` is how many hits the page has too few."""
    notes = []
    if broken:
        message = f"rules of the placement cannot be used any more: {'; '.join(broken)}"
        notes.append(Note(NoteCode.BROKEN_RULES, message))
    if placing.unmet:
        which = ", ".join(str(number + 1) for number in placing.unmet)
        message = f"a share of the places asks for more items than there are (rule {which})"
        notes.append(Note(NoteCode.SHARE_UNMET, message))
    if n_lacking > 0 and placing.held_back:
        n_kept = len(placing.held_back)
        message = f"the list ends early: caps of the placement keep {n_kept:,} items out"
        notes.append(Note(NoteCode.CAPPED, message))
    return notes
