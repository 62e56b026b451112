import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Chip, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";
import { useTeam } from "@/ui/teams";
import { lasting, seconds } from "@/ui/time";
import { type Duty, type Policy, usePolicies } from "./data";

/** Whom alerts call, and whom after them. */
export function Policies({ duties }: { duties: readonly Duty[] }) {
  const { can } = useSession();
  const { data, error, refetch } = usePolicies();
  const rest = data?.some(({ enabled, teamIds }) => enabled && teamIds.length === 0);
  return (
    <section className="card" aria-labelledby="policies">
      <header>
        <h2 id="policies">{t("rota.policies")}</h2>
        {can("escalationPolicies.create") && (
          <Button
            component={Link}
            {...({ to: "/escalationPolicies/$id", params: { id: "new" } } as object)}
            size="xs"
            variant="default"
            className="end"
          >
            {t("rota.newPolicy")}
          </Button>
        )}
      </header>
      <div className="body stack">
        {error && <Problem error={error} retry={() => void refetch()} />}
        {!data && !error && <Loading rows={2} />}
        {data?.length === 0 && <p className="muted">{t("rota.noPolicies")}</p>}
        {data && data.length > 0 && !rest && (
          <p>
            <Chip tone="warn" icon="late">
              {t("rota.othersCalled")}
            </Chip>
          </p>
        )}
        {data?.map((policy) => (
          <One key={policy.id} policy={policy} duties={duties} />
        ))}
      </div>
    </section>
  );
}

function One({ policy, duties }: { policy: Policy; duties: readonly Duty[] }) {
  const { can } = useSession();
  return (
    <article className="stack rota-policy">
      <div className="line wrap">
        <h3>{policy.name}</h3>
        <Chip tone={policy.severity === "CRITICAL" ? "bad" : "hot"}>≥ {t(`oncall.severity.${policy.severity}`)}</Chip>
        <span className="muted">
          {policy.teamIds.length > 0 ? t("rota.forTeams", { count: policy.teamIds.length }) : t("rota.forAll")}
        </span>
        {!policy.enabled && <Chip tone="still">{t("rota.off")}</Chip>}
        {can("escalationPolicies.update") && (
          <Link
            to={"/escalationPolicies/$id" as "/incidents/$id"}
            params={{ id: policy.id }}
            className="end"
            aria-label={t("rota.editIt", { name: policy.name })}
          >
            {t("rota.edit")}
          </Link>
        )}
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
