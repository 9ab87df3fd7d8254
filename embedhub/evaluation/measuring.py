"""The work of an evaluation: every query asked with every setting, through the search itself."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_by_id, find_collection
from embedhub.encoders import SUPPLIED, encode_query, get_encoder
from embedhub.errors import InvalidInput, NotFound, NotReady, TooLarge
from embedhub.evaluation.evaluations import NO_QUERIES
from embedhub.evaluation.metrics import is_measurable, measure, metric_names
from embedhub.evaluation.queries import history, judged
from embedhub.evaluation.queries.judged import JudgedRow
from embedhub.evaluation.setting import Setting, read_setting
from embedhub.evaluation.uncertainty import difference, estimate
from embedhub.runs.service import RunProgress
from embedhub.search.request import Mode, NoteCode
from embedhub.search.service import search
from embedhub.spaces.service import live_spaces

# A note that means: the words alone were searched, because of something that passes.
PASSING = NoteCode.ENCODER_NOT_READY
# Told of queries that no search takes, such as one that only says what to leave out.
REFUSED = "query_refused"
PATIENCE_S = 120.0
POLL_S = 0.5

Between = Callable[[], None]
Ranking = list[str]
Figures = Mapping[str, Mapping[str, float]]


def nothing() -> None:
    """Do nothing between two queries."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a collection, by the first `depth` hits of each query."""

    caller: Caller
    slug: str
    depth: int


@dataclass(slots=True)
class Asked:
    """What the searches of one setting found, by the external id of the query."""

    rankings: dict[str, Ranking] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    n_without_hits: int = 0
    took_ms: list[float] = field(default_factory=list)


def carry_out_evaluation(
    progress: RunProgress, arguments: dict[str, Any], *, between: Between = nothing
) -> dict[str, Any]:
    """Measure the settings of an evaluation and store the figures; may be repeated.

    `between` is called between two queries, outside of any transaction.
    """
    collection_id = int(arguments["collection_id"])
    evaluation_id = int(arguments["evaluation_id"])
    with db.reading() as session:
        collection = find_by_id(session, collection_id)
        row = history.find_evaluation(
            session,
            workspace_id=collection.workspace_id,
            collection_id=collection_id,
            evaluation_id=evaluation_id,
        )
        if row is None:
            raise NotFound("evaluation", evaluation_id)
        rows = judged.all_judged(session, collection_id=collection_id, split=row.split)
        n_missing = judged.count_missing(session, collection_id=collection_id, split=row.split)
    measurable = [one for one in rows if is_measurable(one.relevance)]
    if not measurable:
        raise InvalidInput(NO_QUERIES)
    settings = [read_setting(raw, "settings") for raw in row.settings]
    caller = Caller.for_workspace(collection.workspace_id)
    subject = Subject(caller, collection.slug, row.depth)
    asked = ask_all(progress, subject, settings, measurable, between=between)
    progress.describe("measuring")
    progress.report(len(settings) * len(measurable))
    figures = [_figures(one, measurable, row.k, row.depth) for one in asked]
    names = metric_names(row.k, row.depth)
    results = [
        result_of(setting, one, own, figures[0] if place else None, names)
        for place, (setting, one, own) in enumerate(zip(settings, asked, figures, strict=True))
    ]
    counts = {"n_queries": len(measurable), "n_skipped": len(rows) - len(measurable)}
    with db.writing() as session:
        history.finish_evaluation(
            session,
            evaluation_id,
            _query_rows(evaluation_id, measurable, figures, names),
            results=results,
            n_missing=n_missing,
            **counts,
        )
    return {"evaluation_id": evaluation_id, "n_missing": n_missing, **counts}


