import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, body, type Incident, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useChange } from "@/records/data";
import { RecordLink } from "@/records/RecordLink";
import { percent } from "@/ui/numbers";
import { INCIDENTS } from "./kind";

type Suggestion = Schemas["TriageSuggestion"];

const OPEN = new Set<Incident["state"]>(["NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD"]);

/** What helps with an incident that is open: how it is likely to be sorted, known errors, and others like it. */
export function Hints({ incident }: { incident: Incident }) {
  const { can } = useSession();
  const { id } = incident;
  const open = OPEN.has(incident.state);
  const errors = useQuery({
    queryKey: ["incidents", "hints", id, "errors"],
    enabled: open && can("problems.list"),
    queryFn: () => body(api.GET("/api/v1/incidents/{id}:knownErrors", { params: { path: { id } } })),
  });
  const triage = useQuery({
    queryKey: ["incidents", "hints", id, "triage"],
    enabled: open && can("incidents.suggest"),
    queryFn: () => body(api.GET("/api/v1/incidents/{id}:suggest", { params: { path: { id } } })),
  });
  const matches = errors.data?.matches ?? [];
  const similar = triage.data?.similarIncidents ?? [];
  const suggestions = (triage.data?.suggestions ?? []).filter((suggestion) => isNews(suggestion, incident));
  if (matches.length + similar.length + suggestions.length === 0) return null;
  return (
    <section className="card" aria-label={t("hints.title")}>
      <header>
        <h2>{t("hints.title")}</h2>
      </header>
      <div className="body stack">
        {suggestions.map((suggestion) => (
          <Suggested key={suggestion.purpose} suggestion={suggestion} incident={incident} />
        ))}
        {matches.map(({ problem, reasons }) => (
          <div key={problem?.id} className="stack" style={{ gap: "0.125rem" }}>
            <span>
              {t("hints.knownError")}{" "}
              <RecordLink resources="problems" id={problem?.number ?? ""}>
                {problem?.number}
              </RecordLink>{" "}
              {problem?.title}
            </span>
            {problem?.workaround && <span className="prose">{problem.workaround}</span>}
            <span className="muted">{reasons.join(", ")}</span>
          </div>
        ))}
        {similar.length > 0 && <h3 className="muted">{t("hints.similar")}</h3>}
        <ul className="stack">
          {similar.map(({ id: other, number, title, resolution, likeness }) => (
            <li key={other}>
              <RecordLink resources="incidents" id={number}>
                {number}
              </RecordLink>{" "}
              {title} <span className="muted">{percent(likeness ?? 0)}</span>
              {resolution && <p className="muted prose">{resolution}</p>}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

const isNews = ({ purpose, labels }: Suggestion, incident: Incident) => {
  const likeliest = labels[0]?.label ?? "";
  if (likeliest === "") return false;
  if (purpose === "CATEGORY") return likeliest !== incident.category;
  if (purpose === "TEAM") return likeliest !== incident.teamId;
  return likeliest !== incident.priority;
};

function Suggested({ suggestion: { purpose, labels }, incident }: { suggestion: Suggestion; incident: Incident }) {
  const change = useChange(INCIDENTS);
  const { can } = useSession();
  const [likeliest] = labels;
  if (likeliest === undefined) return null;
  const words = t(`hints.purpose.${purpose as "TEAM"}`, { label: likeliest.label, sure: percent(likeliest.confidence ?? 0) });
  return (
    <div className="line wrap">
      <span>{words}</span>
      {purpose === "CATEGORY" && can("incidents.update") && (
        <Button
          size="compact-xs"
          variant="default"
          className="end"
          onClick={() => void change(incident, { category: likeliest.label })}
        >
          {t("hints.take")}
        </Button>
      )}
    </div>
  );
}
