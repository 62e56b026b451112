import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Incident } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { ClockChip, PriorityChip, StateChip } from "./chips";
import { type Verb, verbsOf } from "./data";
import { Facts } from "./Facts";
import { Timeline } from "./Timeline";

export function IncidentPeek({
  incident,
  act,
}: {
  incident: Incident;
  act: (verb: Verb, incidents: readonly Incident[]) => void;
}) {
  const { can } = useSession();
  const verbs = verbsOf(incident, can).slice(0, 3);
  return (
    <>
      <div className="line">
        <Link to="/incidents/$id" params={{ id: incident.number }}>
          {incident.number}
        </Link>
        <PriorityChip priority={incident.priority} />
        <StateChip incident={incident} />
      </div>
      <h2>{incident.title}</h2>
      <div className="line wrap">
        {incident.clocks
          .filter(({ kind }) => kind !== "NEXT_UPDATE")
          .map((clock) => (
            <ClockChip key={`${clock.kind}${clock.startTime}`} clock={clock} named />
          ))}
      </div>
      {verbs.length > 0 && (
        <div className="line wrap">
          {verbs.map((verb, index) => (
            <Button key={verb} size="xs" variant={index === 0 ? "filled" : "default"} onClick={() => act(verb, [incident])}>
              {t(`verb.${verb}`)}
            </Button>
          ))}
        </div>
      )}
      {incident.description && <p className="prose">{incident.description}</p>}
      <Facts incident={incident} />
      <h2>{t("record.latest")}</h2>
      <Timeline id={incident.id} few />
    </>
  );
}
