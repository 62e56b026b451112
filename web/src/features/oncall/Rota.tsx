import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "@/api/client";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { at } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";
import { type Duty, type Schedule, useDuties, useHearing, useSchedules, useShifts } from "./data";
import { Policies } from "./Policies";
import { Gaps, Weeks } from "./Weeks";
import { ahead, type Span } from "./weeks";

/** The address of the page on which a schedule is written. */
const formOf = (id: string) => ({ to: "/schedules/$id" as "/incidents/$id", params: { id } });

/** Who is on call now and in the next two weeks, who stands in for whom, and whom alerts call. */
export function Rota() {
  useHearing();
  const { can } = useSession();
  const navigate = useNavigate();
  const make = () => void navigate(formOf("new"));
  useCommands(
    can("schedules.create")
      ? [{ id: "rota.new", label: t("rota.newSchedule"), keys: ["c"], group: t("rota.title"), run: make }]
      : [],
  );
  const schedules = useSchedules();
  const duties = useDuties();
  return (
    <>
      <div className="page-head">
        <h1>{t("rota.title")}</h1>
        <span className="muted">{t("rota.text")}</span>
        <div className="verbs">
          <Button component="a" href="/oncall" variant="default" size="sm">
            {t("rota.phone")}
          </Button>
          {can("schedules.create") && (
            <Button size="sm" onClick={make}>
              {t("rota.newSchedule")}
            </Button>
          )}
        </div>
      </div>
      <div className="page-scroll stack">
        {schedules.error && <Problem error={schedules.error} retry={() => void schedules.refetch()} />}
        {schedules.isPending && <Loading />}
        {schedules.data?.length === 0 && (
          <Empty
            icon="calendar"
            title={t("rota.empty")}
            action={
              can("schedules.create") ? (
                <Button onClick={make}>{t("rota.newSchedule")}</Button>
              ) : (
                <a href="/docs">{t("rota.emptyAction")}</a>
              )
            }
          >
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
  const [adding, setAdding] = useState<{ time?: Span; instead: string } | null>(null);
  const shifts = useShifts(schedule.id);
  const current = duty?.current;
  return (
    <section className="card" aria-label={schedule.name}>
      <header>
        <h2>{schedule.name}</h2>
        <span className="muted">{schedule.timeZone}</span>
        <div className="verbs">
          {can("schedules.update") && (
            <Button component={Link} {...(formOf(schedule.id) as object)} size="xs" variant="default">
              {t("rota.edit")}
            </Button>
          )}
          {can("schedules.override") && (
            <Button size="xs" variant="default" onClick={() => setAdding({ instead: "" })}>
              {t("rota.add")}
            </Button>
          )}
        </div>
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
        {shifts.error && <Problem error={shifts.error} retry={() => void shifts.refetch()} />}
        {shifts.data && (
          <>
            <Weeks
              shifts={shifts.data}
              onPick={
                can("schedules.override") ? (time, shift) => setAdding({ time, instead: shift?.userId ?? "" }) : undefined
              }
            />
            <Gaps shifts={shifts.data} />
          </>
        )}
        <div className="rota-foot">
          <Overrides schedule={schedule} />
          <Handover schedule={schedule} />
        </div>
      </div>
      <Dialog opened={adding !== null} title={t("rota.add")} onClose={() => setAdding(null)}>
        {adding && <Adding schedule={schedule} {...adding} done={() => setAdding(null)} />}
      </Dialog>
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

interface AddingProps {
  schedule: Schedule;
  /** The time that was pressed, and whose it is. */
  time?: Span;
  instead: string;
  done: () => void;
}

function Adding({ schedule, time, instead, done }: AddingProps) {
  const client = useQueryClient();
  const asked = time && ahead(time, Date.now());
  const iso = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
  return (
    <FieldsForm
      fields={[
        { name: "userId", label: t("oncall.overrideWho"), kind: "person", required: true },
        { name: "startTime", label: t("oncall.from"), kind: "time", required: true, initial: iso(asked?.start) },
        { name: "endTime", label: t("oncall.to"), kind: "time", required: true, initial: iso(asked?.end) },
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
    >
      {() =>
        instead && (
          <p className="line wrap">
            <span className="muted">{t("rota.instead")}</span>
            <Person id={instead} />
          </p>
        )
      }
    </FieldsForm>
  );
}
