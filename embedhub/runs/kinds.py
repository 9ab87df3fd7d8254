"""Which kinds of runs there are, and the states a run goes through."""

from enum import StrEnum


class RunKind(StrEnum):
    """What a run does; at most one unfinished run of a kind works on a subject."""

    BUILD_GRAPH = "build_graph"  # of nearest neighbors, of a collection or catalog
    COMPARE_COLLECTIONS = "compare_collections"  # the duplicates of one in another
    COPY_DOCUMENTS = "copy_documents"  # of a collection into one that parts them otherwise
    DELETE_CATALOG = "delete_catalog"
    DELETE_COLLECTION = "delete_collection"
    DELETE_DOCUMENTS = "delete_documents"
    EVALUATE = "evaluate"  # settings of searches, over the judged queries of a collection
    EVALUATE_RECOMMENDER = "evaluate_recommender"  # of a catalog, on interactions hidden from it
    FIT_TOPICS = "fit_topics"  # groups, names and a map of rows that say similar things
    GROW_SPACE = "grow_space"  # a shelf of its own, then its HNSW index
    LEARN_WEIGHTS = "learn_weights"  # of the legs, from the judged queries of a collection
    READ_FILES = "read_files"  # originals that wait in a collection, into documents
    REBUILD_INDEX = "rebuild_index"  # the HNSW index beside the one that answers, then swapped
    RECHUNK_DOCUMENTS = "rechunk_documents"  # parts stored documents by a changed chunking
    RELABEL_DOCUMENTS = "relabel_documents"  # repeats changed metadata and access in the index
    REWEIGH = "reweigh"
    TRAIN_LABELS = "train_labels"  # a classifier of a label set, then its predictions
    SCAN_DUPLICATES = "scan_duplicates"  # of a collection or catalog, among all its rows
    SCAN_ANOMALIES = "scan_anomalies"  # of what is usual among rows, and what stands out
    TRAIN_RECOMMENDER = "train_recommender"  # of a catalog, from its interactions
    UPDATE_ATTRIBUTES = "update_attributes"

    @property
    def can_be_cancelled(self) -> bool:
        """Say whether stopping half-way leaves something that a caller can still use."""
        return self not in {
            RunKind.DELETE_CATALOG,
            RunKind.DELETE_COLLECTION,
            RunKind.RELABEL_DOCUMENTS,
            RunKind.UPDATE_ATTRIBUTES,
        }

    @property
    def needs_encoder(self) -> bool:
        """Say whether it searches by meaning: worked on where an encoder is loaded."""
        return self in {RunKind.EVALUATE, RunKind.LEARN_WEIGHTS}

    @property
    def reads_files(self) -> bool:
        """Say whether it parses files: worked on where that holds nothing else up."""
        return self is RunKind.READ_FILES

    @property
    def trains(self) -> bool:
        """Say whether it computes for long: worked on where that holds nothing else up."""
        return self in {
            RunKind.BUILD_GRAPH,
            RunKind.COMPARE_COLLECTIONS,
            RunKind.EVALUATE_RECOMMENDER,
            RunKind.FIT_TOPICS,
            RunKind.TRAIN_LABELS,
            RunKind.SCAN_DUPLICATES,
            RunKind.SCAN_ANOMALIES,
            RunKind.TRAIN_RECOMMENDER,
        }

    @property
    def must_succeed(self) -> bool:
        """Say whether searches miss documents until it has succeeded: tried until it does."""
        return self in {RunKind.RELABEL_DOCUMENTS, RunKind.UPDATE_ATTRIBUTES}


class RunStatus(StrEnum):
    """The life of a run; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING)
