"""What this service is told beside what every process is."""

from pydantic import Field

from chassis import settings as chassis_settings


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    reopen_days: float = Field(7, gt=0, description="how many days after it was resolved an incident may be reopened")
    grace_minutes: float = Field(
        15, ge=0, description="how many minutes after it cleared an alert that fires again brings its incident back"
    )
    asset_target: str = Field("", description="gRPC address of the asset service, for tasks that hand out what is in stock")
    attachment_largest: int = Field(
        25 << 20, ge=1 << 16, le=1 << 30, description="how many bytes a file of an incident may have"
    )
    attachments_most: int = Field(100, ge=1, le=10_000, description="how many files an incident may have")
    attachments_quota: int = Field(10 << 30, ge=1 << 20, description="how many bytes all files of a tenant may have together")
    triage_incidents: int = Field(
        10_000, ge=100, le=100_000, description="how many incidents, the newest that have ended, a model learns from"
    )
    triage_memory: int = Field(
        768 << 20, ge=128 << 20, description="how many bytes of memory the process beside the service may take that learns"
    )
