"""Which endpoint words the answers of a workspace: what a caller may rely on.

A workspace's own setting replaces the installation's as a whole: the installation's key is never
sent to an address that a workspace has named. Whoever sets an address is trusted with the network
that the web server sees; there is no REST for it, only the environment and the admin.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from embedhub import db
from embedhub.answers.generator import GenerationFailed
from embedhub.answers.llm import queries
from embedhub.answers.llm.client import complete_chat
from embedhub.answers.llm.endpoint import Endpoint, check_base_url, check_key, check_name
from embedhub.answers.llm.faults import Refusal
from embedhub.answers.llm.pieces import RefusedInStream, error_words
from embedhub.answers.llm.sealing import Unreadable, seal, unseal
from embedhub.config import get_config
from embedhub.errors import InvalidInput
from embedhub.tables import LlmSetting

MAX_TEMPERATURE = 2
MAX_TOKENS = 1_000_000
TRIAL = [{"role": "user", "content": "Say hello in one short sentence."}]
UNREADABLE = (
    "the stored key of the language model cannot be read, because the installation's secret has"
    " changed: give the key again in the admin"
)


@dataclass(frozen=True, slots=True)
class LlmSettingInput:
    """What a workspace shall have; `api_key` None keeps the stored one, "" means none.

    Not enabled: answers are sentences of the documents, and address and name may be missing.
    """

    is_enabled: bool
    base_url: str
    name: str
    api_key: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class LlmSettingView:
    """What a workspace has set; of the key only whether there is one."""

    workspace_id: int
    is_enabled: bool
    base_url: str
    name: str
    has_key: bool
    temperature: float | None
    max_tokens: int | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of asking an endpoint for a sentence; `hint` is what the endpoint said itself."""

    succeeded: bool
    words: str
    hint: str
    took_ms: float


def find_endpoint(workspace_id: int) -> Endpoint | None:
    """Return what words a workspace's answers; None: sentences of the documents do.

    Raises GenerationFailed if its key cannot be read.
    """
    with db.reading() as session:
        setting = queries.find_setting(session, workspace_id=workspace_id)
    if setting is None:
        return installed_endpoint()
    return _endpoint_of(setting) if setting.is_enabled else None


def installed_endpoint() -> Endpoint | None:
    """Return the installation's own endpoint, None if it has none."""
    config = get_config()
    if not config.llm_base_url:
        return None
    return _endpoint(
        config.llm_base_url,
        config.llm_name,
        config.llm_api_key.get_secret_value(),
        temperature=config.llm_temperature,
        max_tokens=config.llm_max_tokens,
    )


def find_setting(workspace_id: int) -> LlmSettingView | None:
    """Return what a workspace has set, None if it has what the installation has."""
    with db.reading() as session:
        setting = queries.find_setting(session, workspace_id=workspace_id)
    return None if setting is None else _view(setting)


def save_setting(workspace_id: int, wanted: LlmSettingInput) -> LlmSettingView:
    """Store what a workspace shall have, from the next answer on; raises InvalidInput.

    With another address the stored key is forgotten unless it is given again: whoever may change
    the address could otherwise have the key sent to it.
    """
    checked = check_setting(wanted)
    values: dict[str, Any] = {
        "is_enabled": checked.is_enabled,
        "base_url": checked.base_url or None,
        "name": checked.name or None,
        "temperature": checked.temperature,
        "max_tokens": checked.max_tokens,
    }
    with db.writing() as session:
        before = queries.find_setting(session, workspace_id=workspace_id)
        is_elsewhere = before is not None and before.base_url != values["base_url"]
        if checked.api_key is not None:
            values["api_key"] = seal(checked.api_key) if checked.api_key else None
        elif is_elsewhere:
            values["api_key"] = None
        queries.save_setting(session, workspace_id=workspace_id, values=values)
        session.expire_all()
        saved = queries.find_setting(session, workspace_id=workspace_id)
        assert saved is not None  # noqa: S101 - written two lines above
        return _view(saved)


