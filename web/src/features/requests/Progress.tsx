import { useQuery } from "@tanstack/react-query";
import { api, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Loading, Problem } from "@/ui/bits";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";

type Request = Schemas["Request"];

/** How far a request is, in the words in which its requester reads it. */
export function Progress({ request }: { request: Request }) {
  const query = useQuery({
    queryKey: ["requests", "history", request.id, "progress"],
    queryFn: () => body(api.GET("/api/v1/requests/{id}:progress", { params: { path: { id: request.id } } })),
  });
  const steps = query.data?.steps ?? [];
  const now = steps.findIndex(({ done }) => !done);
  return (
    <section className="card" aria-label={t("request.progress")}>
      <header>
        <h2>{t("request.progress")}</h2>
        {query.data && query.data.total > 0 && (
          <span className="muted">{t("request.steps", { done: query.data.done, total: query.data.total })}</span>
        )}
        {query.data?.dueTime && <span className="muted end">{t("sla.dueAt", { time: at(query.data.dueTime) })}</span>}
      </header>
      <div className="body stack">
        {query.isPending && <Loading rows={3} />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data && <p>{query.data.summary}</p>}
        {query.data && query.data.total > 0 && (
          <div className="bar">
            <span style={{ inlineSize: `${(100 * query.data.done) / query.data.total}%` }} />
          </div>
        )}
        {steps.length > 0 && (
          <ol className="tasks">
            {steps.map(({ title, status, done, endTime }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: steps keep their places
              <li key={index} data-over={done} aria-current={index === now ? "step" : undefined}>
                <span className="task-sign" data-tone={done ? "good" : index === now ? "accent" : "still"}>
                  <Icon name={done ? "check" : index === now ? "play" : "clock"} />
                </span>
                <div>
                  <strong>{title}</strong>
                  <p className="muted">{[status, endTime && at(endTime)].filter(Boolean).join(" · ")}</p>
                </div>
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
