"""What staff see of the domain's tables, called by the product's words."""

from embedhub import tables
from embedhub.console.mirror import mirror, proxy

Workspace = mirror(
    tables.Workspace,
    "workspace",
    title="slug",
    permissions={
        "create_workspace": "Can create workspaces",
        "allow_fetching": "Can let workspaces have files fetched from the web",
    },
)
ApiKey = mirror(
    tables.ApiKey,
    "API key",
    title="name",
    permissions={
        "issue_apikey": "Can create API keys",
        "revoke_apikey": "Can revoke API keys",
    },
)
StaffAction = mirror(tables.StaffAction, "staff action", title="action")
Collection = mirror(
    tables.Collection,
    "collection",
    title="slug",
    permissions={
        "create_collection": "Can create collections",
        "rebuild_collection": "Can rebuild indexes",
        "rechunk_collection": "Can change how documents become passages",
    },
)
Document = mirror(tables.Document, "document", title="external_id")
DocumentVersion = mirror(tables.DocumentVersion, "document version", title="title")
Chunk = mirror(tables.Chunk, "chunk")
Space = mirror(tables.Space, "space")
Pending = mirror(
    tables.Pending,
    "pending embedding",
    permissions={"retry_pending": "Can retry dead letters"},
)
DeadLetter = proxy(Pending, "DeadLetter", "dead letter")
Run = mirror(tables.Run, "run", permissions={"cancel_run": "Can cancel runs"})
Import = mirror(tables.Import, "import")
File = mirror(
    tables.File,
    "file",
    title="external_id",
    permissions={
        "upload_file": "Can send files",
        "retry_file": "Can have files read again",
    },
)
SearchLogEntry = mirror(
    tables.SearchLogEntry, "logged search", plural="logged searches", title="query"
)
Curation = mirror(
    tables.Curation,
    "pinned or hidden document",
    plural="pinned and hidden documents",
    title="external_id",
    permissions={"curate_document": "Can pin and hide documents in searches"},
)
JudgedQuery = mirror(
    tables.JudgedQuery,
    "judged query",
    plural="judged queries",
    title="query",
    permissions={"judge_judgedquery": "Can judge hits of searches"},
)
Judgment = mirror(tables.Judgment, "judgment", title="external_id")
Feedback = mirror(tables.Feedback, "feedback", plural="feedback of callers", title="external_id")
Variant = mirror(
    tables.Variant,
    "variant",
    title="name",
    permissions={"apply_variant": "Can apply settings of searches"},
)
Evaluation = mirror(
    tables.Evaluation, "evaluation", permissions={"start_evaluation": "Can start evaluations"}
)
Conversation = mirror(tables.Conversation, "conversation", title="title")
LlmSetting = mirror(
    tables.LlmSetting,
    "language model of a workspace",
    plural="language models of workspaces",
    title="name",
    permissions={"set_up_llm": "Can say what words a workspace's answers"},
)
RecallSample = mirror(tables.RecallSample, "recall check")
FilterUse = mirror(tables.FilterUse, "use of a filter", plural="uses of filters", title="field")
Catalog = mirror(tables.Catalog, "catalog", title="slug")
Item = mirror(tables.Item, "item", title="external_id")
User = mirror(tables.User, "user of a catalog", plural="users of catalogs", title="external_id")
Interaction = mirror(tables.Interaction, "interaction")
HeldInteraction = mirror(tables.HeldInteraction, "waiting interaction", title="user_external_id")
Impression = mirror(tables.Impression, "impression")
RecommenderVersion = mirror(
    tables.RecommenderVersion,
    "recommender",
    title="number",
    permissions={"publish_recommenderversion": "Can train recommenders and publish versions"},
)
Placement = mirror(
    tables.Placement,
    "placement",
    title="name",
    permissions={"rule_placement": "Can change the rules of placements"},
)
Experiment = mirror(
    tables.Experiment,
    "experiment",
    title="name",
    permissions={"run_experiment": "Can set up, start and stop experiments"},
)
AnomalyProfile = mirror(
    tables.AnomalyProfile, "profile of anomalies", plural="profiles of anomalies"
)
AnomalyFlag = mirror(
    tables.AnomalyFlag,
    "anomaly",
    plural="anomalies",
    permissions={"decide_anomalyflag": "Can scan for anomalies and decide about them"},
)
Graph = mirror(tables.Graph, "neighbor graph")
DuplicateSet = mirror(
    tables.DuplicateSet, "search for duplicates", plural="searches for duplicates"
)
DuplicatePair = mirror(
    tables.DuplicatePair,
    "duplicate pair",
    permissions={"decide_duplicatepair": "Can look for duplicates and decide about pairs"},
)
DuplicateDecision = mirror(
    tables.DuplicateDecision, "decision about duplicates", plural="decisions about duplicates"
)
DuplicateCluster = mirror(
    tables.DuplicateCluster, "cluster of duplicates", plural="clusters of duplicates"
)
TopicFit = mirror(
    tables.TopicFit,
    "fit of topics",
    plural="fits of topics",
    permissions={"fit_topicfit": "Can have topics found and rename them"},
)
Topic = mirror(tables.Topic, "topic", title="name")
LabelSet = mirror(
    tables.LabelSet,
    "label set",
    title="name",
    permissions={"label_labelset": "Can set up labels, give them and train classifiers"},
)
GivenLabel = mirror(tables.GivenLabel, "given label", title="label")
Classifier = mirror(tables.Classifier, "classifier", title="number")
LabelError = mirror(tables.LabelError, "likely label error", title="label")
Webhook = mirror(
    tables.Webhook,
    "webhook",
    title="url",
    permissions={"manage_webhook": "Can set up webhooks and have them sent again"},
)
WebhookDelivery = mirror(
    tables.WebhookDelivery, "delivery of a webhook", plural="deliveries of webhooks"
)

