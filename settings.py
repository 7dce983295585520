"""Every setting of the product, typed. Built only by the entry points: the commands of `cli.py`, and `worker.py`.

Each is read from the environment as `TETSUZUKI_<NAME>` (nested: `TETSUZUKI_DURATIONS__SIGNUP=P7D`); the Temporal
address also as `TEMPORAL_ADDRESS` and `TEMPORAL_NAMESPACE`, the names Temporal's own tools use.
"""

from enum import StrEnum
from typing import Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.durations import Durations
from models.encryption import Cipher

_SHORTEST_KEY = 32


class SmtpSecurity(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Smtp(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = 1025
    security: SmtpSecurity = SmtpSecurity.NONE
    username: str | None = None
    password: SecretStr | None = None
    sender: str = "no-reply@tetsuzuki.example"
    sms_domain: str = "sms.tetsuzuki.example"
    """An SMS leaves as a mail to `<number>@<sms_domain>`, the way-in that SMS gateways offer."""


class Carrier(BaseModel):
    """Who brings parcels. Without a URL nobody is asked: the operator arranges it and reports by API (SHP-01)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    """Where orders go: `PUT` and `DELETE {url}/shipments/{id}`, signed with the key."""
    key: SecretStr = SecretStr("")
    """Signs what goes to the carrier, and what comes from it; empty, only the operator may report."""
    tracking_url: str = "https://carrier.example/track/{waybill_number}"
    """The page that the customer can follow a parcel on (SHP-03)."""

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.url and len(self.key.get_secret_value()) < _SHORTEST_KEY:
            message = f"the carrier's key must have at least {_SHORTEST_KEY} characters"
            raise ValueError(message)
        return self


class RateLimits(BaseModel):
    """Limits of the anonymous routes, and of each device, in the notation of the `limits` library ("30/hour")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    apply_per_client: str = "60/hour"
    apply_per_address: str = "10/day"
    sign_in_per_client: str = "120/minute"
    password_reset_per_client: str = "30/hour"  # noqa: S105 - a limit, not a secret
    password_reset_per_address: str = "5/hour"  # noqa: S105 - likewise
    viewer_request_per_client: str = "5/hour"
    """Wider where many PCs share one address."""
    viewer_request_per_pc: str = "5/hour"
    viewer_request_per_address: str = "5/hour"
    viewer_token_per_client: str = "60/minute"  # noqa: S105 - likewise
    link_per_client: str = "300/minute"
    postal_code_per_client: str = "120/minute"
    codec_per_client: str = "600/minute"
    """The Web UI asks anew for every payload of a page."""
    heartbeat_per_device: str = "12/minute"
    """One a minute is what keeps a device online."""
    poll_per_device: str = "60/minute"
    result_per_device: str = "60/minute"


REHEARSAL_RATE_LIMITS = RateLimits(**dict.fromkeys(RateLimits.model_fields, "100000/minute"))
"""Far wider, so that load and acceptance runs pass."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="TETSUZUKI_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a wrong value may be a key in the wrong place
    )

    database_url: SecretStr = SecretStr("postgresql://app@127.0.0.1:5432/tetsuzuki")
    """The product's own connection, as the role `app`."""
    database_pool_size: int = 10

    temporal_address: str = Field(
        "127.0.0.1:7233", validation_alias=AliasChoices("TEMPORAL_ADDRESS", "TETSUZUKI_TEMPORAL_ADDRESS")
    )
    temporal_namespace: str = Field(
        "default", validation_alias=AliasChoices("TEMPORAL_NAMESPACE", "TETSUZUKI_TEMPORAL_NAMESPACE")
    )
    temporal_task_queue: str = "tetsuzuki"
    worker_max_cached_workflows: int = 150
    """Each takes about 200 kB; one that is not cached is replayed, which an answer hardly notices."""
    worker_strict_sandbox: bool = False
    """Load workflows anew in Temporal's sandbox, which finds what would not replay: for tests."""
    worker_graceful_shutdown_seconds: int = 5
    worker_deployment: str = "tetsuzuki"
    """What all versions of the worker are called together, where they are told apart by a build id."""
    worker_build_id: str | None = None
    """This version among them. Without one the worker takes whatever is there for any worker."""

    api_host: str = "127.0.0.1"
    api_port: int = 8080
    trusted_proxies: str | None = None
    """Addresses or networks, with commas between, whose `X-Forwarded-For` says who a client is. Without: nobody's."""
    base_url: str = "http://127.0.0.1:8080"
    """Where people reach the pages when a tenant has no portal base URL of its own."""

    operator_key: SecretStr
    link_key: SecretStr
    """The key of all mail links; whoever has it can make links."""
    payload_keys: dict[str, SecretStr]
    """AES-256-GCM keys of Temporal payloads: key id → 32 bytes in base64."""
    payload_key_id: str
    """The key that new payloads are encrypted with; the others only decrypt."""

    session_keys: dict[str, SecretStr]
    """AES-256-GCM keys of remote-support sessions' credentials (RSA-04), in the same notation."""
    session_key_id: str
    """The key that new ones are encrypted with; the others only decrypt."""

    smtp: Smtp = Smtp()
    carrier: Carrier = Carrier()
    non_return_charge: int = Field(50_000, ge=0)
    """Whole yen for a device that stays away, where the contract's plans name no charge of their own (KIT-04)."""
    durations: Durations = Durations()
    cancellation_fee: int | None = Field(None, ge=0)
    """Whole yen. Replaces the formula of the cancellation fee (CAN-02)."""
    rate_limits: RateLimits = RateLimits()
    rehearsal: bool = False
    """Take the time from the Temporal test server's world clock."""
    temporal_ui_url: str | None = None
    log_level: str = "INFO"
    temporal_metrics_address: str | None = None
    """`host:port` where this process serves what the Temporal SDK measures. What the API measures is at `/metrics`."""

    def payload_cipher(self) -> Cipher:
        return _cipher(self.payload_keys, self.payload_key_id)

    def session_cipher(self) -> Cipher:
        return _cipher(self.session_keys, self.session_key_id)


def _cipher(keys: dict[str, SecretStr], current: str) -> Cipher:
    return Cipher.from_base64({key_id: key.get_secret_value() for key_id, key in keys.items()}, current=current)
