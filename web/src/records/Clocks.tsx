import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Chip, Problem, type Tone } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { at, lasting, seconds, useNow } from "@/ui/time";
import { read } from "./chips";

type Clock = Schemas["Clock"];

/** How much of a target is used, from 0 to 1, at an instant. */
function used(clock: Clock, instant: number): number {
  const target = seconds(clock.target);
  if (target === 0) return 0;
  const left =
    clock.state === "RUNNING" && clock.dueTime ? (Date.parse(clock.dueTime) - instant) / 1000 : target - seconds(clock.elapsed);
  return Math.min(1, Math.max(0, 1 - left / target));
}

interface Props {
  resources: string;
  id: string;
  clocks: readonly Clock[];
  /** Whether the service can say why each is due then. */
  explained?: boolean;
}

/** The promises that a record is under, and how much of each is used. */
export function Clocks({ resources, id, clocks, explained = false }: Props) {
  const [opened, setOpened] = useState(false);
  return (
    <section className="card">
      <header>
        <h2>{t("sla.title")}</h2>
        {explained && (
          <Button className="end" size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("sla.why")}
          </Button>
        )}
      </header>
      <div className="body">
        {clocks.length === 0 && <p className="muted">{t("sla.none")}</p>}
        {clocks.map((clock) => (
          <Line key={`${clock.kind}${clock.startTime}${clock.policyId}`} clock={clock} />
        ))}
      </div>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("sla.whyTitle")} place="side">
        <Explanation resources={resources} id={id} />
      </Dialog>
    </section>
  );
}

function Line({ clock }: { clock: Clock }) {
  const part = useNow((instant) => Math.round(used(clock, instant) * 200) / 200);
  const tone = useNow((instant) => read(clock, instant).tone) as Tone;
  const text = useNow((instant) => read(clock, instant).text);
  const icon = useNow((instant) => read(clock, instant).icon);
  return (
    <div className="clock">
      <div className="line">
        <span className="strong">{t(`clock.${clock.kind}`)}</span>
        <span className="end">
          <Chip tone={tone} icon={icon}>
            {text}
          </Chip>
        </span>
      </div>
      {(clock.state === "RUNNING" || clock.state === "PAUSED") && (
        <div className="bar">
          <span data-tone={clock.breached ? "bad" : tone} style={{ inlineSize: `${part * 100}%` }} />
        </div>
      )}
      <span className="muted">
        {t("sla.target", { target: lasting(seconds(clock.target) * 1000) })}
        {clock.dueTime && clock.state === "RUNNING" && ` · ${t("sla.dueAt", { time: at(clock.dueTime) })}`}
      </span>
    </div>
  );
}

interface Account {
  clock?: Clock;
  steps: string[];
}

function Explanation({ resources, id }: { resources: string; id: string }) {
  const query = useQuery({
    queryKey: [resources, "history", id, "clocks"],
    queryFn: () => ask<{ accounts: Account[] }>("GET", `${resources}/${id}:explainClocks`),
  });
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  return (
    <div className="stack">
      {query.data?.accounts.map(({ clock, steps }) => (
        <section key={`${clock?.kind}${clock?.startTime}`} className="stack">
          <h2>{clock && t(`clock.${clock.kind}`)}</h2>
          <ol className="steps">
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}
