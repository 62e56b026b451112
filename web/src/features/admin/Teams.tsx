import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Head } from "./Head";

/** Who works together, as the realm says it. */
export function Teams() {
  const query = useQuery({
    queryKey: ["teams", "list"],
    queryFn: async () => (await body(api.GET("/api/v1/teams", { params: { query: { pageSize: 200 } } }))).teams,
  });
  return (
    <>
      <Head id="teams" />
      <div className="page-scroll">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && (
          <Empty icon="person" title={t("people.noTeams")}>
            {t("people.noTeamsText")}
          </Empty>
        )}
        <div className="rooms">
          {query.data?.map((team) => (
            <section key={team.id} className="card" aria-label={team.name}>
              <header>
                <h2>{team.name}</h2>
                <span className="muted end">{t("people.members", { count: team.memberIds.length })}</span>
              </header>
              <ul className="body stack tight">
                {team.memberIds.map((id) => (
                  <li key={id}>
                    <Person id={id} />
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </div>
    </>
  );
}
