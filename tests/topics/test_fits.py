"""Fits over stored rows: found, numbered again, followed, seen by whom they may be."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from sqlalchemy import func, select

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.collections.service import delete_collection, purge_collection
from embedhub.config import override_config
from embedhub.documents.deletion import delete_documents
from embedhub.errors import Conflict, NotFound, TooLarge
from embedhub.graph import following as graph_following
from embedhub.graph.service import Owner, live_graph
from embedhub.jobs import Job
from embedhub.runs.progress import RunCancelled
from embedhub.tables import Topic, TopicFit, TopicMember
from embedhub.topics import maps, service
from embedhub.topics.asking import Asked
from embedhub.topics.fitting import fit_topics
from embedhub.topics.following import follow
from embedhub.topics.grouping import Method
from embedhub.topics.map_format import decode_map
from embedhub.topics.setting import FitSetting
from tests.catalog.factories import make_catalog, send_items
from tests.factories import SilentProgress, encode_everything, make_collection, send, send_texts

WORDS = {
    "sea": "whale ship storm sail",
    "rock": "volcano lava stone ash",
    "code": "python postgres index query",
}
PER_TOPIC = 8
K3 = FitSetting(Method.KMEANS, k=3)


def texts() -> list[str]:
    """Texts of three topics, each with a word of its own."""
    return [
        f"{' '.join(words.split()[:3])} {words.split()[n % 4]} note{topic}{n}"
        for topic, words in WORDS.items()
        for n in range(PER_TOPIC)
    ]


def asked_of(caller: Caller, **how: Any) -> Asked:
    return Asked(caller, Owner.COLLECTIONS, how.pop("slug", "papers"), **how)


def fit(asked: Asked, setting: FitSetting = K3) -> dict[str, Any]:
    with db.reading() as session:
        subject = asked.subject(session)
    return fit_topics(SilentProgress(), subject.arguments | setting.as_mapping())


def topic_names(asked: Asked) -> dict[int, str]:
    return {one.number: one.name for one in service.describe_topics(asked).topics}


@pytest.fixture
def papers(caller: Caller) -> Asked:
    make_collection(caller)
    send_texts(caller, texts())
    encode_everything()
    return asked_of(caller)


def follow_changes(asked: Asked) -> int:
    encode_everything()
    with db.reading() as session:
        graph = live_graph(session, asked.subject(session))
    assert graph is not None
    graph_following.follow(graph.id)
    return follow(graph)


def test_topics_are_found_named_and_told(papers: Asked) -> None:
    result = fit(papers)
    assert result["n_topics"] == 3
    view = service.describe_topics(papers)
    assert view.fit is not None
    assert [topic.n_rows for topic in view.topics] == [PER_TOPIC] * 3
    assert [topic.number for topic in view.topics] == [1, 2, 3]
    assert sum(topic.share for topic in view.topics) == pytest.approx(1, abs=1e-4)
    for topic in view.topics:
        own = {word["word"] for word in topic.words}
        assert any(
            own & set(words.split()) or words.split()[0] in topic.name for words in WORDS.values()
        )
        assert len(topic.titles) == 3
        rows = service.list_members(papers, topic.number)
        # Every row of a topic is of one kind.
        assert len({one.title.split()[0] for one in rows}) == 1
        assert all(one.p > 0.5 for one in rows)
    assert view.fit.metrics["silhouette"] > 0.3


def test_renamed_topics_keep_name_and_number_in_later_fits(papers: Asked) -> None:
    fit(papers)
    service.rename_topic(papers, 2, "  The   sea ", by="sam")
    before = {n: {m.external_id for m in service.list_members(papers, n)} for n in (1, 2, 3)}
    others = topic_names(papers)
    fit(papers)
    assert topic_names(papers) == others
    assert others[2] == "The sea"
    assert before == {
        n: {m.external_id for m in service.list_members(papers, n)} for n in (1, 2, 3)
    }
    assert service.get_topic(papers, 2).name_facts["by"] == "sam"
    assert service.get_topic(papers, 1).kept_share == 1
    with pytest.raises(Conflict):
        service.rename_topic(papers, 1, "The sea", by="sam")
    # Only the figures of the fit before are kept.
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(TopicMember)) == 3 * PER_TOPIC
        assert session.scalar(select(func.count()).select_from(TopicFit)) == 2


def test_new_rows_join_by_their_neighbors_and_gone_ones_leave(
    papers: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a pause after each comparison.
    monkeypatch.setattr(graph_following, "REST", 0)
    monkeypatch.setattr(graph_following, "SHORTEST_REST_S", 0)
    assert follow_changes_before_a_fit(papers) == 0
    fit(papers)
    whale = next(
        topic.number
        for topic in service.describe_topics(papers).topics
        if "whale" in service.list_members(papers, topic.number)[0].title
    )
    send(papers.caller, {"external_id": "new", "text": "whale ship storm sail"})
    delete_documents(papers.caller, "papers", external_ids=["0"])
    before = maps.map_state(papers)
    assert follow_changes(papers) >= 2
    rows = {one.external_id: one for one in service.list_members(papers, whale)}
    assert rows["new"].is_new
    assert rows["new"].x is not None
    assert rows["new"].p > 0.8
    assert "0" not in rows
    assert follow_changes(papers) == 0
    assert maps.map_state(papers) != before
    view = service.describe_topics(papers)
    assert view.fit is not None
    assert (view.fit.n_rows, view.fit.n_new) == (3 * PER_TOPIC, 1)


def follow_changes_before_a_fit(papers: Asked) -> int:
    """Nothing is placed where nothing was asked for."""
    from embedhub.graph.building import build_graph

    with db.reading() as session:
        build_graph(SilentProgress(), papers.subject(session).arguments)
    return follow_changes(papers)


def test_rows_that_arrive_during_a_fit_are_placed_at_its_end(
    papers: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embedhub.topics import fitting

    real = fitting.name_groups

    def arriving(*args: Any) -> Any:
        send(papers.caller, {"external_id": "late", "text": "volcano lava stone ash"})
        encode_everything()
        with db.reading() as session:
            graph = live_graph(session, papers.subject(session))
        assert graph is not None
        graph_following.follow(graph.id)
        return real(*args)

    monkeypatch.setattr(fitting, "name_groups", arriving)
    fit(papers)
    rows = maps.export_rows(papers)
    late = next(row for page in rows for row in page if row["external_id"] == "late")
    assert late["is_new"]
    assert late["topic"] is not None


class Cancelled(SilentProgress):
    """A run that is cancelled when it says a word."""

    def __init__(self, phase: str) -> None:
        super().__init__()
        self.phase = phase

    def report(self, done: int, total: int | None = None) -> None:
        if self.said[-1:] == [self.phase]:
            raise RunCancelled


@pytest.mark.parametrize("phase", ["smoothing over the graph", "reading texts", "storing"])
def test_a_cancelled_fit_leaves_the_topics_before_and_nothing_half(
    papers: Asked, phase: str
) -> None:
    fit(papers)
    service.rename_topic(papers, 1, "Kept", by="sam")
    before = service.describe_topics(papers)
    with db.reading() as session:
        arguments = papers.subject(session).arguments
    with pytest.raises(RunCancelled):
        fit_topics(Cancelled(phase), arguments | FitSetting(Method.KMEANS, k=2).as_mapping())
    assert service.describe_topics(papers) == before
    # The next one clears away what was stored, and goes on from what answered.
    fit(papers, FitSetting(Method.KMEANS, k=2))
    assert len(service.describe_topics(papers).topics) == 2
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(TopicMember)) == 3 * PER_TOPIC
        fits = session.scalar(
            select(func.count()).select_from(TopicFit).where(TopicFit.status == "building")
        )
        assert fits == 0


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize(
    "sent",
    [[], ["one row alone"], ["the same row"] * 12, ["", "", "  "]],
    ids=["none", "one", "identical", "empty"],
)
def test_odd_collections_have_few_topics_or_none(
    caller: Caller, sent: list[str], method: Method
) -> None:
    make_collection(caller)
    send(
        caller,
        *({"external_id": str(n), "title": "t", "text": text} for n, text in enumerate(sent)),
    )
    encode_everything()
    asked = asked_of(caller)
    result = fit(asked, FitSetting(method))
    view = service.describe_topics(asked)
    assert view.fit is not None
    assert len(view.topics) == result["n_topics"] <= 1
    assert view.fit.n_rows == len(decode_map(maps.read_map(asked))["id"])
    assert maps.read_picture(asked).startswith(b"\x89PNG")
    assert maps.read_trends(asked).series == [] or view.fit.n_rows


def test_closed_rows_and_their_words_are_hidden(caller: Caller) -> None:
    make_collection(caller)
    for n, text in enumerate(texts()):
        closed = ["board"] if "volcano" in text else None
        send(caller, {"external_id": str(n), "text": text, "access": closed})
    encode_everything()
    fit(asked_of(caller))
    everything = service.describe_topics(asked_of(caller))
    outsider = asked_of(caller, principals=[])
    seen = service.describe_topics(outsider)
    assert len(everything.topics) == 3
    assert len(seen.topics) == 2
    told = json.dumps([repr(seen), list(maps.export_rows(outsider))], default=str)
    assert "volcano" not in told
    assert "lava" not in told
    assert seen.fit is not None
    assert seen.fit.n_rows == 2 * PER_TOPIC == len(decode_map(maps.read_map(outsider))["id"])
    assert sum(sum(one["counts"]) for one in maps.read_trends(outsider).series) == 2 * PER_TOPIC
    hidden = ({t.number for t in everything.topics} - {t.number for t in seen.topics}).pop()
    with pytest.raises(NotFound):
        service.get_topic(outsider, hidden)
    assert service.list_members(outsider, hidden) == []
    ids = decode_map(maps.read_map(asked_of(caller)))["id"]
    assert len(maps.read_rows(outsider, ids.tolist())) == 2 * PER_TOPIC
    # A board member sees all three, and the closed topic's number for a name.
    member = service.describe_topics(asked_of(caller, principals=["board"]))
    closed_topic = next(one for one in member.topics if one.number == hidden)
    assert (closed_topic.name, closed_topic.words) == (f"Topic {hidden}", [])


def test_trends_count_by_a_field_that_begins_with_a_date(caller: Caller) -> None:
    make_collection(caller)
    dates = ["2024-05-01", "2024-05-30T10:00:00Z", "2024-06", "soon", 2024]
    for n, text in enumerate(texts()):
        send(caller, {"external_id": str(n), "text": text, "metadata": {"day": dates[n % 5]}})
    encode_everything()
    fit(asked_of(caller))
    view = maps.read_trends(asked_of(caller), field="day")
    assert view.times == ["2024-05", "2024-06"]
    assert sum(one["total"] for one in view.series) == 15
    years = maps.read_trends(asked_of(caller), bucket="year", field="day")
    assert years.times == ["2024"]
    assert sum(one["total"] for one in maps.read_trends(asked_of(caller)).series) == 24


def test_a_deleted_collection_leaves_no_topics(papers: Asked) -> None:
    fit(papers)
    delete_collection(papers.caller, "papers")
    with db.reading() as session:
        collection_id = session.scalar(select(TopicFit.collection_id))
    purge_collection(SilentProgress(), {"collection_id": collection_id})
    with db.reading() as session:
        for table in (TopicFit, Topic, TopicMember):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_too_many_rows_are_refused(papers: Asked) -> None:
    override_config(topic_max_rows=5)
    try:
        with pytest.raises(TooLarge):
            fit(papers)
    finally:
        override_config(topic_max_rows=300_000)
    with pytest.raises(NotFound):
        maps.read_map(papers)


def test_passages_and_items_have_topics_too(papers: Asked) -> None:
    passages = asked_of(papers.caller, level="chunk")
    assert fit(passages)["n_topics"] == 3
    assert service.list_members(passages, 1)[0].position == 0
    make_catalog(papers.caller)
    send_items(
        papers.caller,
        *({"external_id": str(n), "fields": {"title": text}} for n, text in enumerate(texts())),
    )
    encode_everything()
    films = Asked(papers.caller, Owner.CATALOGS, "films")
    assert fit(films)["n_topics"] == 3
    assert service.describe_topics(papers).fit is None


@pytest.fixture
def client(caller: Caller) -> Client:
    _, secret = create_key(caller.workspace_id, name="ours", scopes=["read", "write"])
    return Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {secret}"})


def test_all_of_it_over_rest(
    client: Client, papers: Asked, stranger: Caller, sent_jobs: list[tuple[Job, dict[str, object]]]
) -> None:
    at = "/v1/collections/papers/topics"
    kind = "application/json"
    answer = client.post(f"{at}/scan", {"method": "kmeans", "k": 3}, content_type=kind)
    assert answer.status_code == 202
    assert (Job.TRAINING_RUN, {"run_id": answer.json()["run_id"]}) in sent_jobs
    assert client.get(at).json()["run_id"] == answer.json()["run_id"]
    assert client.get(f"{at}/map").status_code == 404
    fit(papers)
    page = client.get(at, {"limit": 2}).json()
    rest = client.get(at, {"limit": 2, "cursor": page["cursor"]}).json()
    assert [one["number"] for one in page["items"] + rest["items"]] == [1, 2, 3]
    assert rest["cursor"] is None
    renamed = client.patch(f"{at}/1", {"name": "First"}, content_type=kind)
    assert renamed.json()["name_source"] == "staff"
    rows = client.get(f"{at}/1/rows", {"limit": 5}).json()
    more = client.get(f"{at}/1/rows", {"limit": 5, "cursor": rows["cursor"]}).json()
    assert len(rows["items"]) + len(more["items"]) == PER_TOPIC
    assert client.get(f"{at}/unsorted/rows").json()["items"] == []
    whole = client.get(f"{at}/map")
    tag = whole.headers["ETag"]
    assert client.get(f"{at}/map", headers={"If-None-Match": tag}).status_code == 304
    packed = client.get(f"{at}/map", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    ids = decode_map(whole.content)["id"].tolist()
    told = client.get(f"{at}/map/rows", {"ids": ids[:2]}).json()["items"]
    assert [one["id"] for one in told] == ids[:2]
    assert client.get(f"{at}/map.png", {"width": 600, "height": 300}).content[:4] == b"\x89PNG"
    assert client.get(f"{at}/map.png", {"width": 60}).status_code == 422
    assert client.get(f"{at}/trends", {"bucket": "year"}).json()["series"]
    lines = b"".join(client.get(f"{at}/export").streaming_content).decode()  # type: ignore[attr-defined]
    assert len(list(csv.DictReader(io.StringIO(lines)))) == 3 * PER_TOPIC
    assert len(client.get(f"{at}/fits").json()["items"]) == 1
    bad = client.post(f"{at}/scan", {"k": 3}, content_type=kind)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "k")
    _, secret = create_key(stranger.workspace_id, name="theirs", scopes=["read", "write"])
    other = Client(SERVER_NAME="localhost", headers={"Authorization": f"Bearer {secret}"})
    for path in ("", "/map", "/map.png", "/trends", "/export", "/1", "/1/rows", "/map/rows?ids=1"):
        assert other.get(at + path).status_code == 404
    assert other.post(f"{at}/scan", {}, content_type=kind).status_code == 404
    assert other.patch(f"{at}/1", {"name": "x"}, content_type=kind).status_code == 404
