import { t } from "@/i18n";
import { Chip, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";
import { lasting, seconds } from "@/ui/time";
import { type Duty, type Policy, usePolicies, useTeam } from "./data";

/** Whom alerts call, and whom after them. */
export function Policies({ duties }: { duties: readonly Duty[] }) {
  const { data, error, refetch } = usePolicies();
  return (
    <section className="card" aria-labelledby="policies">
      <header>
        <h2 id="policies">{t("rota.policies")}</h2>
      </header>
      <div className="body stack">
        {error && <Problem error={error} retry={() => void refetch()} />}
        {!data && !error && <Loading rows={2} />}
        {data?.length === 0 && <p className="muted">{t("rota.noPolicies")}</p>}
        {data?.map((policy) => (
          <One key={policy.id} policy={policy} duties={duties} />
        ))}
      </div>
    </section>
  );
}

function One({ policy, duties }: { policy: Policy; duties: readonly Duty[] }) {
  return (
    <article className="stack rota-policy">
      <div className="line wrap">
        <h3>{policy.name}</h3>
        <Chip tone={policy.severity === "CRITICAL" ? "bad" : "hot"}>≥ {t(`oncall.severity.${policy.severity}`)}</Chip>
        <span className="muted">
          {policy.teamIds.length > 0 ? t("rota.forTeams", { count: policy.teamIds.length }) : t("rota.forAll")}
        </span>
      </div>
      <ol className="rota-steps">
        {policy.steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
          <li key={index}>
            <strong>{t("rota.step", { number: index + 1 })}</strong>
            <ul>
              {step.targets.map((target) => (
                <li key={`${target.kind} ${target.id}`}>
                  <Target kind={target.kind} id={target.id} duties={duties} />
                </li>
              ))}
            </ul>
            <span className="muted">{t("rota.wait", { wait: lasting(seconds(step.wait) * 1000) })}</span>
          </li>
        ))}
      </ol>
      {policy.repeatCount > 0 && <p className="muted">{t("rota.repeats", { count: policy.repeatCount })}</p>}
    </article>
  );
}

function Target({ kind, id, duties }: { kind: string; id: string; duties: readonly Duty[] }) {
  if (kind === "USER") return <Person id={id} />;
  if (kind === "TEAM") return <Team id={id} />;
  const name = duties.find(({ scheduleId }) => scheduleId === id)?.scheduleName ?? id;
  return <span>{t("rota.onDuty", { name })}</span>;
}

function Team({ id }: { id: string }) {
  return <span>{t("rota.team", { name: useTeam(id) })}</span>;
}
