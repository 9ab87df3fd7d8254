"""Files in: what becomes of real and hostile ones, and the memory that reading takes.

python -m benchmarks.parsing --data .../retrieval/documents      outcomes, against the manifest
python -m benchmarks.parsing --pages 1500                        peak memory of a long PDF
python -m benchmarks.parsing --upload 200 --url ... --key ... --pid ...
                             peak memory of the web process while so many MB of NDJSON come in
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

import httpx

from embedhub.documents.parsing.parsed import Limits
from embedhub.documents.parsing.sandbox import Parser

MEGABYTE = 2**20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path)
    options.add_argument("--pages", type=int)
    options.add_argument("--upload", type=int, help="MB of NDJSON to send as a file")
    options.add_argument("--imported", type=int, help="MB of NDJSON to send as an import")
    options.add_argument("--url")
    options.add_argument("--key")
    options.add_argument("--pid", type=int, action="append", help="of a web process")
    given = options.parse_args()
    if given.data:
        outcomes(given.data)
    if given.pages:
        long_pdf(given.pages)
    for n_mb, is_import in ((given.upload, False), (given.imported, True)):
        if n_mb:
            upload(n_mb, given.url, given.key, given.pid, is_import=is_import)


def outcomes(data: Path) -> None:
    """Print what becomes of each file of the manifest, and how many are as it says."""
    with (data / "manifest.tsv").open() as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    n_right, slowest, peak = 0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder, parser(folder) as process:
        for row in rows:
            began = time.perf_counter()
            path, out = data / row["kind"] / row["file"], Path(folder) / "out"
            report = process.parse(row["file"], path, out, lambda *_: None)
            took = time.perf_counter() - began
            outcome = report.reason_code or "text"
            is_right = outcome in row["expected"].split("|")
            n_right, slowest = n_right + is_right, max(slowest, took)
            if process.pid:
                peak = max(peak, peak_of(process.pid))
            sign = " " if is_right else "!"
            told = report.reason or f"{report.n_documents} documents"
            print(f"{sign} {row['file'][:44]:44} {outcome:14} {took:6.2f} s  {told[:90]}")
    print(f"{n_right} of {len(rows)} as expected; slowest {slowest:.2f} s; peak {peak} MB")


def long_pdf(n_pages: int) -> None:
    """Print the peak memory and the time of reading a PDF of so many full pages."""
    # Where it lies: not part of the package.
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.documents.files.pdfs import pdf_of

    line = "The quick brown fox jumps over the lazy dog and goes on to page {n}."
    pages = ["\n".join(line.format(n=n) for _ in range(48)) for n in range(n_pages)]
    with tempfile.TemporaryDirectory() as folder, parser(folder) as process:
        path = Path(folder) / "long.pdf"
        path.write_bytes(pdf_of(pages, title="Long"))
        began = time.perf_counter()
        report = process.parse("long.pdf", path, Path(folder) / "out", lambda *_: None)
        took = time.perf_counter() - began
        assert process.pid is not None
        size = path.stat().st_size / MEGABYTE
        print(
            f"{report.n_pages} pages, {size:.1f} MB: {report.n_documents} document in {took:.1f} s,"
            f" peak {peak_of(process.pid)} MB"
        )


def upload(n_mb: int, url: str, key: str, pids: list[int], *, is_import: bool) -> None:
    """Print how far the memory of web processes rises while a large file comes in."""
    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=900)
    client.post("/v1/collections", json={"slug": "large", "encoder": "supplied", "dimension": 8})
    idle = {pid: resident(pid) for pid in pids}
    highest, done = dict(idle), Event()

    def watch() -> None:
        while not done.wait(0.05):
            for pid in pids:
                highest[pid] = max(highest[pid], resident(pid))

    watcher = Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryFile() as file:
        words = "words of a record " * 50
        n_lines = 0
        while file.tell() < n_mb * 1_000_000:
            file.write(b'{"external_id": "%d", "text": "%s"}\n' % (n_lines, words.encode()))
            n_lines += 1
        file.seek(0)
        began = time.perf_counter()
        place = "/v1/collections/large"
        if is_import:
            answer = client.post(f"{place}/documents/import", content=file.read())
        else:
            answer = client.post(f"{place}/files", files={"file": ("large.ndjson", file)})
        took = time.perf_counter() - began
    done.set()
    watcher.join()
    rises = ", ".join(f"{idle[pid]} to {highest[pid]} MB" for pid in pids)
    print(f"{n_mb} MB, {n_lines} lines: {answer.status_code} after {took:.1f} s; memory {rises}")


def parser(folder: str) -> Parser:
    work = Path(folder) / "work"
    work.mkdir()
    return Parser(work, memory_mb=768, time_s=120, limits=Limits())


def resident(pid: int) -> int:
    """Return the memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MEGABYTE


def peak_of(pid: int) -> int:
    """Return the most memory that a process has had, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


if __name__ == "__main__":
    main()
