import { useQueryClient } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";
import { drawn, type Schema, shownAnswer, worded } from "./asking";
import { isOver, priced, type Request, useCatalog, useProgress, useRequest } from "./data";
import { Failure, Waiting } from "./parts";
import { Reason } from "./Reason";
import { Talk } from "./Talk";
import { type Step, Tracker } from "./Tracker";
import { State } from "./tiles";
import { address, Go, usePlace } from "./way";

const NOT_BEGUN = new Set<string>(["NEW", "WAITING_FOR_APPROVAL", "APPROVED", "REJECTED"]);

/** Something that was ordered, from the order to its end. */
export function Order({ id }: { id: string }) {
  const { query } = usePlace();
  const { can } = useSession();
  const client = useQueryClient();
  const request = useRequest(id);
  const progress = useProgress(id);
  if (request.isError) {
    return (
      <main className="page narrow">
        <h1>{t("notFound.title")}</h1>
        <Failure error={request.error} retry={() => void request.refetch()} />
      </main>
    );
  }
  if (!request.data) {
    return (
      <main className="page narrow">
        <Waiting />
      </main>
    );
  }
  const { data } = request;
  const over = isOver(data);
  const done = data.state === "RESOLVED" || data.state === "CLOSED";
  const steps: Step[] = [
    { title: t("portal.track.ordered"), status: "", done: true, time: data.createTime },
    ...(progress.data?.steps.map(({ title, status, done: ready, endTime }) => ({
      title,
      status,
      done: ready,
      time: endTime,
    })) ?? []),
    ...(data.state === "CANCELLED"
      ? [{ title: t("portal.track.withdrawn"), status: "", done: true, time: data.closeTime }]
      : [{ title: t("portal.track.ready"), status: "", done, time: data.resolveTime }]),
  ];
  return (
    <main className="page narrow">
      <Go to={address("/mine")} className="crumb">
        <Icon name="back" />
        {t("portal.nav.mine")}
      </Go>
      {query.get("new") && (
        <div className="notice" data-tone="good" role="status">
          <Icon name="check" />
          <p>{t("portal.order.thanks", { number: data.number })}</p>
        </div>
      )}
      <header className="record-head">
        <h1>{data.title}</h1>
        <p className="line wrap muted">
          {data.number} <State state={data.state} waits={data.holdReason === "CALLER"} />
          {data.price && <strong className="price">{priced(data.price)}</strong>}
        </p>
      </header>
      <section className="panel" aria-label={t("portal.track.label")}>
        {progress.data && (
          <p className="summary" role="status">
            {progress.data.summary}
          </p>
        )}
        <Tracker label={t("portal.track.label")} steps={steps} />
        {progress.data?.dueTime && !over && (
          <p className="muted">{t("portal.track.due", { time: at(progress.data.dueTime) })}</p>
        )}
        <div className="line wrap">
          {data.state === "REJECTED" && data.catalogItemId && (
            <Go to={address(`/services/${data.catalogItemId}`, { again: data.number })} className="push">
              {t("portal.order.change")}
            </Go>
          )}
          {NOT_BEGUN.has(data.state) && can("requests.withdraw") && (
            <Reason
              label={t("portal.order.withdraw")}
              question={t("portal.order.withdrawWhy")}
              confirm={t("portal.order.withdraw")}
              act={async (reason) => {
                const params = { path: { id: data.id } };
                await body(api.POST("/api/v1/requests/{id}:withdraw", { params, body: { reason, etag: "" } }));
                await client.invalidateQueries({ queryKey: ["requests"] });
              }}
            />
          )}
        </div>
      </section>
      <Answered request={data} />
      <Talk kind="requests" id={data.id} open={data.state !== "CLOSED" && data.state !== "CANCELLED"} />
    </main>
  );
}

function Answered({ request }: { request: Request }) {
  const item = useCatalog().data?.find(({ id }) => id === request.catalogItemId);
  const schemas = drawn((item?.form ?? {}) as Schema);
  const answers = Object.entries(request.answers ?? {});
  if (answers.length === 0 && !request.description) return null;
  return (
    <section className="panel" aria-label={t("portal.order.said")}>
      <h2>{t("portal.order.said")}</h2>
      {request.description && <p className="prose">{request.description}</p>}
      <dl className="facts">
        {answers.map(([name, answer]) => (
          <div key={name}>
            <dt>{schemas.get(name)?.title || worded(name)}</dt>
            <dd>{shownAnswer(answer, t("portal.form.yes"), t("portal.form.no"))}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
