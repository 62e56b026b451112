"""What an estate of managed assets does to the platform in its busiest hour: assumptions, in one place, to be changed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estate:
    """Who and what there is. Shares are of the assets."""

    assets: int
    tenants: int
    agents: float = 0.5
    series_per_agent: int = 20
    sample_seconds: float = 60.0
    checks: float = 0.2
    check_seconds: float = 60.0
    alerts_per_day: float = 0.02
    repeats: float = 20.0
    incidents_per_alert: float = 0.25
    tickets_per_year: float = 1.0
    busy: float = 3.0
    """The busiest hour against the mean one."""
    staff: float = 1 / 500
    online: float = 0.7
    seconds_between_reads: float = 6.0
    seconds_between_writes: float = 120.0
    tabs: float = 1.5
    told: float = 1 / 20
    """Share of a tenant's streams that an event concerns."""
    storm: float = 0.01
    """Assets that one outage takes down at once: each is an alert within a minute."""

    @property
    def people(self) -> float:
        """Staff who are at work."""
        return self.assets * self.staff * self.online

    @property
    def streams(self) -> float:
        """Live streams that are open."""
        return self.people * self.tabs

    @property
    def alerts(self) -> float:
        """New alerts a day."""
        return self.assets * self.alerts_per_day

    @property
    def incidents(self) -> float:
        """New incidents a day, of alerts and of people."""
        return self.alerts * self.incidents_per_alert + self.assets * self.tickets_per_year / 365

    @property
    def changes(self) -> float:
        """Change rows a day: two an alert, four an incident, one an asset a month."""
        return 2 * self.alerts + 4 * self.incidents + self.assets / 30

    @property
    def rates(self) -> Mapping[str, float]:
        """Operation → how many a second, in the busiest hour; names are those of `bench.costs`."""
        day = 86_400 / self.busy
        reads = self.people / self.seconds_between_reads
        writes = self.people / self.seconds_between_writes + self.assets * self.tickets_per_year / 365 / day
        events = self.changes / day + writes
        return {
            "read": 0.6 * reads,
            "list": 0.4 * reads,
            "create": 0.2 * writes,
            "update": 0.8 * writes,
            "alert, paced": self.alerts / day,
            "signal of a storm": self.repeats * self.alerts / day,
            "sample": self.assets * self.agents * self.series_per_agent / self.sample_seconds,
            "check result": self.assets * self.checks / self.check_seconds,
            "agent report": self.assets * self.agents / 86_400,
            "event on a stream": events * self.streams / self.tenants * self.told,
            "heartbeat of a stream": self.streams / 25,
        }

    @property
    def causes(self) -> Mapping[str, float]:
        """What leaves documents (`bench.costs.Kept.per`) → how many a day; of assets, how many there are, a year each."""
        samples = self.assets * self.agents * self.series_per_agent * 86_400 / self.sample_seconds
        return {
            "alert": self.alerts,
            "incident": self.incidents,
            "change": self.changes,
            "asset": self.assets / 365,
            "raw sample": samples,
            "window of five minutes": self.assets * self.agents * self.series_per_agent * 288,
            "window of an hour": self.assets * self.agents * self.series_per_agent * 24,
        }


ESTATES = (Estate(1_000, 1), Estate(100_000, 20), Estate(10_000_000, 1_000))