# Tables without a page, and why; a test compares this list with the metadata.
NOT_MIRRORED = {
    tables.AnomalyArray: "numbers nobody reads",
    tables.AnomalyDecision: "the queue of anomalies shows what was decided",
    tables.AnomalyScore: "numbers nobody reads; a flag tells which of them counted",
    tables.ClassifierArray: "numbers nobody reads",
    tables.LabelErrorDecision: "what was decided about a likely error stands in its set's queue",
    tables.Prediction: "a label set's own page lists them, by who may see the row",
    tables.DuplicateMember: "rows of clusters, by who may see them: over REST and in the queue",
    tables.Fingerprint: "numbers nobody reads; a pair shows what its rows have in common",
    tables.ConversationTurn: "a conversation's own page shows what was said",
    tables.EvaluatedQuery: "an evaluation's own page shows its queries",
    tables.IdempotencyRecord: "answers to programs, removed after a day",
    tables.ItemNeighbors: "numbers nobody reads; a list explains the neighbors that counted",
    tables.ItemPrior: "numbers nobody reads; a list explains what popularity counted",
    tables.NeighborList: "numbers nobody reads; findings name the neighbors that counted",
    tables.PlacementRevision: "a placement's own page shows the rules it had before",
    tables.RecommenderArray: "numbers nobody reads",
    tables.RefusedLine: "the report that whoever sent the import downloads",
    tables.Embedding: "numbers nobody reads; a chunk's page says whether its vector is there",
    tables.SparseEmbedding: "numbers nobody reads; a search explains the words that counted",
    tables.TopicMember: "places of rows on a map, which the page of topics draws",
    tables.TermDelta: "bookkeeping of word counts, folded every minute",
    tables.SizeDelta: "bookkeeping of row counts; collections show the sums",
    tables.SampledQuery: "numbers nobody reads, and filters of callers, to check recall with",
    tables.VectorCacheEntry: "numbers nobody reads",
}
