import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { Incident } from "@/api/client";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Loading, Problem } from "@/ui/bits";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { Clocks } from "./Clocks";
import { Composer } from "./Composer";
import { PriorityChip, SlaChip, StateChip } from "./chips";
import { useIncident, type Verb, verbsOf } from "./data";
import { Facts } from "./Facts";
import { Timeline } from "./Timeline";
import { useVerbs } from "./useVerbs";

const route = getRouteApi("/incidents/$id");
const KEYS: Partial<Record<Verb, string>> = { assign: "a", start: "s", hold: "h", resume: "s", resolve: "e" };
const SHOWN = 3;

export function IncidentPage() {
  const { id } = route.useParams();
  const query = useIncident(id);
  if (query.isPending) return <Loading />;
  if (query.isError) {
    return (
      <div className="page-scroll">
        <div className="page-head">
          <h1>{id}</h1>
        </div>
        <Problem error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Page incident={query.data} />;
}

function Page({ incident }: { incident: Incident }) {
  const { can } = useSession();
  const navigate = useNavigate();
  const { act, dialog } = useVerbs();
  const verbs = verbsOf(incident, can);
  useCommands([
    ...verbs.map((verb) => ({
      id: `incident.${verb}`,
      label: t(`verb.${verb}`),
      keys: KEYS[verb] === undefined ? undefined : [KEYS[verb]],
      group: t("keys.incident"),
      run: () => act(verb, [incident]),
    })),
    {
      id: "incident.copy",
      label: t("record.copy"),
      keys: ["."],
      group: t("keys.incident"),
      run: () => void navigator.clipboard.writeText(incident.number),
    },
    {
      id: "incident.back",
      label: t("record.back"),
      keys: ["Escape"],
      group: t("keys.incident"),
      palette: false,
      run: () => void navigate({ to: "/incidents" }),
    },
  ]);
  return (
    <>
      <div className="page-head">
        <div className="stack" style={{ gap: "0.25rem" }}>
          <div className="line">
            <Link to="/incidents" className="crumb">
              {t("nav.incidents")}
            </Link>
            <span className="muted">/</span>
            <span className="strong">{incident.number}</span>
            <PriorityChip priority={incident.priority} />
            <StateChip incident={incident} />
            <SlaChip incident={incident} />
          </div>
          <h1>{incident.title}</h1>
        </div>
        <div className="verbs">
          {verbs.slice(0, SHOWN).map((verb, index) => (
            <Button key={verb} size="sm" variant={index === 0 ? "filled" : "default"} onClick={() => act(verb, [incident])}>
              {t(`verb.${verb}`)}
            </Button>
          ))}
          {verbs.length > SHOWN && (
            <Menu
              label={t("record.more")}
              className="button"
              side="below"
              items={verbs.slice(SHOWN).map((verb) => ({ label: t(`verb.${verb}`), run: () => act(verb, [incident]) }))}
            >
              <Icon name="more" />
            </Menu>
          )}
        </div>
      </div>
      <div className="page-scroll">
        <div className="record">
          <div className="stack">
            {incident.description && (
              <section className="card">
                <header>
                  <h2>{t("record.description")}</h2>
                </header>
                <p className="body prose">{incident.description}</p>
              </section>
            )}
            {can("incidents.note") && <Composer incident={incident} />}
            <section className="card" aria-label={t("timeline.label")}>
              <header>
                <h2>{t("timeline.label")}</h2>
              </header>
              <div className="body">
                <Timeline id={incident.id} />
              </div>
            </section>
          </div>
          <div className="stack">
            <Clocks incident={incident} />
            <section className="card">
              <header>
                <h2>{t("record.details")}</h2>
              </header>
              <div className="body">
                <Facts incident={incident} />
              </div>
            </section>
          </div>
        </div>
      </div>
      {dialog}
    </>
  );
}
