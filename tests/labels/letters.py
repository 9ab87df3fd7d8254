"""A collection of letters about three things, which people label; and the runs over it."""

from typing import Any

from embedhub.access.caller import Caller
from embedhub.graph.service import Owner
from embedhub.labels import service
from embedhub.labels.service import SetInput
from embedhub.runs.service import carry_out, get_run
from embedhub.runs.view import RunView
from tests.factories import encode_everything, make_collection, send

OF = Owner.COLLECTIONS
SLUG, NAME = "letters", "about"
WORDS = {
    "money": ["invoice", "payment", "price", "refund", "charge", "bank"],
    "travel": ["ticket", "train", "hotel", "flight", "luggage", "station"],
    "health": ["doctor", "medicine", "fever", "pain", "hospital", "nurse"],
}
EACH = 12


def letters() -> list[dict[str, Any]]:
    """Return letters whose words say what they are about, `kind` in the metadata too."""
    found = []
    for kind, words in WORDS.items():
        for number in range(EACH):
            chosen = [words[(number + step) % len(words)] for step in (0, 1, 3)]
            found.append(
                {
                    "external_id": f"{kind}-{number}",
                    "text": f"letter about {' '.join(chosen)} and {words[number % 5]}",
                    "metadata": {"kind": kind},
                    "access": ["staff"] if number == 0 else None,
                }
            )
    return found


def fill(caller: Caller, **of_set: Any) -> None:
    """Make the collection and a label set of it; by default its labels are in the metadata."""
    make_collection(caller, SLUG, chunking={"strategy": "document"})
    send(caller, *letters(), slug=SLUG)
    encode_everything()
    wanted = {"name": NAME, "source": "field", "field": "kind"} | of_set
    service.create_set(caller, OF, SLUG, SetInput(**wanted))


def trained(caller: Caller, slug: str = SLUG, name: str = NAME, **wanted: Any) -> RunView:
    """Train the classifier of a set as its worker does, and return how the run ended."""
    from workers.train import WORK

    run_id = service.start_training(caller, OF, slug, name, **wanted)
    view = get_run(caller, run_id)
    carry_out(run_id, next(work for kind, work in WORK.items() if kind.value == view.kind))
    return get_run(caller, run_id)
