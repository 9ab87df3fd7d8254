"""Sending files from the console: several or whole folders, each with its own outcome."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from embedhub.access.caller import Caller
from embedhub.access.service import check_principals
from embedhub.config import get_config
from embedhub.console import audit, words
from embedhub.console.pages.judging import SCRIPTED, chosen_collection
from embedhub.console.pages.layout import TextField, page
from embedhub.console.pages.search import collection_choices
from embedhub.console.permissions import demand
from embedhub.documents.files import service
from embedhub.documents.files.inputs import parse_fields
from embedhub.documents.files.service import FileStatus, FileView
from embedhub.errors import HubError

PERMISSION = "upload_file"
PART = "file"
# Generic in the type checker's eyes only.
Uploaded: TypeAlias = "UploadedFile[Any]"
MAX_NAME_SHOWN = 300


class UploadForm(forms.Form):
    """What is said of all files that are sent together."""

    access = TextField(
        required=False,
        label="Seen by",
        help_text="Principals, separated by commas, such as group:sales; empty means everybody"
        " in the workspace.",
    )

    def clean_access(self) -> list[str] | None:
        names = [name.strip() for name in self.cleaned_data["access"].split(",")]
        names = list(dict.fromkeys(name for name in names if name))
        try:
            check_principals(names)
        except HubError as error:
            raise forms.ValidationError(str(error)) from error
        return names or None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: `tone` and `state` for a label, `told` beside it.

    `id` and `url` are None and empty for one that was not taken; `is_final` says that nothing more
    will happen.
    """

    name: str
    id: int | None
    state: str
    tone: str
    told: str
    url: str
    is_final: bool


def upload_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the form and take what it sends; to the page's script, answer in JSON."""
    demand(request, PERMISSION)
    asked = request.POST.get("collection") or request.GET.get("collection", "")
    groups = collection_choices(asked)
    row = chosen_collection(asked, groups)
    is_scripted = request.headers.get("X-Requested-With") == SCRIPTED
    if row is None and (is_scripted or request.method == "POST"):
        raise Http404
    if is_scripted and request.method == "GET":
        return JsonResponse({"items": [asdict(one) for one in outcomes_of(request, row)]})
    form = UploadForm(request.POST or None)
    sent: list[Outcome] = []
    if request.method == "POST" and form.is_valid():
        sent = take(request, row, form)
    if is_scripted:
        return JsonResponse(
            {"items": [asdict(one) for one in sent], "errors": errors_of(form)},
            status=HTTPStatus.OK if sent else HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    return page(
        request,
        model_admin,
        "console/uploading.html",
        {
            "title": f"Files of {row.slug}" if row else "Send files",
            "groups": groups,
            "row": row,
            "form": form,
            "sent": sent,
            "max_bytes": get_config().max_file_bytes,
            "max_size": words.size(get_config().max_file_bytes),
            "max_files": get_config().max_files_a_request,
        },
    )


def take(request: HttpRequest, row: Any, form: UploadForm) -> list[Outcome]:
    """Have every file of a form stored and read; one that is refused costs no other."""
    files = [file for file in request.FILES.getlist(PART) if isinstance(file, UploadedFile)]
    # The script names files by their paths; a form without it knows their own names only.
    names = request.POST.getlist("external_id") or [file.name or "" for file in files]
    if not files:
        form.add_error(None, "Choose at least one file.")
    elif len(files) > get_config().max_files_a_request:
        form.add_error(None, f"At most {get_config().max_files_a_request:,} files at once.")
    elif len(names) != len(files):
        form.add_error(None, f"{len(names):,} names for {len(files):,} files.")
    if not form.is_valid():
        return []
    access = form.cleaned_data["access"]
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    for name, file in zip(names, files, strict=True):
        is_second = name in seen
        seen.add(name)
        outcomes.append(
            refused(name, "another file of this name was sent with it")
            if is_second
            else take_one(request, row, name, file, access)
        )
    return outcomes


def take_one(
    request: HttpRequest, row: Any, name: str, file: Uploaded, access: Sequence[str] | None
) -> Outcome:
    """Have one file stored and read as a client's would be."""
    caller = Caller.for_workspace(row.workspace_id)
    given = {"external_id": name} | ({} if access is None else {"access": list(access)})
    try:
        fields = parse_fields(given, PART)
        # Django has it in a file of its own if it is large: it is copied piece by piece.
        accepted = service.add_file(caller, row.slug, fields, file, field=PART)
    except HubError as error:
        return refused(name, getattr(error, "message", str(error)))
    if accepted.outcome != "unchanged":
        audit.record(
            request,
            "send file",
            subject="file",
            subject_id=accepted.file.id,
            workspace_id=row.workspace_id,
            details={
                "collection": row.slug,
                "external_id": name,
                "outcome": accepted.outcome,
                "access": access,
            },
        )
    told = {"updated": "replaces the one of this name", "unchanged": "was there already"}
    return outcome_of(accepted.file, told.get(accepted.outcome, ""))


def outcomes_of(request: HttpRequest, row: Any) -> list[Outcome]:
    """Return how the files stand whose ids are asked for; those that are gone are left out."""
    asked = request.GET.get("ids", "").split(",")[: get_config().max_limit]
    ids = [int(ident) for ident in asked if ident.isascii() and ident.isdigit() and len(ident) < 19]
    found = service.get_files(Caller.for_workspace(row.workspace_id), row.slug, ids) if ids else []
    return [outcome_of(file) for file in found if file is not None]


def outcome_of(file: FileView, told: str = "") -> Outcome:
    """Return how a file stands, in words."""
    is_final = file.status in {FileStatus.STORED, FileStatus.FAILED}
    if file.status == FileStatus.FAILED or file.reason:
        told = file.reason or told
    elif file.status == FileStatus.STORED:
        told = "; ".join(filter(None, (words.plural(file.n_documents, "document"), told)))
    return Outcome(
        name=file.external_id,
        id=file.id,
        state=words.FILE_STATUS_WORDS[file.status],
        tone=words.FILE_STATUS_TONES[file.status],
        told=told,
        url=reverse("admin:console_file_change", args=[file.id]),
        is_final=is_final,
    )


def refused(name: str, told: str) -> Outcome:
    """Return the outcome of a file that was not taken."""
    return Outcome(name[:MAX_NAME_SHOWN], None, "not taken", "bad", told, "", is_final=True)


def errors_of(form: forms.Form) -> dict[str, list[str]]:
    """Return what is wrong with a form, by its fields."""
    return {name: [str(one) for one in errors] for name, errors in form.errors.items()}
