import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useDraft } from "@/ui/drafts";
import { type Schedule, useDuties, useSchedule, useShifts } from "./data";
import { Button, Name, PersonChoice, Problem, Waiting } from "./parts";
import { say, sayProblem } from "./said";
import { moment } from "./time";

const MOST = 8;

function useVerb(id: string, done: string, after?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, body }: { verb: string; body: object }) => ask<Schedule>("POST", `schedules/${id}:${verb}`, { body }),
    onSuccess: () => {
      say(done);
      after?.();
      return client.invalidateQueries({ queryKey: ["oncall"] });
    },
    onError: sayProblem,
  });
}

/** Who is on call now, one's own shifts, standing in for others, and what the next one has to know. */
export function Duties() {
  const { can } = useSession();
  const duties = useDuties();
  const shifts = useShifts();
  const [chosen, setChosen] = useState("");
  const id = chosen || shifts.data?.[0]?.scheduleId || duties.data?.[0]?.scheduleId || "";
  if (duties.error && !duties.data) return <Problem error={duties.error} retry={() => void duties.refetch()} />;
  if (!duties.data) return <Waiting />;
  return (
    <>
      <section className="card" aria-labelledby="now">
        <h2 id="now">{t("oncall.now")}</h2>
        {duties.data.length === 0 && <p className="muted">{t("oncall.noSchedules")}</p>}
        <dl className="duties">
          {duties.data.map((each) => (
            <div key={each.scheduleId}>
              <dt>
                <bdi>{each.scheduleName}</bdi>
              </dt>
              <dd>
                {each.current ? <Name id={each.current.userId} /> : <span className="gap">{t("oncall.nobody")}</span>}
                {each.current && <span className="muted"> {t("oncall.until", { time: moment(each.current.endTime) })}</span>}
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <section className="card" aria-labelledby="mine">
        <h2 id="mine">{t("oncall.shifts")}</h2>
        {shifts.data?.length === 0 && <p className="muted">{t("oncall.noShifts")}</p>}
        <ul className="said">
          {shifts.data?.slice(0, MOST).map((each) => (
            <li key={`${each.scheduleId} ${each.startTime}`}>
              <strong>
                <bdi>{each.scheduleName}</bdi>
              </strong>
              <p className="muted">
                {moment(each.startTime)} – {moment(each.endTime)}
                {each.overrideId && ` · ${t("oncall.standingIn")}`}
              </p>
            </li>
          ))}
        </ul>
      </section>
      {id && (
        <section className="card" aria-labelledby="change">
          <h2 id="change">{t("oncall.schedule")}</h2>
          <div className="fields">
            <label htmlFor="schedule">{t("oncall.which")}</label>
            <select id="schedule" value={id} onChange={(event) => setChosen(event.target.value)}>
              {duties.data.map((each) => (
                <option key={each.scheduleId} value={each.scheduleId}>
                  {each.scheduleName}
                </option>
              ))}
            </select>
          </div>
          {can("schedules.override") && <Override key={id} id={id} />}
          <Handover key={`note ${id}`} id={id} />
        </section>
      )}
    </>
  );
}

/** The Saturday that comes, as a field for a time writes it. */
function saturday(hour: number): string {
  const day = new Date();
  day.setDate(day.getDate() + ((6 - day.getDay() + 7) % 7 || 7));
  const pad = (number: number) => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${pad(day.getMonth() + 1)}-${pad(day.getDate())}T${pad(hour)}:00`;
}

function Override({ id }: { id: string }) {
  const { me } = useSession();
  const [who, setWho] = useState(me.subject);
  const [from, setFrom] = useState(() => saturday(9));
  const [until, setUntil] = useState(() => saturday(18));
  const verb = useVerb(id, t("oncall.overridden"));
  const send = (event: FormEvent) => {
    event.preventDefault();
    const body = { userId: who, startTime: new Date(from).toISOString(), endTime: new Date(until).toISOString() };
    verb.mutate({ verb: "addOverride", body });
  };
  return (
    <form className="fields" onSubmit={send} aria-label={t("oncall.override")}>
      <h3>{t("oncall.override")}</h3>
      <label htmlFor="stand-in">{t("oncall.overrideWho")}</label>
      <PersonChoice id="stand-in" value={who} choose={setWho} />
      <label htmlFor="from">{t("oncall.from")}</label>
      <input id="from" type="datetime-local" required value={from} onChange={(event) => setFrom(event.target.value)} />
      <label htmlFor="until">{t("oncall.to")}</label>
      <input id="until" type="datetime-local" required value={until} onChange={(event) => setUntil(event.target.value)} />
      <Button type="submit" tone="main" disabled={verb.isPending}>
        {t("oncall.overrideDo")}
      </Button>
    </form>
  );
}

const UNWRITTEN: { text: string | null } = { text: null };

function Handover({ id }: { id: string }) {
  const { can } = useSession();
  const { data } = useSchedule(id);
  const draft = useDraft(`handover/${id}`, UNWRITTEN);
  const { text } = draft.value;
  const verb = useVerb(id, t("oncall.handedOver"), draft.clear);
  if (!data) return <Waiting />;
  const send = (event: FormEvent) => {
    event.preventDefault();
    verb.mutate({ verb: "handOver", body: { text: text ?? "" } });
  };
  return (
    <form className="fields" onSubmit={send}>
      <h3>{t("oncall.handover")}</h3>
      {data.handover && (
        <p className="muted">
          <Name id={data.handover.authorId} /> · {moment(data.handover.time)}
        </p>
      )}
      <label htmlFor="handover">{t("oncall.handoverText")}</label>
      <textarea
        id="handover"
        rows={3}
        maxLength={4000}
        readOnly={!can("schedules.handOver")}
        value={text ?? data.handover?.text ?? ""}
        onChange={(event) => draft.set({ text: event.target.value })}
      />
      {can("schedules.handOver") && (
        <Button type="submit" tone="main" disabled={text === null || verb.isPending}>
          {t("oncall.handoverDo")}
        </Button>
      )}
    </form>
  );
}