def remove_setting(workspace_id: int) -> bool:
    """Let a workspace have what the installation has; return whether that changes anything."""
    with db.writing() as session:
        return queries.delete_setting(session, workspace_id=workspace_id)


def try_setting(workspace_id: int, wanted: LlmSettingInput) -> Trial:
    """Ask an endpoint for a sentence without storing anything; raises InvalidInput.

    The stored key is used where none is given and the address is the stored one.
    """
    checked = check_setting(wanted)
    with db.reading() as session:
        stored = queries.find_setting(session, workspace_id=workspace_id)
    key = checked.api_key
    if key is None and stored is not None and stored.base_url == checked.base_url:
        try:
            key = unseal(stored.api_key) if stored.api_key else ""
        except Unreadable:
            return Trial(succeeded=False, words=UNREADABLE, hint="", took_ms=0)
    endpoint = _endpoint(
        checked.base_url,
        checked.name,
        key or "",
        temperature=checked.temperature,
        max_tokens=checked.max_tokens,
    )
    return try_endpoint(endpoint)


def try_endpoint(endpoint: Endpoint) -> Trial:
    """Ask an endpoint for a sentence and say what came of it, in plain words."""
    began = time.perf_counter()
    try:
        words, hint, succeeded = complete_chat(endpoint, TRIAL), "", True
    except GenerationFailed as error:
        cause = error.__cause__
        words, succeeded = error.message, False
        hint = cause.words if isinstance(cause, Refusal) else ""
        if isinstance(cause, RefusedInStream):
            hint = str(cause)
    # An endpoint may repeat the key; masked before it is cut, or a part of it would be left.
    hint = error_words(hint.replace(endpoint.api_key, "***") if endpoint.api_key else hint)
    return Trial(succeeded, words, hint, (time.perf_counter() - began) * 1_000)


def check_setting(wanted: LlmSettingInput) -> LlmSettingInput:
    """Return the setting in its stored form; raises InvalidInput naming the part."""
    is_whole = wanted.is_enabled or wanted.base_url.strip()
    if wanted.temperature is not None and not 0 <= wanted.temperature <= MAX_TEMPERATURE:
        raise InvalidInput(f"must be from 0 to {MAX_TEMPERATURE}", "temperature")
    if wanted.max_tokens is not None and not 1 <= wanted.max_tokens <= MAX_TOKENS:
        raise InvalidInput(f"must be from 1 to {MAX_TOKENS:,}", "max_tokens")
    return LlmSettingInput(
        is_enabled=wanted.is_enabled,
        base_url=check_base_url(wanted.base_url) if is_whole else "",
        name=check_name(wanted.name) if is_whole else "",
        api_key=None if wanted.api_key is None else check_key(wanted.api_key),
        temperature=wanted.temperature,
        max_tokens=wanted.max_tokens,
    )


def _endpoint_of(setting: LlmSetting) -> Endpoint:
    try:
        key = unseal(setting.api_key) if setting.api_key else ""
    except Unreadable:
        raise GenerationFailed(UNREADABLE) from None
    return _endpoint(
        setting.base_url or "",
        setting.name or "",
        key,
        temperature=setting.temperature,
        max_tokens=setting.max_tokens,
    )


def _endpoint(
    base_url: str, name: str, key: str, *, temperature: float | None, max_tokens: int | None
) -> Endpoint:
    config = get_config()
    return Endpoint(
        base_url=base_url,
        name=name,
        api_key=key,
        temperature=temperature,
        max_tokens=max_tokens or config.llm_max_tokens,
        connect_s=config.llm_connect_s,
        silence_s=config.llm_silence_s,
        total_s=config.llm_total_s,
        attempts=config.llm_attempts,
        retry_base_s=config.llm_retry_base_s,
        max_chars=config.max_answer_chars,
    )


def _view(setting: LlmSetting) -> LlmSettingView:
    return LlmSettingView(
        workspace_id=setting.workspace_id,
        is_enabled=setting.is_enabled,
        base_url=setting.base_url or "",
        name=setting.name or "",
        has_key=setting.api_key is not None,
        temperature=setting.temperature,
        max_tokens=setting.max_tokens,
        updated_at=setting.updated_at,
    )
