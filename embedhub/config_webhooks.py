"""The settings of webhooks; read by `config` alone."""

from pydantic import Field, IPvAnyNetwork
from pydantic_settings import BaseSettings


class WebhookPart(BaseSettings):
    """Where webhooks may be sent, how often it is tried, and how long it is kept what was sent."""

    # --- webhooks
    max_webhooks: int = Field(20, ge=1, description="Webhooks of one workspace.")
    webhook_networks: list[IPvAnyNetwork] = Field(
        [],
        description="Private networks that webhooks may be sent to beside public addresses, as a"
        ' JSON list such as ["10.1.0.0/16"].',
    )
    webhook_s: float = Field(
        10, gt=0, description="Longest wait for the answer to a webhook, seconds."
    )
    webhook_attempts: int = Field(
        8, ge=1, description="Attempts of one delivery before it counts as failed."
    )
    webhook_retry_base_s: float = Field(
        10, gt=0, description="First wait before a delivery is repeated; four times as long each."
    )
    webhook_failures: int = Field(
        20,
        ge=1,
        description="Attempts in a row that fail before a webhook is no longer tried by itself.",
    )
    webhook_days: int = Field(30, ge=1, description="Days that deliveries of webhooks are kept.")
