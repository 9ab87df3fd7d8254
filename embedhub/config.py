"""The only reader of the environment: every setting, its default and its meaning."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from embedhub.config_anomalies import AnomalyPart
from embedhub.config_answers import AnswerSettings
from embedhub.config_catalog import CatalogPart
from embedhub.config_duplicates import DuplicatesPart
from embedhub.config_evaluation import EvaluationPart
from embedhub.config_files import FilePart
from embedhub.config_graph import GraphPart
from embedhub.config_labels import LabelPart
from embedhub.config_lists import ListPart
from embedhub.config_measures import MeasurePart
from embedhub.config_placements import PlacementPart
from embedhub.config_ranking import RankingPart
from embedhub.config_topics import TopicPart
from embedhub.config_training import TrainingPart
from embedhub.config_webhooks import WebhookPart


class Config(
    AnomalyPart,
    AnswerSettings,
    CatalogPart,
    EvaluationPart,
    FilePart,
    DuplicatesPart,
    GraphPart,
    LabelPart,
    ListPart,
    MeasurePart,
    PlacementPart,
    RankingPart,
    TopicPart,
    TrainingPart,
    WebhookPart,
):
    """Settings from variables named EMBEDHUB_*; a bad value fails at start, naming the variable."""

    model_config = SettingsConfigDict(env_prefix="EMBEDHUB_", frozen=True)

    # --- where things are
    home: Path = Field(
        Path("~/.embedhub"), description="Folder of the embedded default: data, logs, keys."
    )
    database_url: str = Field(
        "postgresql://postgres@127.0.0.1:5432/embedhub",
        description="PostgreSQL URL in libpq's form, used by web, workers and migrations.",
    )
    direct_database_url: str = Field(
        "",
        description="The same database past a pooler, where EMBEDHUB_DATABASE_URL leads through"
        " PgBouncer in transaction mode: for what needs a session of its own.",
    )
    read_database_url: str = Field(
        "",
        description="Streaming replica of the database that answers searches while it keeps up;"
        " empty: the primary answers them.",
    )
    read_max_lag_s: float = Field(
        10, gt=0, description="A replica that lags further behind, in seconds, answers nothing."
    )
    broker_url: str = Field(
        "", description="Celery broker; empty means the queue lives in Postgres (pgmq)."
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs staff sessions; the embedded default makes one."
    )
    allowed_hosts: list[str] = Field(
        ["127.0.0.1", "localhost", "[::1]"],
        description="Host names the web server answers to, as a JSON list.",
    )
    trusted_origins: list[str] = Field(
        [], description="Origins allowed to post admin forms through a proxy, as a JSON list."
    )
    debug: bool = Field(False, description="Django's debug pages; never on a reachable host.")

    # --- connections
    pool_size: int = Field(
        0, ge=0, description="Database connections a process keeps; 0 means web_threads and four."
    )
    pool_wait_s: float = Field(
        3, gt=0, description="Longest wait for a connection before a request is refused, seconds."
    )
    statement_timeout_s: float = Field(
        30, gt=0, description="Longest SQL statement of a web request, seconds."
    )
    worker_statement_timeout_s: float = Field(
        600, gt=0, description="Longest SQL statement of a worker, seconds."
    )
    web_processes: int = Field(
        0,
        ge=0,
        description="Processes of the web server, each with an encoder; 0 means one a two cores.",
    )
    web_threads: int = Field(
        8, ge=1, description="Requests that one process of the web server works on at once."
    )

    # --- encoders
    default_encoder: str = Field(
        "all-MiniLM-L6-v2", description="Encoder of collections that name none."
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps.")
    encoder_threads: int = Field(
        0, ge=0, description="Threads of the encoder on CPU; 0 means one a core."
    )
    encoder_precision: str = Field(
        "auto", description="auto, float32, bfloat16 or float16; auto keeps float32's vectors."
    )
    query_runtime: Literal["auto", "torch"] = Field(
        "auto",
        description="What encodes queries on CPU: auto is OpenVINO where it keeps torch's vectors.",
    )
    encoder_folders: dict[str, str] = Field(
        {}, description="More encoders: name to sentence-transformers folder or hub name, as JSON."
    )
    encoder_downloads: bool = Field(
        False, description="Whether weights missing on this machine may be fetched from the hub."
    )
    encode_batch: int = Field(256, ge=1, description="Rows an embed worker leases at once.")
    query_cache_size: int = Field(
        2_000, ge=0, description="Encoded queries kept in memory by a web process."
    )

    # --- the ledger
    lease_s: float = Field(300, gt=0, description="A leased row returns after this many seconds.")
    max_attempts: int = Field(
        5, ge=1, description="Encoding attempts before a row is set aside as dead."
    )
    retry_base_s: float = Field(
        2, gt=0, description="First wait before an attempt is repeated; doubles each time."
    )
    sweep_s: float = Field(15, gt=0, description="Seconds between sweeps for left-over work.")
    shelf_rows: int = Field(
        10_000, ge=1, description="A space with more rows gets its own table and HNSW index."
    )
    run_heartbeat_s: float = Field(
        60, gt=0, description="A run without a sign of life for this long may be taken over."
    )

    # --- the life of an index
    hnsw_m: int = Field(16, ge=2, le=100, description="HNSW links a row has in each layer.")
    hnsw_ef_construction: int = Field(
        64,
        ge=4,
        le=1000,
        description="HNSW candidate list while building; at least twice EMBEDHUB_HNSW_M is taken.",
    )
    index_memory_mb: int = Field(
        0,
        ge=0,
        description="Memory an index build may take, MiB; 0 means Postgres' maintenance_work_mem.",
    )
    index_workers: int = Field(
        -1,
        ge=-1,
        le=64,
        description="Processes that help to build an index; -1 means what Postgres allows.",
    )
    index_wait_s: float = Field(
        3600,
        gt=0,
        description="A build that has waited for somebody's transaction this long is given up.",
    )
    database_disk_bytes: int = Field(
        0,
        ge=0,
        description="Bytes the database may fill; 0 asks the file system if Postgres runs here.",
    )
    min_free_disk_bytes: int = Field(
        512 * 2**20, ge=0, description="Bytes of disk that no index build may take."
    )
    rebuild_dead_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="Share of dead rows from which a vector index is built anew; 1 means never.",
    )
    prewarm: bool = Field(
        True, description="Whether indexes are read into memory after Postgres has started."
    )

    # --- limits of what is sent
    max_body_bytes: int = Field(
        32 * 2**20, ge=1, description="Largest request body, imports excepted."
    )
    max_import_bytes: int = Field(8 * 2**30, ge=1, description="Largest import body.")
    max_batch_documents: int = Field(1_000, ge=1, description="Documents in one batch.")
    max_delete_ids: int = Field(10_000, ge=1, description="Ids in one request to delete.")
    max_text_chars: int = Field(5_000_000, ge=1, description="Characters in one document.")
    max_title_chars: int = Field(2_000, ge=1, description="Characters in a title.")
    max_metadata_bytes: int = Field(65_536, ge=1, description="JSON bytes of one metadata object.")
    max_metadata_depth: int = Field(16, ge=1, description="Nesting of one metadata object.")
    relabelled_rows: int = Field(
        1_000,
        ge=0,
        description="Index rows that a request rewrites when metadata or access change; more are"
        " left to a run.",
    )
    max_access_entries: int = Field(1_000, ge=1, description="Principals in one access list.")
    max_chunks: int = Field(20_000, ge=1, description="Chunks made of one document.")
    parent_tokens: int = Field(
        600, ge=1, description="Of the parent passage that a search returns on request, at most."
    )
    max_vector_dimension: int = Field(4_000, ge=1, description="Dimensions of supplied vectors.")
    max_query_chars: int = Field(10_000, ge=1, description="Characters of a query.")
    max_query_operators: int = Field(
        16, ge=0, description="Phrases in quotes and -words in one query."
    )
    max_queries: int = Field(8, ge=1, description="Queries that one search asks at once.")
    max_collections_searched: int = Field(
        16, ge=1, description="Collections that one search asks at once."
    )
    max_filter_terms: int = Field(1_000, ge=1, description="Conditions in one filter.")
    max_filter_values: int = Field(
        10_000, ge=1, description="Values in the lists ($in, $nin) of one filter."
    )
    max_filter_depth: int = Field(64, ge=1, description="Nesting of one filter.")
    max_limit: int = Field(1_000, ge=1, description="Hits or rows on one page.")
    max_wait_s: float = Field(60, gt=0, description="Longest wait=indexed, seconds.")
    max_collections: int = Field(10_000, ge=1, description="Collections in one workspace.")

    # --- imports
    max_imports: int = Field(
        4, ge=1, description="Imports stored at once; the next one is told to come back (429)."
    )
    max_backlog: int = Field(
        2_000_000, ge=1, description="Chunks waiting for vectors beyond which imports get 429."
    )
    spool_free_bytes: int = Field(
        2**30, ge=0, description="Disk that large request bodies must leave free, else 429."
    )
    index_deferral_s: float = Field(
        900, ge=0, description="How long an import may put off the index of a new shelf, seconds."
    )

    # --- retention
    search_log_days: int = Field(30, ge=0, description="Days a logged search is kept; 0 logs none.")
    version_days: int = Field(
        30, ge=0, description="Days an outdated document version is kept for citations."
    )
    import_days: int = Field(
        30, ge=1, description="Days that an import and its report of refused lines are kept."
    )
    idempotency_hours: int = Field(24, ge=1, description="Hours an Idempotency-Key is remembered.")
    run_days: int = Field(90, ge=1, description="Days a finished run is kept.")
    vector_cache_days: int = Field(
        30, ge=0, description="Days a computed vector is kept for texts that come again."
    )

    # --- search
    candidate_pool: int = Field(100, ge=1, description="Candidates of each leg on a first page.")
    deep_pool: int = Field(1_000, ge=1, description="Candidates of each leg on deep pages.")
    exact_rows: int = Field(
        10_000,
        ge=0,
        description="Dense search is exact when at most this many rows have to be looked at.",
    )
    exact_fallback_rows: int = Field(
        1_000_000,
        ge=0,
        description="Rows that exact search may compare when an HNSW scan finds too few that pass;"
        " beyond, the answer says that it is not complete.",
    )
    lexical_cap: int = Field(10_000, ge=1, description="Rows the lexical leg scores for one query.")
    ef_search: int = Field(80, ge=1, le=1000, description="HNSW candidate list of a query.")

    @property
    def max_connections(self) -> int:
        """How many connections a process keeps: a thread uses one at a time, some work beside."""
        return self.pool_size or self.web_threads + 4

    @property
    def has_pooler(self) -> bool:
        """Whether `database_url` leads through a pooler in transaction mode."""
        return bool(self.direct_database_url)

    @property
    def session_url(self) -> str:
        """The URL of connections that keep their session: migrations, the queue, the admin."""
        return self.direct_database_url or self.database_url


@lru_cache(maxsize=1)
def get_config() -> Config:
    """Return the process's settings, read once."""
    return Config()


def usable_cores() -> int:
    """Return how many cores this process may run on, often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def override_config(**settings: object) -> None:
    """Replace settings for this process and every process it starts from now on."""
    for name, value in settings.items():
        if name not in Config.model_fields:
            raise KeyError(name)
        os.environ[f"EMBEDHUB_{name.upper()}"] = str(value)
    get_config.cache_clear()


def name_django_settings() -> None:
    """Tell Django where its settings are, unless the environment already does."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedhub.settings")
