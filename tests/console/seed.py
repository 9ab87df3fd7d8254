"""A small house with rows on every page of the console."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access import service as access
from embedhub.access.caller import Caller
from embedhub.tables import (
    Catalog,
    Conversation,
    ConversationTurn,
    Curation,
    Document,
    Experiment,
    File,
    FilterUse,
    Graph,
    HeldInteraction,
    Import,
    Impression,
    Interaction,
    Item,
    LlmSetting,
    Placement,
    RecallSample,
    RecommenderVersion,
    Run,
    SearchLogEntry,
    Space,
    User,
    Webhook,
    WebhookDelivery,
)
from tests.console.seed_anomalies import add_anomalies
from tests.console.seed_duplicates import add_duplicates
from tests.console.seed_evaluation import add_evaluation
from tests.console.seed_labels import add_labels
from tests.console.seed_topics import add_topics
from tests.factories import encode_everything, make_collection, send

SCRIPT = "<script>alert('title')</script>"
TEXTS = {
    "whales": "Whales are mammals. They breathe air and feed their young with milk. "
    "The blue whale is the largest animal that ever lived.",
    "volcano": "A volcano is a rupture in the crust of a planet. Hot lava and ash escape from it.",
    "script": "Never run <script>alert('text')</script> from a document about whales & co.",
    "postgres": "Postgres keeps rows in heaps and finds them through indexes such as B-trees.",
}


@dataclass(frozen=True, slots=True)
class House:
    """What the tests ask the pages for."""

    caller: Caller
    collection_id: int
    key_id: int
    run_id: int
    n_dead: int


def seed_house() -> House:
    """Fill every mirrored table and return what was made."""
    workspace_id = access.create_workspace("acme", "Acme Books")
    caller = Caller.for_workspace(workspace_id)
    key, _secret = access.create_key(workspace_id, name="shop search", scopes=["read", "write"])
    collection = make_collection(caller, "papers", filterable={"year": "number"})
    send(caller, *(document(name, words) for name, words in TEXTS.items()))
    encode_everything()
    send(caller, document("broken", "This text cannot be encoded."), document("new", "Fresh."))
    with db.writing() as session:
        n_dead = bury(session, "broken")
        run_id = add_runs(session, workspace_id, collection.id)
        add_imports(session, workspace_id, collection.id)
        add_files(session, workspace_id, collection.id)
        add_catalog(session, workspace_id)
        add_search(session, workspace_id, collection.id, key.id)
        add_measures(session, workspace_id, collection.id)
        add_evaluation(session, workspace_id, collection.id)
        add_graph(session, workspace_id, collection.id)
        add_anomalies(session, workspace_id, collection.id)
        add_duplicates(session, workspace_id, collection.id)
        documents = session.scalars(select(Document.id).order_by(Document.id)).all()
        add_topics(session, workspace_id, collection.id, documents)
        add_labels(session, workspace_id, collection.id)
        add_conversation(session, workspace_id, collection.id, key.id)
        add_curations(session, workspace_id, collection.id)
        add_webhook(session, workspace_id)
        access.record_staff_action(
            session,
            staff="sam",
            action="create API key",
            subject="API key",
            subject_id=key.id,
            workspace_id=workspace_id,
            details={"name": "shop search"},
        )
    return House(caller, collection.id, key.id, run_id, n_dead)


def document(name: str, words: str) -> dict[str, object]:
    """Return a document as a client sends it."""
    return {
        "external_id": name,
        "title": SCRIPT if name == "script" else f"About {name}",
        "text": words,
        "url": f"/docs/{name}",
        "metadata": {
            "year": 2020 + len(name),
            "is_draft": False,
            "author": {"name": "Ada", "roles": ["editor", "<b>boss</b>"]},
        },
        "access": ["group:sales"] if name == "volcano" else None,
    }


def bury(session: Session, external_id: str) -> int:
    """Make the pending chunks of a document dead letters; return how many there are."""
    buried = session.execute(
        text(
            "UPDATE pending SET dead_at = now(), attempts = 5,"
            " last_error = E'ValueError: the tokenizer refused this text\\nat line 3'"
            " WHERE owner_id IN (SELECT c.id FROM chunks c JOIN documents d"
            " ON d.id = c.document_id WHERE d.external_id = :name) RETURNING owner_id"
        ),
        {"name": external_id},
    )
    return len(buried.all())


def add_imports(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add an import that has ended and one that broke off."""
    place = {"workspace_id": workspace_id, "collection_id": collection_id}
    session.add_all(
        [
            Import(**place, status="finished", n_lines=1_200, n_created=1_190, n_errors=10),
            Import(**place, status="broken", n_lines=500, error="the stream broke off"),
        ]
    )


