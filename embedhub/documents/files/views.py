"""The REST of files."""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

import orjson
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from ninja import Router

from embedhub.access.caller import Scope
from embedhub.config import get_config
from embedhub.documents.files import service
from embedhub.documents.files.inputs import FIELDS, FileFields, parse_fields
from embedhub.documents.files.schemas import (
    AcceptedFiles,
    FetchIn,
    FileDeleted,
    FileOut,
    FilePage,
    GetFilesIn,
    GotFiles,
)
from embedhub.documents.files.storage import refuse_larger
from embedhub.errors import InvalidInput, TooLarge
from embedhub.web.authentication import Principals, caller_of, from_query, narrowed_caller
from embedhub.web.idempotency import idempotent
from embedhub.web.paging import decode_cursor, page, page_limit
from embedhub.web.responses import respond

router = Router(tags=["files"])
# Generic in the type checker's eyes only.
Uploaded: TypeAlias = "UploadedFile[Any]"
FILES = "/collections/{slug}/files"
FILE = FILES + "/{int:file_id}"
PART = "file"
HASHED_BYTES = 1 << 20
# Written as JSON in a form, which knows nothing but text.
JSON_FIELDS = ("metadata", "access")
FORM = {
    "type": "object",
    "required": [PART],
    "properties": {
        PART: {"type": "array", "items": {"type": "string", "format": "binary"}},
        "external_id": {
            "type": "array",
            "items": {"type": "string"},
            "description": "One a file, in their order; without any, the files' own names.",
        },
        "title": {"type": "string", "description": "For a file that holds one document."},
        "url": {"type": "string"},
        "metadata": {"type": "string", "description": 'JSON, such as {"year": 2025}.'},
        "access": {"type": "string", "description": 'JSON, such as ["group:sales"].'},
        "language": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"},
    },
}
UPLOAD = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}
DOWNLOAD = {
    "responses": {
        200: {
            "description": "The original, byte for byte.",
            "content": {"application/octet-stream": {"schema": {"format": "binary"}}},
        }
    }
}


def form_digest(request: HttpRequest) -> bytes:
    """Return what tells a form with files from others."""
    digest = hashlib.sha256(repr(sorted(request.POST.lists())).encode())
    for file in uploads(request):
        digest.update(f"{file.name} {file.size}".encode())
        for piece in file.chunks(HASHED_BYTES):
            digest.update(piece)
        file.seek(0)
    return digest.digest()


@router.post(FILES, response={202: AcceptedFiles}, summary="Send files", openapi_extra=UPLOAD)
@idempotent(digest=form_digest)
def send_files(request: HttpRequest, slug: str) -> HttpResponse:
    """Store files as they are (multipart/form-data) and have them read into documents by a run.

    A file is known by its `external_id`: sent again it is replaced, and unchanged if nothing
    differs. Documents are found when `status` of the file is `stored`; a `failed` one says why.
    """
    caller = caller_of(request, Scope.WRITE)
    files = uploads(request)
    shared = form_fields(request)
    named = request.POST.getlist("external_id")
    if named and len(named) != len(files):
        told = f"{len(named)} names for {len(files)} files: give one for each, or none"
        raise InvalidInput(told, "external_id")
    accepted = []
    checked = [
        parse_fields(
            {**shared, "external_id": named[place] if named else file.name}, f"files.{place}"
        )
        for place, file in enumerate(files)
    ]
    refuse_some(files, checked)
    for place, (file, fields) in enumerate(zip(files, checked, strict=True)):
        sent = service.add_file(caller, slug, fields, file, field=f"files.{place}")
        accepted.append(sent)
    return respond(answer_of(accepted), status=202)


@router.post(FILES + "/fetch", response={202: AcceptedFiles}, summary="Have a file fetched")
@idempotent()
def fetch_file(request: HttpRequest, slug: str, body: FetchIn) -> HttpResponse:
    """Have a file fetched from its address, if staff allow that to the workspace, and read.

    Only public addresses are asked, also behind redirects and names. What cannot be had becomes a
    failed file with the reason.
    """
    caller = caller_of(request, Scope.WRITE)
    given = dict(body)
    url = given.pop("url")
    fields = parse_fields({**given, "external_id": given["external_id"] or url}, "body")
    return respond(answer_of([service.add_address(caller, slug, fields, url)]), status=202)


@router.post(FILES + "/get", response=GotFiles, summary="Get many files")
def get_files(request: HttpRequest, slug: str, body: GetFilesIn) -> HttpResponse:
    """Files in the order asked, null where there is none to be seen.

    By `external_ids` and `sha256` a client knows what it need not send.
    """
    caller = narrowed_caller(request, Scope.READ, body.principals)
    return respond({"items": service.get_files(caller, slug, body.ids, body.external_ids)})


