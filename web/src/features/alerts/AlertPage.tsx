import type { Alert } from "@/api/client";
import { t } from "@/i18n";
import type { Kind } from "@/records/kind";
import { RecordPage } from "@/records/RecordPage";
import { Card } from "@/records/RecordRows";
import { Around, Became } from "./cards";
import { Explanation } from "./Explanation";
import { Chips, factsOf, Labels } from "./looks";
import { Silence } from "./Silence";

/** What the kit has to know of alerts for the page of one; their list is its own. */
export const ALERTS: Kind<Alert> = {
  resources: "alerts",
  many: t("nav.alerts"),
  one: t("alert.one"),
  icon: "alert",
  views: [],
  columns: [],
  verbs: [
    { id: "acknowledge", label: t("alertVerb.acknowledge"), key: "a", from: ["FIRING"] },
    { id: "resolve", label: t("alertVerb.resolve"), key: "e", from: ["FIRING", "ACKNOWLEDGED", "SUPPRESSED"] },
  ],
  chips: (alert) => <Chips alert={alert} />,
  stateText: (state) => t(`alertState.${state as Alert["state"]}`),
  facts: factsOf,
  main: (alert) => (
    <>
      <Around alert={alert} />
      <Card title={t("alert.explainTitle")}>
        <div className="card wide">
          <Explanation id={alert.id} />
        </div>
      </Card>
    </>
  ),
  side: (alert) => (
    <>
      <Became alert={alert} />
      {Object.keys(alert.labels).length > 0 && (
        <Card title={t("alert.labels")}>
          <Labels alert={alert} />
        </Card>
      )}
    </>
  ),
  actions: (alert) => <Silence alert={alert} />,
  noteable: false,
  history: false,
};

export const AlertPage = () => <RecordPage kind={ALERTS} />;
