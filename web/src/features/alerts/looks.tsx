import { Link } from "@tanstack/react-router";
import type { Alert } from "@/api/client";
import { t } from "@/i18n";
import { addressOf } from "@/records/RecordLink";
import { useAssetName } from "@/ui/assets";
import { Ago, Chip, type Tone } from "@/ui/bits";
import type { IconName } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { Team } from "@/ui/teams";
import { useIncidentNumber } from "./data";

const SEVERITY: Record<Alert["severity"], { tone: Tone; icon: IconName }> = {
  SEVERITY_UNSPECIFIED: { tone: "still", icon: "question" },
  CRITICAL: { tone: "bad", icon: "bolt" },
  ERROR: { tone: "hot", icon: "late" },
  WARNING: { tone: "warn", icon: "incident" },
  INFO: { tone: "calm", icon: "note" },
};
const STATE: Record<Alert["state"], { tone: Tone; icon: IconName }> = {
  STATE_UNSPECIFIED: { tone: "still", icon: "question" },
  FIRING: { tone: "bad", icon: "alert" },
  ACKNOWLEDGED: { tone: "calm", icon: "person" },
  SUPPRESSED: { tone: "still", icon: "silent" },
  RESOLVED: { tone: "good", icon: "check" },
};

export const SeverityChip = ({ alert }: { alert: Alert }) => (
  <Chip {...SEVERITY[alert.severity]}>{t(`severity.${alert.severity}`)}</Chip>
);

export const StateChip = ({ alert }: { alert: Alert }) => (
  <Chip {...STATE[alert.state]} title={alert.suppression ? t(`suppression.${alert.suppression.reason}`) : undefined}>
    {t(`alertState.${alert.state}`)}
  </Chip>
);

export function Chips({ alert }: { alert: Alert }) {
  return (
    <>
      <SeverityChip alert={alert} />
      <StateChip alert={alert} />
      {alert.flapping && (
        <Chip tone="warn" icon="wave">
          {t("alert.flapping")}
        </Chip>
      )}
    </>
  );
}

export function AssetLink({ id, stop = false }: { id: string; stop?: boolean }) {
  const name = useAssetName(id);
  if (!id) return <span className="muted">–</span>;
  return (
    <Link to="/assets/$id" params={{ id }} tabIndex={stop ? undefined : -1}>
      {name || id}
    </Link>
  );
}

export function IncidentLink({ id, stop = false }: { id: string; stop?: boolean }) {
  const number = useIncidentNumber(id);
  if (!id) return <span className="muted">–</span>;
  return (
    <Link to="/incidents/$id" params={{ id: number || id }} tabIndex={stop ? undefined : -1}>
      {number || t("alert.incident")}
    </Link>
  );
}

/** What a decision went by: an alert has a page, the rest is said. */
export function Reference({ to }: { to: string }) {
  const [resources, id = ""] = to.split("/");
  if (resources !== "alerts") return <span className="muted">{to}</span>;
  return <Link {...addressOf("alerts", id)}>{t("alert.cause")}</Link>;
}

/** Title and content of all that is known of an alert beside its text. */
export const factsOf = (alert: Alert) =>
  [
    [t("alert.asset"), <AssetLink key="a" id={alert.assetId} stop />],
    [t("alert.incident"), <IncidentLink key="i" id={alert.incidentId} stop />],
    [t("record.team"), <Team key="t" id={alert.teamId} />],
    [t("alert.source"), alert.source],
    [t("alert.since"), <Ago key="s" time={alert.startTime} />],
    [t("alert.until"), alert.endTime ? <Ago key="e" time={alert.endTime} /> : null],
    [t("alert.count"), alert.count],
    [
      t("alert.suppressedBy"),
      alert.suppression ? (
        <span key="u">
          {t(`suppression.${alert.suppression.reason}`)} <Reference to={alert.suppression.reference} />
        </span>
      ) : null,
    ],
    [t("alert.acknowledgedBy"), alert.acknowledgedBy ? <Person key="p" id={alert.acknowledgedBy} /> : null],
  ] as const;

export function Labels({ alert }: { alert: Alert }) {
  const labels = Object.entries(alert.labels).sort(([a], [b]) => a.localeCompare(b));
  if (labels.length === 0) return null;
  return (
    <dl className="facts">
      {labels.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