def add_files(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add a file that was read and one that could not be."""
    place = {"workspace_id": workspace_id, "collection_id": collection_id, "content_hash": b""}
    session.add_all(
        [
            File(
                **place,
                external_id="reports/2025.pdf",
                media_type="application/pdf",
                n_bytes=1_204_000,
                storage_path="1/1/a.pdf",
                status="stored",
                n_documents=1,
                n_pages=12,
            ),
            File(
                **place,
                external_id="reports/<b>secret</b>.pdf",
                n_bytes=310,
                storage_path="1/1/b.pdf",
                status="failed",
                reason_code="password",
                reason="a password is needed to open it",
                attempts=1,
            ),
        ]
    )


def add_curations(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add a pinned document, and a hidden one that was taken back."""
    place = {"workspace_id": workspace_id, "collection_id": collection_id, "created_by": "sam"}
    session.add_all(
        [
            Curation(
                **place, action="pin", external_id="whales", query="largest animal", position=1
            ),
            Curation(
                **place,
                action="hide",
                external_id="script",
                removed_by="sam",
                removed_at=datetime.now(UTC),
            ),
        ]
    )


def add_runs(session: Session, workspace_id: int, collection_id: int) -> int:
    """Add a running, a failed and a finished run; return the id of the running one."""
    now = datetime.now(UTC)
    running = Run(
        workspace_id=workspace_id,
        kind="grow_space",
        subject="space 1",
        status="running",
        arguments={"space_id": 1},
        done=2_500,
        total=10_000,
        claim_token=uuid.uuid4(),
        heartbeat_at=now,
        started_at=now - timedelta(seconds=30),
    )
    failed = Run(
        workspace_id=workspace_id,
        kind="update_attributes",
        subject=f"collection {collection_id}",
        status="failed",
        error="unexpected DiskFull; the worker's log has the details",
        done=10,
        total=400,
        started_at=now - timedelta(minutes=9),
        finished_at=now - timedelta(minutes=8),
    )
    done = Run(
        workspace_id=workspace_id,
        kind="delete_documents",
        subject=f"collection {collection_id}",
        status="succeeded",
        done=12,
        total=12,
        result={"deleted": 12},
        started_at=now - timedelta(hours=2),
        finished_at=now - timedelta(hours=2) + timedelta(seconds=3),
    )
    session.add_all([running, failed, done])
    session.flush()
    return running.id


def add_catalog(session: Session, workspace_id: int) -> None:
    """Add a catalog with an item, a user, an interaction and an impression."""
    catalog = Catalog(
        workspace_id=workspace_id,
        slug="films",
        name="Films",
        language="english",
        encoder="hashing-64",
    )
    session.add(catalog)
    session.flush()
    place = {"workspace_id": workspace_id, "catalog_id": catalog.id}
    item = Item(**place, external_id="m1", fields={"title": "Alien"}, categories=["horror"])
    user = User(**place, external_id="u1", attributes={"country": "DE"})
    session.add_all([item, user])
    session.flush()
    pair = {"user_id": user.id, "item_id": item.id}
    session.add(Interaction(**place, **pair, type="view", happened_at=datetime.now(UTC)))
    session.add(
        HeldInteraction(
            **place,
            user_external_id="u1",
            item_external_id="m2",
            type="view",
            value=1,
            happened_at=datetime.now(UTC),
        )
    )
    session.add(
        RecommenderVersion(
            **place,
            number=1,
            status="live",
            reason="nDCG@10 0.3121 against 0.1874 of popularity",
            metrics={"ndcg": 0.3121, "popularity_ndcg": 0.1874, "live_ndcg": None},
        )
    )
    session.add(
        Impression(**place, **pair, request_id=uuid.uuid4(), position=1, score=0.7, variant="a")
    )
    rules = [{"action": "pin", "item": "m1", "position": 1}]
    session.add(Placement(**place, name="home", rules=rules, changed_by="staff ann"))
    variants = [{"name": "as it is"}, {"name": "no rules", "rules": []}]
    experiment = {"name": "pins", "placement": "home", "variants": variants}
    session.add(Experiment(**place, **experiment, created_by="staff ann"))


def add_search(session: Session, workspace_id: int, collection_id: int, key_id: int) -> None:
    """Add one logged search."""
    session.add(
        SearchLogEntry(
            request_id=uuid.uuid4(),
            workspace_id=workspace_id,
            collection_ids=[collection_id],
            api_key_id=key_id,
            query="largest animal",
            mode="hybrid",
            plan="exact",
            is_complete=True,
            n_hits=3,
            took_ms=12.5,
        )
    )


def add_conversation(session: Session, workspace_id: int, collection_id: int, key_id: int) -> None:
    """Add a conversation with one question, and what words its answers."""
    conversation = Conversation(
        public_id=uuid.uuid4(),
        workspace_id=workspace_id,
        api_key_id=key_id,
        principals=["group:sales"],
        collection_ids=[collection_id],
        title="What are whales?",
        n_turns=1,
    )
    session.add(conversation)
    session.flush()
    session.add_all(
        [
            ConversationTurn(
                conversation_id=conversation.id,
                position=1,
                question="What are they?",
                standalone="What are whales?",
                answer=f"Mammals [1]. {SCRIPT}",
                is_found=True,
                is_supported=False,
                method="generated",
                citations=[{"number": 1, "external_id": "whales", "title": SCRIPT, "start": 0,
                            "end": 19, "page": 3}],
                request_id=uuid.uuid4(),
            ),
            LlmSetting(
                workspace_id=workspace_id,
                is_enabled=True,
                base_url="http://127.0.0.1:9/v1",
                name="small",
            ),
        ]
    )  # fmt: skip


def add_measures(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add one check of the index and one hour of a filter."""
    space = session.query(Space).filter_by(collection_id=collection_id, kind="dense").one()
    session.add(
        RecallSample(
            workspace_id=workspace_id,
            space_id=space.id,
            filter_class="1%",
            n_queries=10,
            n_asked=4,
            recall=0.97,
            lowest=0.8,
            plans={"hnsw": 10},
            rows_compared=40,
            took_ms=12.5,
        )
    )
    session.add(
        FilterUse(
            workspace_id=workspace_id,
            collection_id=collection_id,
            field="year",
            kind="number_range",
            hour=datetime.now(UTC).replace(minute=0, second=0, microsecond=0),
            n_searches=7,
            took_ms=35.0,
        )
    )


def add_graph(session: Session, workspace_id: int, collection_id: int) -> None:
    """Add the neighbor graph of a collection's documents."""
    session.add(
        Graph(
            workspace_id=workspace_id,
            collection_id=collection_id,
            level="document",
            space_id=1,
            k=32,
            status="live",
            method="exact",
            n_nodes=4,
            recall=1.0,
            recall_sample=4,
            saturation_threshold=0.9,
        )
    )


def add_webhook(session: Session, workspace_id: int) -> None:
    """Add a webhook that is no longer tried, and what it was sent."""
    webhook = Webhook(
        workspace_id=workspace_id,
        url="https://example.org/hook?<b>",
        events=["duplicates.found"],
        secret=b"",
        status="failing",
        reason="answered 500",
        n_failures=20,
    )
    session.add(webhook)
    session.flush()
    session.add(
        WebhookDelivery(
            workspace_id=workspace_id,
            webhook_id=webhook.id,
            event_id=uuid.uuid4(),
            event="duplicates.found",
            body={"type": "duplicates.found", "data": {"n": 2}},
            attempts=3,
            answer_status=500,
            answer=SCRIPT,
            error="answered 500",
        )
    )
