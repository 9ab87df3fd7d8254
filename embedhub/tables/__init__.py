"""Every SQLAlchemy table and nothing else; importing this completes `Base.metadata`."""

from embedhub.tables.access import ApiKey, IdempotencyRecord, StaffAction, Workspace
from embedhub.tables.anomalies import (
    AnomalyArray,
    AnomalyDecision,
    AnomalyFlag,
    AnomalyProfile,
    AnomalyScore,
)
from embedhub.tables.base import Base
from embedhub.tables.catalog import (
    Catalog,
    HeldInteraction,
    Impression,
    Interaction,
    Item,
    User,
)
from embedhub.tables.conversations import Conversation, ConversationTurn, LlmSetting
from embedhub.tables.documents import Chunk, Collection, Document, DocumentVersion
from embedhub.tables.duplicates import (
    DuplicateCluster,
    DuplicateDecision,
    DuplicateMember,
    DuplicatePair,
    DuplicateSet,
    Fingerprint,
)
from embedhub.tables.evaluation import (
    EvaluatedQuery,
    Evaluation,
    Feedback,
    JudgedQuery,
    Judgment,
    Variant,
)
from embedhub.tables.files import File
from embedhub.tables.graph import Graph, NeighborList
from embedhub.tables.imports import Import, RefusedLine
from embedhub.tables.labels import (
    Classifier,
    ClassifierArray,
    GivenLabel,
    LabelError,
    LabelErrorDecision,
    LabelSet,
    Prediction,
)
from embedhub.tables.measures import FilterUse, RecallSample, SampledQuery
from embedhub.tables.placements import Experiment, Placement, PlacementRevision
from embedhub.tables.ranking import Curation
from embedhub.tables.recommenders import (
    ItemNeighbors,
    ItemPrior,
    RecommenderArray,
    RecommenderVersion,
)
from embedhub.tables.runs import Run, SearchLogEntry
from embedhub.tables.spaces import (
    Embedding,
    Pending,
    SizeDelta,
    Space,
    SparseEmbedding,
    TermDelta,
    VectorCacheEntry,
)
from embedhub.tables.topics import Topic, TopicFit, TopicMember
from embedhub.tables.webhooks import Webhook, WebhookDelivery

__all__ = [
    "AnomalyArray",
    "AnomalyDecision",
    "AnomalyFlag",
    "AnomalyProfile",
    "AnomalyScore",
    "ApiKey",
    "Base",
    "Catalog",
    "Chunk",
    "Classifier",
    "ClassifierArray",
    "Collection",
    "Conversation",
    "ConversationTurn",
    "Curation",
    "Document",
    "DocumentVersion",
    "DuplicateCluster",
    "DuplicateDecision",
    "DuplicateMember",
    "DuplicatePair",
    "DuplicateSet",
    "Embedding",
    "EvaluatedQuery",
    "Evaluation",
    "Experiment",
    "Feedback",
    "File",
    "FilterUse",
    "Fingerprint",
    "GivenLabel",
    "Graph",
    "HeldInteraction",
    "IdempotencyRecord",
    "Import",
    "Impression",
    "Interaction",
    "Item",
    "ItemNeighbors",
    "ItemPrior",
    "JudgedQuery",
    "Judgment",
    "LabelError",
    "LabelErrorDecision",
    "LabelSet",
    "LlmSetting",
    "NeighborList",
    "Pending",
    "Placement",
    "PlacementRevision",
    "Prediction",
    "RecallSample",
    "RecommenderArray",
    "RecommenderVersion",
    "RefusedLine",
    "Run",
    "SampledQuery",
    "SearchLogEntry",
    "SizeDelta",
    "Space",
    "SparseEmbedding",
    "StaffAction",
    "TermDelta",
    "Topic",
    "TopicFit",
    "TopicMember",
    "User",
    "Variant",
    "VectorCacheEntry",
    "Webhook",
    "WebhookDelivery",
    "Workspace",
]
