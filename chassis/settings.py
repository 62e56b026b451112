"""What a process is told from outside: one frozen, typed object, read once at the composition root.

Variables carry the prefix `ITSM_`; a secret may come from a file in the folder that `ITSM_SECRETS_DIR` names.
Fails at start, naming the variable, when a value is missing or of the wrong form.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Environment(StrEnum):
    """Development allows the test clock and failpoints; production refuses them."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class MongoDriver(StrEnum):
    """Both pass the same tests (docs/decisions/002-mongo-driver.md)."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class KafkaProtocol(StrEnum):
    """How brokers are spoken to."""

    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"
    SSL = "SSL"
    PLAINTEXT = "PLAINTEXT"


class Migrations(StrEnum):
    """Who makes indexes and migrates data (chassis/store/migrations.py)."""

    STARTUP = "startup"
    EXTERNAL = "external"


class Settings(BaseSettings):
    """What every process needs; a service extends it in its `app.py`."""

    model_config = SettingsConfigDict(env_prefix="ITSM_", frozen=True, extra="ignore")

    environment: Environment = Field(Environment.PRODUCTION, description="`development` allows the test clock and failpoints")
    installation: str = Field("local", description="name of this installation, part of the source of each event")
    epoch: int = Field(1, description="raised by a restore, so that versions seen before it do not shadow new ones")

    listen: str = Field("127.0.0.1:0", description="host:port of the gRPC listener (the HTTP listener of the gateway)")
    management_listen: str = Field("127.0.0.1:0", description="host:port of health and metrics")
    connection_age_seconds: float = Field(
        300, gt=0, description="how long a caller keeps a connection before it looks for other replicas (10 % more or less)"
    )
    drain_seconds: float = Field(5, description="how long a stopping process still serves, so that clients see it leave")
    stop_grace_seconds: float = Field(25, description="how long running requests may take to finish at a stop")

    mongo_uri: SecretStr = Field(SecretStr(""), description="of the service's own database, its user in it")
    ca_file: Path | None = Field(
        None, description="certificates that are trusted beside those of the system: by MongoDB, Kafka, the realm"
    )

    mongo_driver: MongoDriver = Field(MongoDriver.MOTOR, description="`motor` or `pymongo`")

    migrations: Migrations | None = Field(
        None,
        description="`startup`: every start makes indexes and migrates; `external`: `migrate` does, and a process is not ready "
        "before; when empty, `startup` in development and `external` in production",
    )

    lease_seconds: float = Field(
        15,
        ge=3,
        description="how long the work of a process that died waits for another; two thirds of it for what it consumed, for "
        "which below 9 the brokers need a lower `group.min.session.timeout.ms` than their usual 6000",
    )

    kafka_bootstrap: str = Field("", description="host:port of the brokers, comma-separated; empty: no events")
    kafka_protocol: KafkaProtocol = Field(KafkaProtocol.SASL_PLAINTEXT, description="how brokers are spoken to")
    kafka_mechanism: str = Field("SCRAM-SHA-256", description="`SCRAM-SHA-256`, `SCRAM-SHA-512` or `PLAIN`")
    kafka_ca_file: Path | None = Field(None, description="certificates of the brokers' authority; `ITSM_CA_FILE` when empty")
    kafka_username: str = Field("", description="SASL user; empty: nobody signs in")
    kafka_password: SecretStr = Field(SecretStr(""), description="its password")

    oidc_issuer: str = Field("", description="issuer of the realm, as in its tokens")
    oidc_internal_url: str = Field("", description="where this process reaches the realm; the issuer when empty")
    token_issuer_jwks: str = Field("", description="address of the auth service's keys")
    auth_target: str = Field("", description="gRPC address of the auth service, for the policy snapshot")
    client_id: str = Field("", description="service account of this process in the realm")
    client_secret: SecretStr = Field(SecretStr(""), description="its secret")

    tls_folder: Path | None = Field(
        None, description="folder with `tls.crt`, `tls.key`, `ca.crt` for RPCs between services; empty: plain text"
    )
    tls_require_clients: bool = Field(True, description="whether callers need a certificate of the same authority")
    tls_clients: str = Field(
        "",
        description="names (URI, DNS, common name) of certificates that may call, comma-separated; empty: all of the authority",
    )

    page_token_key: SecretStr = Field(
        SecretStr(""), description="signs page tokens and stream cursors; the same in all replicas"
    )
    clock_file: Path | None = Field(
        None, description="development only: file with an offset in seconds that all processes share"
    )
    failpoints: Path | None = Field(None, description="development only: file that says where to die, wait or fail")

    plugins: str = Field(
        "", description="plugins of installed packages that are loaded, as `kind:name`, separated by commas; nothing else is"
    )

    otlp_endpoint: str = Field("", description="gRPC address of a trace collector; empty: no spans are recorded")
    trace_ratio: float = Field(1.0, ge=0, le=1, description="share of traces that start here and are recorded")
    log_level: str = Field("INFO", description="of our own loggers")
    log_format: str = Field("json", description="`json` or `text`")

    def model_post_init(self, _context: Any) -> None:
        """Refuses what production must never have."""
        if self.environment is Environment.PRODUCTION and (self.clock_file or self.failpoints):
            raise ValueError("ITSM_CLOCK_FILE and ITSM_FAILPOINTS are refused outside of ITSM_ENVIRONMENT=development")

    @property
    def migrates_at_start(self) -> bool:
        """Whether a start makes indexes and migrates data itself."""
        chosen = self.migrations or (Migrations.STARTUP if self.environment is Environment.DEVELOPMENT else Migrations.EXTERNAL)
        return chosen is Migrations.STARTUP

    @classmethod
    def load(cls) -> Self:
        """Reads the environment and, where `ITSM_SECRETS_DIR` is set, the files of that folder."""
        directory = _SecretsDirectory().secrets_dir
        return cls(_secrets_dir=directory) if directory else cls()


class _SecretsDirectory(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ITSM_")

    secrets_dir: Path | None = None
