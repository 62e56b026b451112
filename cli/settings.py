"""What the command line is told by its environment: one typed object per run.

`ITSM_URL` and `ITSM_TOKEN` win over what `itsm login` has stored; `ITSM_CONFIG_DIR` moves the folder it is stored in.
"""

from pathlib import Path

import typer
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CliSettings(BaseSettings):
    """Variables with the prefix `ITSM_`."""

    model_config = SettingsConfigDict(env_prefix="ITSM_", frozen=True, extra="ignore", env_ignore_empty=True)

    url: str = Field("", description="address of the platform, as in `https://itsm.example.com`")
    token: SecretStr = Field(SecretStr(""), description="a personal access token; nothing is stored when it is used")
    plugins: str = Field(
        "", description="importers of installed packages that are loaded, as `importers:name`, separated by commas"
    )
    config_dir: Path = Field(
        default_factory=lambda: Path(typer.get_app_dir("itsm")), description="folder of the stored sign-in"
    )
