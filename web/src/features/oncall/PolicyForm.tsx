import { useParams } from "@tanstack/react-router";
import { t } from "@/i18n";
import { useRecord } from "@/records/data";
import type { Content } from "@/records/schema/forms";
import { RefPick } from "@/records/schema/RefPick";
import { useWriting } from "@/records/useWriting";
import { Loading, Problem } from "@/ui/bits";
import { Field, Select, TextArea, TextInput } from "@/ui/form";
import { Items } from "@/ui/Items";
import { seconds } from "@/ui/time";
import { type Policy, useHearing } from "./data";
import { Writing } from "./Writing";
import "./rota.css";

type Written = Pick<Policy, "name" | "description" | "teamIds" | "severity" | "steps" | "repeatCount" | "enabled" | "order">;
type Step = Policy["steps"][number];
type Target = Step["targets"][number];

const SEVERITIES = ["CRITICAL", "ERROR", "WARNING", "INFO"] as const;
/** Where people of each kind are found. */
const KINDS = { SCHEDULE: "schedules", USER: "users", TEAM: "teams" } as const;
const LABELS = {
  name: "rota.name",
  description: "record.description",
  teamIds: "rota.teams",
  severity: "rota.severity",
  steps: "rota.steps",
  repeatCount: "rota.repeat",
  enabled: "rota.enabled",
  order: "rota.order",
} as const;
const NOBODY: Target = { kind: "SCHEDULE", id: "" };
const STEP: Step = { targets: [NOBODY], wait: "300s" };

/** What of a policy is written here. */
export const contentOf = (policy: Content): Content => ({
  name: policy.name ?? "",
  description: policy.description ?? "",
  teamIds: policy.teamIds ?? [],
  severity: policy.severity ?? "ERROR",
  steps: policy.steps ?? [STEP],
  repeatCount: policy.repeatCount ?? 1,
  enabled: policy.enabled ?? true,
  order: policy.order ?? 0,
});

/** One escalation policy is changed, or a new one made. */
export function PolicyForm() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const fresh = id === "new";
  useHearing();
  const query = useRecord<Policy>("escalationPolicies", fresh ? "" : id);
  if (!fresh && query.isPending) return <Loading />;
  if (query.isError) {
    return (
      <div className="page-scroll">
        <h1>{t("rota.policies")}</h1>
        <Problem error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Page key={id} policy={query.data ?? null} />;
}

function Page({ policy }: { policy: Policy | null }) {
  const writing = useWriting({ resources: "escalationPolicies", record: policy as Content | null, contentOf });
  const content = writing.content as unknown as Written;
  const put = (part: Partial<Written>) => writing.setContent((known) => ({ ...known, ...part }));
  const { wrong } = writing;
  return (
    <Writing
      resources="escalationPolicies"
      title={policy === null ? t("rota.newPolicy") : policy.name}
      fresh={policy === null}
      writing={writing}
      labelOf={(name) => t(LABELS[name as keyof typeof LABELS])}
      shown={(_, value) => (Array.isArray(value) ? String(value.length) : String(value))}
    >
      <section className="card">
        <div className="pair">
          <Field label={t("rota.name")} error={wrong("/name")}>
            <TextInput required data-autofocus value={content.name} onChange={(name) => put({ name })} />
          </Field>
          <Field label={t("rota.severity")} hint={t("rota.severityHint")} error={wrong("/severity")}>
            <Select value={content.severity} onChange={(severity) => put({ severity: severity as Policy["severity"] })}>
              {SEVERITIES.map((each) => (
                <option key={each} value={each}>
                  {t(`oncall.severity.${each}`)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("rota.teams")} hint={t("rota.teamsHint")} error={wrong("/teamIds")}>
            <RefPick many of="teams" label={t("rota.teams")} value={content.teamIds} onChange={(teamIds) => put({ teamIds })} />
          </Field>
          <Field label={t("record.description")} error={wrong("/description")}>
            <TextArea value={content.description} onChange={(description) => put({ description })} />
          </Field>
          <Field label={t("rota.repeat")} error={wrong("/repeatCount")}>
            <TextInput
              type="number"
              value={String(content.repeatCount)}
              onChange={(count) => put({ repeatCount: Number(count) })}
            />
          </Field>
          <Field label={t("rota.order")} hint={t("rota.orderHint")} error={wrong("/order")}>
            <TextInput type="number" value={String(content.order)} onChange={(order) => put({ order: Number(order) })} />
          </Field>
          <label className="asked-toggle">
            <input
              type="checkbox"
              checked={content.enabled !== false}
              onChange={({ currentTarget }) => put({ enabled: currentTarget.checked })}
            />
            <span className="strong">{t("rota.enabled")}</span>
          </label>
        </div>
      </section>
      <section className="card">
        <div className="body rota-layers">
          <fieldset className="group" aria-label={t("rota.steps")}>
            <h2>{t("rota.steps")}</h2>
            <p className="muted">{t("rota.stepsHint")}</p>
            {wrong("/steps") && <p className="wrong">{wrong("/steps")}</p>}
            <Items label={t("rota.stepName")} least={1} items={content.steps} onChange={(steps) => put({ steps })} blank={STEP}>
              {(step, change, index) => <One step={step} put={change} wrong={(name) => wrong(`/steps/${index}/${name}`)} />}
            </Items>
          </fieldset>
        </div>
      </section>
    </Writing>
  );
}

interface OneProps {
  step: Step;
  put: (step: Step) => void;
  wrong: (name: string) => string | undefined;
}

function One({ step, put, wrong }: OneProps) {
  return (
    <>
      <Items
        label={t("rota.target")}
        least={1}
        items={step.targets}
        onChange={(targets) => put({ ...step, targets })}
        blank={NOBODY}
      >
        {(target, change, index) => (
          <div className="pair">
            <Field label={t("rota.targetKind")} error={wrong(`targets/${index}/kind`)}>
              <Select value={target.kind} onChange={(kind) => change({ kind: kind as Target["kind"], id: "" })}>
                {Object.keys(KINDS).map((kind) => (
                  <option key={kind} value={kind}>
                    {t(`rota.kinds.${kind as keyof typeof KINDS}`)}
                  </option>
                ))}
              </Select>
            </Field>
            <Field label={t("rota.targetWho")} error={wrong(`targets/${index}/id`)}>
              <RefPick
                key={target.kind}
                required
                of={KINDS[target.kind as keyof typeof KINDS]}
                label={t("rota.targetWho")}
                value={target.id ? [target.id] : []}
                onChange={([id]) => change({ ...target, id: id ?? "" })}
              />
            </Field>
          </div>
        )}
      </Items>
      <Field label={t("rota.minutes")} error={wrong("wait")}>
        <TextInput
          type="number"
          required
          value={step.wait === undefined ? "" : String(seconds(step.wait) / 60)}
          onChange={(minutes) => put({ ...step, wait: minutes === "" ? undefined : `${Number(minutes) * 60}s` })}
        />
      </Field>
    </>
  );
}
