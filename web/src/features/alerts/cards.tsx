import { Link } from "@tanstack/react-router";
import { type Alert, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useRecord } from "@/records/data";
import { addressOf } from "@/records/RecordLink";
import { Card, useRows } from "@/records/RecordRows";
import { Ago, Chip, Loading } from "@/ui/bits";
import { Person } from "@/ui/people";
import { AssetLink, IncidentLink, SeverityChip, StateChip } from "./looks";

/** A page that called people; alerts have one each. */
type Call = Schemas["Page"];

const NEWEST = "createTime desc";

/** Alerts in a card, each a link to its own page. */
function Several({ title, alerts }: { title: string; alerts: readonly Alert[] }) {
  if (alerts.length === 0) return null;
  return (
    <section aria-label={title} className="stack tight">
      <h3 className="muted">{title}</h3>
      <ul className="stack tight">
        {alerts.map((alert) => (
          <li key={alert.id} className="line wrap">
            <SeverityChip alert={alert} />
            <Link {...addressOf("alerts", alert.id)}>{alert.title}</Link>
            <AssetLink id={alert.assetId} stop />
            <span className="end">
              <StateChip alert={alert} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What it comes from, what comes from it, and what came with it. */
export function Around({ alert }: { alert: Alert }) {
  const reference = alert.suppression?.reference ?? "";
  const caused = alert.suppression?.reason === "DEPENDENCY" ? reference.replace(/^alerts\//, "") : "";
  const cause = useRecord<Alert>("alerts", caused);
  const consequences = useRows<Alert>("alerts", `suppression.reference = ${quoted(`alerts/${alert.id}`)}`, NEWEST);
  const group = useRows<Alert>("alerts", `groupKey = ${quoted(alert.groupKey)}`, NEWEST, alert.groupKey !== "");
  const beside = group.data?.filter(({ id }) => id !== alert.id) ?? [];
  if (consequences.isPending && consequences.isFetching) return <Loading rows={3} />;
  const nothing = !cause.data && (consequences.data ?? []).length === 0 && beside.length === 0;
  return (
    <Card title={t("alert.around")}>
      <div className="stack">
        {nothing && <p className="muted">{t("alert.alone")}</p>}
        <Several title={t("alert.causeOf")} alerts={cause.data ? [cause.data] : []} />
        <Several title={t("alert.consequences")} alerts={consequences.data ?? []} />
        <Several title={t("alert.group")} alerts={beside} />
      </div>
    </Card>
  );
}

const CALL_TONES = { OPEN: "bad", ACKNOWLEDGED: "calm", RESOLVED: "good" } as const;

/** What became of it: the incident that was opened for it, and who was called. */
export function Became({ alert }: { alert: Alert }) {
  const { can } = useSession();
  const { data: pages = [] } = useRows<Call>("pages", `alertId = ${quoted(alert.id)}`, "", can("pages.list"));
  return (
    <Card title={t("alert.became")}>
      <div className="stack">
        <p className="line wrap">
          {alert.incidentId ? (
            <IncidentLink id={alert.incidentId} stop />
          ) : (
            <span className="muted">{t("alert.noIncident")}</span>
          )}
        </p>
        {pages.map((page) => (
          <section key={page.id} className="stack tight" aria-label={t("alert.called")}>
            <p className="line wrap">
              <span>{t("alert.called")}</span>
              <Chip tone={CALL_TONES[page.state as "OPEN"] ?? "still"}>
                {t(`pageState.${page.state as "OPEN"}`, { defaultValue: page.state })}
              </Chip>
            </p>
            <ul className="stack tight">
              {page.calls.map((call) => (
                <li key={`${call.userId} ${call.time}`} className="line wrap">
                  <Person id={call.userId} />
                  <Ago time={call.time} />
                </li>
              ))}
            </ul>
          </section>
        ))}
        {pages.length === 0 && <p className="muted">{t("alert.nobodyCalled")}</p>}
      </div>
    </Card>
  );
}
