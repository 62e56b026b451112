import { Button } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { RiskChip } from "@/records/Approval";
import { StateChip } from "@/records/chips";
import { level } from "@/records/common";
import { useChange } from "@/records/data";
import { FieldsForm } from "@/records/FieldsForm";
import { type DeskRecord, type Kind, nested, type Value } from "@/records/kind";
import { Card } from "@/records/RecordRows";
import { STATE_TONES, stateText } from "@/records/states";
import { Dialog } from "@/ui/Dialog";
import { usePerson } from "@/ui/people";
import { at } from "@/ui/time";

type Change = Schemas["Change"];

/** All that changing a field of it needs to know of the kind; the kind itself shows these cards. */
export const RESOURCES = { resources: "changes" } as Kind<DeskRecord & Change>;
const PLANNED = new Set(["NEW", "ASSESS", "AUTHORIZE", "SCHEDULED"]);

/** How it is made, seen to work, and taken back. */
export function Plans({ change }: { change: Change }) {
  const plans = [
    [t("change.plan"), change.implementationPlan],
    [t("change.testPlan"), change.testPlan],
    [t("change.backOutPlan"), change.backOutPlan],
  ] as const;
  return (
    <Card title={t("change.plans")}>
      <dl className="stack">
        {plans.map(([title, text]) => (
          <div key={title}>
            <dt className="muted">{title}</dt>
            <dd className="prose">{text || <span className="muted">{t("change.noPlan")}</span>}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

/** How much may go wrong, of what that is made, and the answers that it is computed from. */
export function RiskCard({ change }: { change: Change }) {
  const { can } = useSession();
  const save = useChange(RESOURCES);
  const [opened, setOpened] = useState(false);
  const known = change.questions;
  const editable = change.kind !== "STANDARD" && PLANNED.has(change.state) && can("changes.update");
  const answers = (["tested", "backOutTested", "routine", "outage"] as const).map((name) => ({
    name: `questions.${name}`,
    label: t(`change.${name}`),
    kind: "toggle" as const,
    initial: known?.[name] ?? false,
  }));
  return (
    <Card
      title={t("change.risk")}
      action={
        editable && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("change.questions")}
          </Button>
        )
      }
    >
      <div className="stack">
        <div className="line">
          <RiskChip risk={change.risk} />
          <span className="muted end">{t("change.riskScore", { score: change.riskScore })}</span>
        </div>
        <div className="bar">
          <span
            data-tone={change.risk === "HIGH" ? "bad" : change.risk === "MEDIUM" ? "warn" : undefined}
            style={{ inlineSize: `${change.riskScore}%` }}
          />
        </div>
        <ul className="steps" aria-label={t("change.riskWhy")}>
          {change.riskReasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </div>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("change.questions")}>
        <FieldsForm
          fields={[
            { ...level("impact"), name: "questions.impact", label: t("change.impact"), initial: known?.impact ?? "MEDIUM" },
            ...answers,
          ]}
          action={t("record.save")}
          cancel={() => setOpened(false)}
          submit={async (values) => {
            const { questions } = nested(values);
            if (await save(change, { questions: questions as unknown as Value })) setOpened(false);
          }}
        />
      </Dialog>
    </Card>
  );
}

/** Who approved an emergency by word of mouth, and whether that was confirmed. */
export function Spoken({ change }: { change: Change }) {
  const name = usePerson(change.spokenById);
  if (change.spokenById === "" && change.retrospective === "NOT_ASKED") return null;
  return (
    <Card title={t("change.spoken")}>
      <div className="stack">
        {change.spokenById && (
          <p className="prose">{t("change.spokenBy", { name: name || change.spokenById, words: change.spokenWords })}</p>
        )}
        <div className="line wrap">
          <span className="muted">{t("change.retrospective")}</span>
          <StateChip tones={STATE_TONES} state={change.retrospective} text={stateText(change.retrospective)} />
          {change.retrospectiveDueTime && change.retrospective === "WAITING" && (
            <span className="muted">{t("approval.due", { time: at(change.retrospectiveDueTime) })}</span>
          )}
        </div>
      </div>
    </Card>
  );
}

/** How it went, and what the review found. */
export function Afterwards({ change }: { change: Change }) {
  if (change.workStartTime === undefined) return null;
  const facts = [
    [t("change.worked"), `${at(change.workStartTime)} – ${change.workEndTime ? at(change.workEndTime) : "…"}`],
    [t("change.outcome"), change.outcome === "OUTCOME_UNSPECIFIED" ? "" : t(`change.outcomes.${change.outcome}`)],
    [t("change.outcomeNote"), change.outcomeNote],
    [t("change.review"), change.review || (change.state === "REVIEW" ? t("change.reviewLater") : "")],
  ] as const;
  return (
    <Card title={t("change.afterwards")}>
      <dl className="facts">
        {facts
          .filter(([, text]) => text !== "")
          .map(([title, text]) => (
            <div key={title} style={{ display: "contents" }}>
              <dt>{title}</dt>
              <dd className="prose">{text}</dd>
            </div>
          ))}
      </dl>
    </Card>
  );
}
