"""Saying what words a workspace's answers: an endpoint's address, key and name, tried at once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from embedhub.answers.llm import service
from embedhub.answers.llm.endpoint import MAX_KEY_CHARS, MAX_NAME_CHARS, MAX_URL_CHARS
from embedhub.answers.llm.service import LlmSettingInput, LlmSettingView, Trial
from embedhub.config import get_config
from embedhub.console import audit, models
from embedhub.console.pages.layout import (
    PickField,
    TextField,
    add_reason,
    page,
    workspace_choices,
)
from embedhub.console.permissions import demand
from embedhub.errors import HubError

INSTALLED, OWN, NONE = "installed", "own", "none"


class LlmForm(forms.Form):
    """What words the answers of a workspace."""

    workspace = PickField()
    source = PickField(label="Answers are worded by")
    base_url = TextField(
        required=False,
        max_length=MAX_URL_CHARS,
        label="Address",
        help_text="Of an OpenAI-compatible endpoint, up to /v1: https://api.openai.com/v1, or "
        "http://127.0.0.1:11434/v1 for Ollama on this machine. It is called by this server.",
    )
    name = TextField(
        required=False,
        max_length=MAX_NAME_CHARS,
        help_text="What the endpoint calls its language model.",
    )
    api_key = forms.CharField(
        required=False,
        max_length=MAX_KEY_CHARS,
        label="Key",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )
    forget_key = forms.BooleanField(required=False, label="Use no key, and forget a stored one")
    temperature = forms.FloatField(
        required=False,
        min_value=0,
        max_value=service.MAX_TEMPERATURE,
        widget=TextField.widget,
        help_text="0 to 2; empty leaves it to the endpoint.",
    )
    max_tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=service.MAX_TOKENS,
        widget=TextField.widget,
        label="Tokens of an answer",
        help_text="At most; empty means what the installation allows.",
    )

    def __init__(self, *args: Any, workspace: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choices = workspace_choices(workspace)
        self.fields["workspace"] = PickField(choices=self.choices, initial=workspace)
        source: Any = self.fields["source"]
        source.choices = [
            (INSTALLED, f"what the installation has ({installed_words()})"),
            (OWN, "an endpoint of its own"),
            (NONE, "nothing: they are sentences of the documents"),
        ]

    def wanted(self) -> LlmSettingInput:
        """Return the setting that the form describes."""
        given = self.cleaned_data
        key = "" if given["forget_key"] else given["api_key"].strip() or None
        return LlmSettingInput(
            is_enabled=given["source"] == OWN,
            base_url=given["base_url"],
            name=given["name"],
            api_key=key,
            temperature=given["temperature"],
            max_tokens=given["max_tokens"],
        )


def installed_words() -> str:
    """Return what the installation has, for a choice."""
    return get_config().llm_name or "a language model" if service.installed_endpoint() else "none"


@sensitive_post_parameters("api_key")
def edit(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "set_up_llm")
    asked = request.POST.get("workspace") or request.GET.get("workspace", "")
    stored = service.find_setting(int(asked)) if is_workspace(asked) else None
    initial = initial_of(stored)
    form = LlmForm(request.POST or None, workspace=asked, initial=initial)
    # Before the form is read: from then on its fields keep their words.
    form.fields["api_key"].help_text = key_words(stored)
    trial: Trial | None = None
    if request.method == "POST" and form.is_valid():
        try:
            if "try" in request.POST:
                trial = carry_out_trial(form)
            else:
                store(request, form)
                return redirect("admin:console_llmsetting_changelist")
        except HubError as error:
            add_reason(form, error)
    return page(
        request,
        model_admin,
        "console/llm.html",
        {
            "title": "Language model of a workspace",
            "form": form,
            "trial": trial,
            # A page never holds a key, not even the one that was just typed.
            "is_key_typed": bool(request.POST.get("api_key")),
        },
    )


def edit_row(object_id: int) -> HttpResponse:
    row: Any = models.LlmSetting.objects.filter(pk=object_id).first()
    if row is None:
        raise Http404
    return redirect(f"{reverse('admin:console_llmsetting_edit')}?workspace={row.workspace_id}")


def is_workspace(raw: str) -> bool:
    """Say whether this is the id of a workspace that is there."""
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18):
        return False
    return models.Workspace.objects.filter(pk=int(raw)).exists()


def initial_of(stored: LlmSettingView | None) -> dict[str, Any]:
    """Return what the form shows at first; never a key."""
    if stored is None:
        return {"source": INSTALLED}
    return {
        "source": OWN if stored.is_enabled else NONE,
        "base_url": stored.base_url,
        "name": stored.name,
        "temperature": stored.temperature,
        "max_tokens": stored.max_tokens,
    }


def key_words(stored: LlmSettingView | None) -> str:
    """Return what stands beside the field of the key."""
    if stored is not None and stored.has_key:
        return "A key is stored and shown to nobody. Leave this empty to keep it."
    return "Kept encrypted and shown to nobody; many endpoints of one's own want none."


def carry_out_trial(form: LlmForm) -> Trial | None:
    """Return what came of asking the endpoint that the form describes; raises InvalidInput."""
    source = form.cleaned_data["source"]
    if source == OWN:
        return service.try_setting(int(form.cleaned_data["workspace"]), form.wanted())
    endpoint = service.installed_endpoint() if source == INSTALLED else None
    if endpoint is None:
        form.add_error("source", "There is no language model to try: choose an endpoint.")
        return None
    return service.try_endpoint(endpoint)


def store(request: HttpRequest, form: LlmForm) -> None:
    """Store what the form describes, and write it to the staff audit; raises InvalidInput."""
    workspace_id = int(form.cleaned_data["workspace"])
    details = {"source": form.cleaned_data["source"]}
    if form.cleaned_data["source"] == INSTALLED:
        service.remove_setting(workspace_id)
        told, details = (
            "Its answers are worded by what the installation has.",
            {"source": INSTALLED},
        )
    else:
        view = service.save_setting(workspace_id, form.wanted())
        told = "From the next answer on, it is used."
        if not view.is_enabled:
            told = "Its answers are sentences of the documents from now on."
        details["address"] = view.base_url
    audit.record(
        request,
        "change language model",
        subject="workspace",
        subject_id=workspace_id,
        workspace_id=workspace_id,
        details=details,
    )
    messages.success(request, told)
