import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { Loading, Problem } from "@/ui/bits";
import { at } from "@/ui/time";
import { Reference } from "./looks";

/** Each decision about an alert, with what it was decided by. */
export function Explanation({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ["alerts", "history", id],
    queryFn: () => body(api.GET("/api/v1/alerts/{id}:explain", { params: { path: { id } } })),
  });
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <Loading rows={4} />;
  return (
    <table className="table">
      <caption className="visually-hidden">{t("alert.explainTitle")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("alert.time")}</th>
          <th scope="col">{t("alert.stage")}</th>
          <th scope="col">{t("alert.outcome")}</th>
          <th scope="col">{t("record.reason")}</th>
        </tr>
      </thead>
      <tbody>
        {query.data.decisions.map((decision) => (
          <tr key={`${decision.time}${decision.stage}${decision.outcome}`}>
            <td className="nowrap">{decision.time && at(decision.time)}</td>
            <td>{decision.stage}</td>
            <td className="strong">{decision.outcome}</td>
            <td>
              {decision.reason} <Reference to={decision.reference} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
