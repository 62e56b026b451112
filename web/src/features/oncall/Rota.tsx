import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { locale, t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { at } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";
import { DAYS, type Duty, place, type Schedule, span, useDuties, useHearing, useSchedules, useShifts } from "./data";
import { Policies } from "./Policies";
import "./rota.css";

/** Who is on call now and in the next two weeks, who stands in for whom, and whom alerts call. */
export function Rota() {
  useHearing();
  const schedules = useSchedules();
  const duties = useDuties();
  return (
    <>
      <div className="page-head">
        <h1>{t("rota.title")}</h1>
        <span className="muted">{t("rota.text")}</span>
        <Button component="a" href="/oncall" variant="default" size="xs" className="end">
          {t("rota.phone")}
        </Button>
      </div>
      <div className="page-scroll stack">
        {schedules.error && <Problem error={schedules.error} retry={() => void schedules.refetch()} />}
        {schedules.isPending && <Loading />}
        {schedules.data?.length === 0 && (
          <Empty icon="calendar" title={t("rota.empty")} action={<a href="/docs">{t("rota.emptyAction")}</a>}>
            {t("rota.emptyText")}
          </Empty>
        )}
        {schedules.data?.map((schedule) => (
          <ScheduleCard
            key={schedule.id}
            schedule={schedule}
            duty={duties.data?.find(({ scheduleId }) => scheduleId === schedule.id)}
          />
        ))}
        <Policies duties={duties.data ?? []} />
      </div>
    </>
  );
}

function ScheduleCard({ schedule, duty }: { schedule: Schedule; duty: Duty | undefined }) {
  const { can } = useSession();
  const [adding, setAdding] = useState(false);
  const current = duty?.current;
  return (
    <section className="card" aria-label={schedule.name}>
      <header>
        <h2>{schedule.name}</h2>
        <span className="muted">{schedule.timeZone}</span>
        {can("schedules.override") && (
          <Button size="xs" variant="default" className="end" onClick={() => setAdding(true)}>
            {t("rota.add")}
          </Button>
        )}
      </header>
      <div className="body stack">
        <div className="line wrap">
          <strong>{t("rota.now")}</strong>
          {current ? (
            <>
              <Person id={current.userId} />
              {current.overrideId && <Chip tone="accent">{t("rota.overrideTag")}</Chip>}
              <span className="muted">{t("oncall.until", { time: at(current.endTime ?? "") })}</span>
            </>
          ) : (
            <Chip tone="bad" icon="late">
              {t("rota.gap")}
            </Chip>
          )}
        </div>
        <Weeks schedule={schedule} />
        <div className="rota-foot">
          <Overrides schedule={schedule} />
          <Handover schedule={schedule} />
        </div>
      </div>
      <Dialog opened={adding} title={t("rota.add")} onClose={() => setAdding(false)}>
        <Adding schedule={schedule} done={() => setAdding(false)} />
      </Dialog>
    </section>
  );
}

/** Two weeks of days, with who is on call as bars; the gaps between them are nobody's. */
function Weeks({ schedule }: { schedule: Schedule }) {
  const { data: shifts, error, refetch } = useShifts(schedule.id);
  const whole = span();
  if (error) return <Problem error={error} retry={() => void refetch()} />;
  const days = Array.from({ length: DAYS }, (_, day) => new Date(whole.start + day * 86_400_000 + 43_200_000));
  const format = new Intl.DateTimeFormat(locale(), { weekday: "short", day: "numeric" });
  const people = [...new Set(shifts?.map(({ userId }) => userId))];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keyboard, too
    <section className="rota" aria-label={t("rota.calendar")} tabIndex={0}>
      <div className="rota-days" aria-hidden="true">
        {days.map((day) => (
          <span key={day.getTime()} data-weekend={day.getDay() % 6 === 0}>
            {format.format(day)}
          </span>
        ))}
      </div>
      <ol className="rota-bars">
        {shifts?.map((shift) => {
          const from = place(shift.startTime, whole);
          const width = place(shift.endTime, whole) - from;
          const said = `${at(shift.startTime ?? "")} – ${at(shift.endTime ?? "")}`;
          return (
            <li
              key={`${shift.startTime} ${shift.userId}`}
              data-hue={people.indexOf(shift.userId) % 4}
              data-override={shift.overrideId !== ""}
              style={{ insetInlineStart: `${from}%`, inlineSize: `${width}%` }}
              title={said}
            >
              <Person id={shift.userId} />
              <span className="visually-hidden">
                {said}
                {shift.overrideId && ` ${t("rota.overrideTag")}`}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Overrides({ schedule }: { schedule: Schedule }) {
  const { can } = useSession();
  const client = useQueryClient();
  const coming = schedule.overrides.filter((each) => Date.parse(each.endTime ?? "") > Date.now());
  const remove = async (overrideId: string) => {
    try {
      await ask("POST", `schedules/${schedule.id}:removeOverride`, { body: { overrideId } });
      await client.invalidateQueries({ queryKey: ["rota"] });
      toast(t("rota.done"));
    } catch (error) {
      toastProblem(error);
    }
  };
  return (
    <div className="stack">
      <h3>{t("rota.overrides")}</h3>
      {coming.length === 0 && <p className="muted">{t("rota.noOverrides")}</p>}
      <ul className="stack">
        {coming.map((each) => (
          <li key={each.id} className="line wrap">
            <Person id={each.userId} />
            <span className="muted">
              {at(each.startTime ?? "")} – {at(each.endTime ?? "")}
            </span>
            {each.comment && <span>{each.comment}</span>}
            {can("schedules.override") && (
              <Button size="compact-xs" variant="subtle" onClick={() => void remove(each.id)}>
                {t("rota.remove")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Handover({ schedule }: { schedule: Schedule }) {
  const note = schedule.handover;
  return (
    <div className="stack">
      <h3>{t("rota.handover")}</h3>
      {note ? (
        <>
          <p className="rota-note">{note.text}</p>
          <p className="line muted">
            <Icon name="note" />
            <Person id={note.authorId} />
            {at(note.time ?? "")}
          </p>
        </>
      ) : (
        <p className="muted">{t("rota.noHandover")}</p>
      )}
    </div>
  );
}

function Adding({ schedule, done }: { schedule: Schedule; done: () => void }) {
  const client = useQueryClient();
  return (
    <FieldsForm
      fields={[
        { name: "userId", label: t("oncall.overrideWho"), kind: "person", required: true },
        { name: "startTime", label: t("oncall.from"), kind: "time", required: true },
        { name: "endTime", label: t("oncall.to"), kind: "time", required: true },
        { name: "comment", label: t("rota.why"), kind: "text" },
      ]}
      action={t("rota.add")}
      cancel={done}
      submit={async (values) => {
        await ask("POST", `schedules/${schedule.id}:addOverride`, { body: values });
        await client.invalidateQueries({ queryKey: ["rota"] });
        toast(t("rota.done"));
        done();
      }}
    />
  );
}