@router.get(FILES, response=FilePage, summary="List files")
def list_files(
    request: HttpRequest,
    slug: str,
    *,
    status: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    principals: Principals = None,
) -> HttpResponse:
    """Files of a collection, the newest first; `status=failed` lists those to look after."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    size, before = page_limit(limit), decode_cursor("files", cursor)
    rows = service.list_files(caller, slug, status=status, before=before, limit=size + 1)
    return respond(page("files", rows, size, lambda row: row.id))


@router.get(FILE, response=FileOut, summary="Get a file")
def get_file(
    request: HttpRequest, slug: str, file_id: int, principals: Principals = None
) -> HttpResponse:
    """A file and what became of it."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    return respond(service.get_file(caller, slug, file_id))


@router.get(FILE + "/content", summary="Download the original", openapi_extra=DOWNLOAD)
def download_file(
    request: HttpRequest, slug: str, file_id: int, principals: Principals = None
) -> HttpResponseBase:
    """The original as it was sent, for whoever may see its documents."""
    caller = narrowed_caller(request, Scope.READ, from_query(principals))
    return download(service.open_original(caller, slug, file_id))


@router.post(FILE + "/retry", response={202: AcceptedFiles}, summary="Read a failed file again")
@idempotent()
def retry_file(request: HttpRequest, slug: str, file_id: int) -> HttpResponse:
    """Have a failed file read again, from its address if it was never fetched."""
    retried = service.retry_file(caller_of(request, Scope.WRITE), slug, file_id)
    return respond(answer_of([retried]), status=202)


@router.delete(FILE, response=FileDeleted, summary="Delete a file")
def delete_file(request: HttpRequest, slug: str, file_id: int) -> HttpResponse:
    """Delete a file with its original and all documents read from it."""
    caller = caller_of(request, Scope.WRITE)
    return respond({"n_documents": service.delete_file(caller, slug, file_id)})


def uploads(request: HttpRequest) -> list[Uploaded]:
    """Return the files of a form; raises InvalidInput for anything else."""
    if request.content_type != "multipart/form-data":
        raise InvalidInput("send multipart/form-data with a part named file", "body")
    try:
        files = [file for file in request.FILES.getlist(PART) if isinstance(file, UploadedFile)]
    except MultiPartParserError as error:
        raise InvalidInput(f"is not a form that can be read: {error}", "body") from None
    if not files:
        raise InvalidInput("needs a part named file, with a file name", PART)
    limit = get_config().max_files_a_request
    if len(files) > limit:
        raise TooLarge(f"{len(files):,} files; at most {limit:,} at once", PART)
    return files


def refuse_some(files: Sequence[Uploaded], checked: Sequence[FileFields]) -> None:
    """Return if each file has a name of its own and a size that is taken; else none is stored.

    Raises InvalidInput or TooLarge naming the file.
    """
    limit = get_config().max_file_bytes
    seen: set[str] = set()
    for place, (file, fields) in enumerate(zip(files, checked, strict=True)):
        refuse_larger(file.size or 0, limit, f"files.{place}")
        if fields.external_id in seen:
            told = f"{fields.external_id!r} is sent twice: give each file an external_id"
            raise InvalidInput(told, f"files.{place}.external_id")
        seen.add(fields.external_id)


def form_fields(request: HttpRequest) -> dict[str, Any]:
    """Return what a form says of all its files; raises InvalidInput."""
    unknown = request.POST.keys() - {"external_id", *FIELDS}
    if unknown:
        raise InvalidInput("unknown field", str(min(unknown)))
    fields: dict[str, Any] = {}
    for name in FIELDS:
        value = request.POST.get(name)
        if value is None:
            continue
        fields[name] = decoded(str(value), name) if name in JSON_FIELDS else value
    return fields


def decoded(value: str, name: str) -> object:
    """Return the JSON of a form's field; raises InvalidInput."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"is not valid JSON: {error}", name) from None


def answer_of(accepted: list[service.Accepted]) -> dict[str, object]:
    """Return the answer to files that were sent."""
    items = [{"file": each.file, "outcome": each.outcome} for each in accepted]
    asked = [each.run_id for each in accepted if each.outcome != "unchanged"]
    return {"items": items, "run_id": asked[-1] if asked else None}


def download(original: service.Original) -> StreamingHttpResponse:
    """Return an original as a download: never shown as a page of this server."""
    response = StreamingHttpResponse(original.pieces, content_type="application/octet-stream")
    response["Content-Length"] = str(original.n_bytes)
    response["Content-Disposition"] = (
        f"attachment; filename*=UTF-8''{quote(original.name, safe='')}"
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
