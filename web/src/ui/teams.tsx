import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { useSession } from "@/app/session";

const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const KEPT_MS = 10 * 60_000;

/** The names of all teams, by id: there are few of them, and every list shows them. */
export function useTeamNames(): ReadonlyMap<string, string> | undefined {
  const { can } = useSession();
  const { data } = useQuery({
    queryKey: ["teams", "names"],
    enabled: can("teams.list"),
    staleTime: KEPT_MS,
    queryFn: async () => {
      const { teams } = await body(api.GET("/api/v1/teams", { params: { query: { pageSize: 200 } } }));
      return new Map(teams.map(({ id, name }) => [id, name]));
    },
  });
  return data;
}

/** The name of a team by id; what is no id is a name already (imported records have names). */
export function useTeam(id: string): string {
  const names = useTeamNames();
  return names?.get(id) ?? (ID.test(id) ? id.slice(0, 8) : id);
}

export function Team({ id, lone }: { id: string; lone?: string }) {
  const name = useTeam(id);
  return id ? <span>{name}</span> : <span className="muted">{lone ?? "–"}</span>;
}

export function Teams({ ids }: { ids: readonly string[] }) {
  const names = useTeamNames();
  return <span>{ids.map((id) => names?.get(id) ?? id).join(", ")}</span>;
}
