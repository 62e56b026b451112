import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, body, type Incident, type Page, quoted } from "@/api/client";
import type { IncidentSearch } from "@/app/search";
import { put } from "@/live/apply";

export const OPEN = ["NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD"] as const;

const VIEWS = {
  open: () => `state IN (${OPEN.join(", ")})`,
  mine: (me: string) => `state IN (${OPEN.join(", ")}) AND assigneeId = ${quoted(me)}`,
  unassigned: () => `state IN (${OPEN.join(", ")}) AND NOT assigneeId:*`,
  resolved: () => "state = RESOLVED",
  all: () => "",
};

/** What the address asks for, in the filter language. */
export function filterOf(search: IncidentSearch, me: string): string {
  const words = search.text ?? "";
  const parts = [
    VIEWS[search.view ?? "open"](me),
    search.priority ? `priority IN (${search.priority.split(",").join(", ")})` : "",
    search.team ? `teamId = ${quoted(search.team)}` : "",
    words && (/^inc\d+$/i.test(words) ? `number = ${quoted(words.toUpperCase())}` : `title:${quoted(words)}`),
    search.filter ? `(${search.filter})` : "",
  ];
  return parts.filter(Boolean).join(" AND ");
}

export const orderOf = (search: IncidentSearch) =>
  ({ newest: "createTime desc", oldest: "createTime", changed: "updateTime desc" })[search.sort ?? "newest"];

export async function listIncidents(
  filter: string,
  orderBy: string,
  pageToken: string,
  pageSize: number,
): Promise<Page<Incident>> {
  const query = { filter, orderBy, pageSize, ...(pageToken ? { pageToken } : {}) };
  const answer = await body(api.GET("/api/v1/incidents", { params: { query } }));
  return { items: answer.incidents, next: answer.nextPageToken };
}

/** One incident by id or number. */
export const useIncident = (id: string, known?: Incident) =>
  useQuery({
    queryKey: ["incidents", "one", id],
    queryFn: () => body(api.GET("/api/v1/incidents/{id}", { params: { path: { id } } })),
    placeholderData: known,
  });

export type Verb = "assign" | "start" | "hold" | "resume" | "resolve" | "reopen" | "close" | "cancel";

const FROM: Record<Verb, readonly Incident["state"][]> = {
  start: ["NEW", "ASSIGNED"],
  resume: ["ON_HOLD"],
  resolve: OPEN,
  assign: OPEN,
  hold: ["ASSIGNED", "IN_PROGRESS"],
  reopen: ["RESOLVED"],
  close: ["RESOLVED"],
  cancel: OPEN,
};

/** What can be done with an incident in this state, most wanted first. */
export const verbsOf = (incident: Incident, can: (permission: string) => boolean): Verb[] =>
  (Object.keys(FROM) as Verb[]).filter((verb) => FROM[verb].includes(incident.state) && can(`incidents.${verb}`));

export interface Words {
  teamId?: string;
  assigneeId?: string;
  reason?: string;
  note?: string;
  resolutionCode?: string;
  resolution?: string;
}

/** Does it, on the version that the person saw. */
export async function perform(verb: Verb, { id, etag }: Incident, words: Words): Promise<Incident> {
  const params = { path: { id }, header: { "If-Match": `"${etag}"` } };
  switch (verb) {
    case "assign":
      return body(
        api.POST("/api/v1/incidents/{id}:assign", {
          params,
          body: { teamId: words.teamId ?? "", assigneeId: words.assigneeId ?? "" },
        }),
      );
    case "start":
      return body(api.POST("/api/v1/incidents/{id}:start", { params, body: {} }));
    case "resume":
      return body(api.POST("/api/v1/incidents/{id}:resume", { params, body: {} }));
    case "close":
      return body(api.POST("/api/v1/incidents/{id}:close", { params, body: {} }));
    case "hold":
      return body(
        api.POST("/api/v1/incidents/{id}:hold", {
          params,
          body: { reason: (words.reason || "CALLER") as "CALLER", note: words.note ?? "" },
        }),
      );
    case "resolve":
      return body(
        api.POST("/api/v1/incidents/{id}:resolve", {
          params,
          body: { resolutionCode: words.resolutionCode ?? "", resolution: words.resolution ?? "" },
        }),
      );
    case "reopen":
      return body(api.POST("/api/v1/incidents/{id}:reopen", { params, body: { reason: words.reason ?? "" } }));
    case "cancel":
      return body(api.POST("/api/v1/incidents/{id}:cancel", { params, body: { reason: words.reason ?? "" } }));
  }
}

/** Takes a record that the server answered with into everything that shows it. */
export function useTaken() {
  const client = useQueryClient();
  return (incident: Incident) => {
    put(client, "incidents", incident);
    void client.invalidateQueries({ queryKey: ["incidents", "history", incident.id] });
    void client.invalidateQueries({ queryKey: ["counts"] });
  };
}

/** Teams that are known: those of the realm and those that incidents were given to. */
export const useTeams = (enabled: boolean) =>
  useQuery({
    queryKey: ["teams"],
    enabled,
    queryFn: async () => {
      const [{ teams }, used] = await Promise.all([
        body(api.GET("/api/v1/teams", { params: { query: { pageSize: 200 } } })),
        body(api.GET("/api/v1/kpis/{name}", { params: { path: { name: "incident-volume" }, query: { groupBy: "team" } } })),
      ]);
      const names = new Map(teams.map(({ id, name }) => [id, name]));
      for (const { group } of used.rows) if (group && !names.has(group)) names.set(group, group);
      return [...names].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label));
    },
  });

/** People whom work can be given to. */
export const usePeople = (enabled: boolean) =>
  useQuery({
    queryKey: ["people", "all"],
    enabled,
    queryFn: async () =>
      (await body(api.GET("/api/v1/users", { params: { query: { filter: "enabled = true", pageSize: 200 } } }))).users,
  });
