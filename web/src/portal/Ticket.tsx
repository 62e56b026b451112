import { useQueryClient } from "@tanstack/react-query";
import { api, body, type Incident } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";
import { useDevices, useIncident } from "./data";
import { Failure, Waiting } from "./parts";
import { Rating } from "./Rating";
import { Reason } from "./Reason";
import { Talk } from "./Talk";
import { type Step, Tracker } from "./Tracker";
import { State } from "./tiles";
import { address, Go, usePlace } from "./way";

const ENDED = new Set<string>(["RESOLVED", "CLOSED"]);

/** The way of an incident as whoever reported it sees it. */
export function stepsOf(incident: Incident): Step[] {
  const { state, holdReason, createTime, acknowledgeTime, resolveTime, closeTime } = incident;
  const received = { title: t("portal.track.received"), status: "", done: true, time: createTime };
  if (state === "CANCELLED") {
    return [received, { title: t("portal.track.withdrawn"), status: incident.resolution, done: true, time: closeTime }];
  }
  const ended = ENDED.has(state);
  const taken = state !== "NEW" || acknowledgeTime !== undefined;
  const working = state === "IN_PROGRESS" || state === "ON_HOLD";
  return [
    received,
    {
      title: t("portal.track.taken"),
      status: taken ? "" : t("portal.track.takenSoon"),
      done: taken,
      time: acknowledgeTime,
    },
    {
      title: t("portal.track.working"),
      status: state === "ON_HOLD" ? t(`portal.hold.${holdReason}`) : working ? t("portal.track.workingNow") : "",
      done: ended,
    },
    { title: t("portal.track.solved"), status: ended ? incident.resolution : "", done: ended, time: resolveTime },
  ];
}

export function Ticket({ id }: { id: string }) {
  const { query } = usePlace();
  const { can, me } = useSession();
  const client = useQueryClient();
  const incident = useIncident(id);
  const devices = useDevices().data ?? [];
  if (incident.isError) {
    return (
      <main className="page narrow">
        <h1>{t("notFound.title")}</h1>
        <Failure error={incident.error} retry={() => void incident.refetch()} />
      </main>
    );
  }
  if (!incident.data) {
    return (
      <main className="page narrow">
        <Waiting />
      </main>
    );
  }
  const { data } = incident;
  const clock = data.clocks.find(({ kind, state }) => kind === "RESOLVE" && state === "RUNNING");
  const about = devices.filter((device) => data.assetIds.includes(device.id));
  return (
    <main className="page narrow">
      <Go to={address("/mine")} className="crumb">
        <Icon name="back" />
        {t("portal.nav.mine")}
      </Go>
      {query.get("new") && (
        <div className="notice" data-tone="good" role="status">
          <Icon name="check" />
          <p>{t("portal.ticket.thanks", { number: data.number })}</p>
        </div>
      )}
      <header className="record-head">
        <h1>{data.title}</h1>
        <p className="line wrap muted">
          {data.number} <State state={data.state} waits={data.holdReason === "CALLER"} />
          {about.map(({ id: asset, name }) => (
            <span key={asset} className="chip">
              {name}
            </span>
          ))}
        </p>
      </header>
      <Rating about={`incidents/${data.id}`} />
      <section className="panel" aria-label={t("portal.track.label")}>
        <Tracker label={t("portal.track.label")} steps={stepsOf(data)} />
        {clock?.dueTime && <p className="muted">{t("portal.track.due", { time: at(clock.dueTime) })}</p>}
        {data.state === "RESOLVED" && data.requesterId === me.subject && can("incidents.reopen") && (
          <Reason
            label={t("portal.ticket.reopen")}
            question={t("portal.ticket.reopenWhy")}
            confirm={t("portal.ticket.reopenSend")}
            act={async (reason) => {
              const reopened = await body(
                api.POST("/api/v1/incidents/{id}:reopen", { params: { path: { id: data.id } }, body: { reason, etag: "" } }),
              );
              client.setQueryData(["incidents", "one", id], reopened);
            }}
          />
        )}
      </section>
      {data.description && (
        <section className="panel" aria-label={t("portal.ticket.said")}>
          <h2>{t("portal.ticket.said")}</h2>
          <p className="prose" dir="auto">
            {data.description}
          </p>
        </section>
      )}
      <Talk kind="incidents" id={data.id} open={data.state !== "CLOSED" && data.state !== "CANCELLED"} />
    </main>
  );
}