def ask_all(
    progress: RunProgress,
    subject: Subject,
    settings: Sequence[Setting],
    rows: Sequence[JudgedRow],
    *,
    between: Between,
) -> list[Asked]:
    """Return what each setting finds for each query; all settings of a query one after another."""
    total = len(settings) * len(rows)
    progress.describe("loading the encoder")
    progress.report(0, total)
    encoders = {encoder_of(subject, setting) for setting in settings} - {None}
    for encoder in encoders:
        get_encoder(str(encoder)).encode_query("warm up")
    progress.describe("asking the judged queries")
    asked = [Asked() for _ in settings]
    for number, row in enumerate(rows):
        between()
        for encoder in encoders:
            # Remembered for all settings: else the first one's searches would seem slower.
            encode_query(str(encoder), row.query)
        for place, setting in enumerate(settings):
            progress.report(number * len(settings) + place, total)
            ask(subject, setting, row, asked[place])
    return asked


def ask(subject: Subject, setting: Setting, row: JudgedRow, into: Asked) -> None:
    """Search for one query as a caller would, and note what was found and told."""
    request = setting.request(row.query, subject.depth)
    slug = setting.collection or subject.slug
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            result = search(subject.caller, slug, request, is_counted=False)
        except (InvalidInput, TooLarge) as error:
            if error.field != "query":
                raise
            # Whoever asks so gets this error, too: one query is no reason to measure none.
            into.n_without_hits += 1
            into.notes[REFUSED] += 1
            return
        codes = {note.code for note in result.notes}
        if PASSING not in codes:
            break
        if time.monotonic() > deadline:
            raise NotReady("the encoder could not be loaded: only words would be measured")
        time.sleep(POLL_S)
    into.rankings[row.external_id] = [hit.document.external_id for hit in result.hits]
    into.notes.update(code.value for code in codes - {NoteCode.POOL_EXHAUSTED, NoteCode.NO_TERMS})
    into.n_without_hits += not result.hits
    into.took_ms.append(result.took.total)


def encoder_of(subject: Subject, setting: Setting) -> str | None:
    """Return the encoder that the queries of a setting are encoded with, None without one."""
    if setting.mode is Mode.LEXICAL:
        return None
    with db.reading() as session:
        collection = find_collection(session, subject.caller, setting.collection or subject.slug)
        space = live_spaces(
            session, workspace_id=collection.workspace_id, collection_id=collection.id
        ).dense
        return None if space is None or space.encoder == SUPPLIED else space.encoder


def result_of(
    setting: Setting,
    asked: Asked,
    figures: Figures,
    baseline: Figures | None,
    names: Sequence[str],
) -> dict[str, Any]:
    """Return what an evaluation says of one setting, as JSON."""
    took = sorted(asked.took_ms)
    result: dict[str, Any] = {
        "name": setting.name,
        "metrics": [{"metric": name, **asdict(estimate(_column(figures, name)))} for name in names],
        "n_without_hits": asked.n_without_hits,
        "notes": dict(asked.notes),
        "median_ms": round(took[len(took) // 2], 1) if took else 0.0,
        "comparison": None,
    }
    if baseline is not None:
        result["comparison"] = [
            {
                "metric": name,
                **asdict(difference(_column(figures, name), _column(baseline, name))),
            }
            for name in names
        ]
    return result


def _figures(asked: Asked, rows: Sequence[JudgedRow], k: int, depth: int) -> Figures:
    relevance = {row.external_id: row.relevance for row in rows}
    return measure(relevance, asked.rankings, k=k, depth=depth)


def _column(figures: Figures, name: str) -> list[float]:
    # In one order for all settings: they are made of the same queries.
    return [figures[query][name] for query in sorted(figures)]


def _query_rows(
    evaluation_id: int,
    rows: Sequence[JudgedRow],
    figures: Sequence[Figures],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    return [
        {
            "evaluation_id": evaluation_id,
            "number": number,
            "external_id": row.external_id,
            "query": row.query,
            "n_relevant": sum(grade > 0 for grade in row.relevance.values()),
            "figures": {
                name: [round(own[row.external_id][name], 6) for own in figures] for name in names
            },
        }
        for number, row in enumerate(rows, start=1)
    ]
