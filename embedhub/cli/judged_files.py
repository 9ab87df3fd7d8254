"""Folders of judged queries as BEIR publishes them, found on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedhub.documents.parsing.parsed import ParsedDocument, RefusedFile
from embedhub.errors import HubError
from embedhub.evaluation.judged import corpus_file, read_lines

MAX_FILE_BYTES = 30 * 2**20


@dataclass(frozen=True, slots=True)
class JudgedFiles:
    """The files of one set."""

    split: str
    queries: Path
    qrels: Path

    def body(self) -> dict[str, str]:
        """Return the request that imports them; raises HubError for what cannot be sent."""
        return {
            "split": self.split,
            "queries": text_of(self.queries),
            "qrels": text_of(self.qrels),
        }


def find_judged(folder: Path, split: str | None) -> list[JudgedFiles]:
    """Return the sets of a folder; raises HubError when there is none."""
    queries = folder / "queries.jsonl"
    if not queries.is_file():
        raise HubError(f"{folder} has no queries.jsonl")
    files = {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    for name, path in (("test", folder / "qrels.tsv"), ("train", folder / "qrels_train.tsv")):
        if path.is_file():
            files.setdefault(name, path)
    if split is not None:
        files = {name: path for name, path in files.items() if name == split}
    if not files:
        wanted = f"qrels/{split}.tsv" if split else "qrels.tsv, nor qrels/test.tsv"
        raise HubError(f"{folder} has no {wanted}")
    return [JudgedFiles(name, queries, path) for name, path in files.items()]


def corpus_documents(folder: Path) -> Iterator[ParsedDocument | RefusedFile]:
    """Yield the documents of a folder; raises HubError when it has no corpus.jsonl."""
    file = corpus_file(folder)
    if not file.is_file():
        raise HubError(f"{folder} has no corpus.jsonl")
    for record in read_lines(file):
        ident = str(record.get("_id", record.get("id", "")))
        title, text = str(record.get("title") or ""), str(record.get("text") or "")
        if (title + text).strip():
            yield ParsedDocument(ident, title, text)
        else:
            yield RefusedFile(ident, "it has neither title nor text")


def text_of(file: Path) -> str:
    """Return a file's text; raises HubError for what is too large or no text."""
    if file.stat().st_size > MAX_FILE_BYTES:
        raise HubError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise HubError(f"{file} is not UTF-8") from None
