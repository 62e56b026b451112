import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "@/api/client";
import { now, useSession } from "@/app/session";
import { t } from "@/i18n";
import { StateChip } from "@/records/chips";
import { FieldsForm } from "@/records/FieldsForm";
import { useRows } from "@/records/RecordRows";
import { STATE_TONES, stateText } from "@/records/states";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { at } from "@/ui/time";
import { toast } from "@/ui/toasts";
import type { Meeting } from "./cab";
import { Places } from "./Places";

const HOUR_MS = 60 * 60_000;

export const meetingAddress = (id: string) => ({ to: "/changes/cab/$id" as "/incidents/$id", params: { id } });

/** The next full hour, as long as that. */
function proposed() {
  const start = Math.ceil((now() + 1) / HOUR_MS) * HOUR_MS;
  return { start: new Date(start).toISOString(), end: new Date(start + HOUR_MS).toISOString() };
}

/** A button that plans a meeting, and opens it with what waits on its agenda. */
export function Plan() {
  const { can, me } = useSession();
  const navigate = useNavigate();
  const [opened, setOpened] = useState(false);
  if (!can("cabMeetings.create")) return null;
  const { start, end } = proposed();
  return (
    <>
      <Button size="xs" onClick={() => setOpened(true)}>
        {t("cab.plan")}
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("cab.plan")}>
        <FieldsForm
          fields={[
            { name: "title", label: t("cab.name"), kind: "text", required: true, initial: t("cab.defaultName") },
            { name: "startTime", label: t("cab.begin"), kind: "time", required: true, initial: start },
            { name: "endTime", label: t("cab.finish"), kind: "time", required: true, initial: end },
            { name: "attendeeIds", label: t("cab.attendees"), kind: "people", initial: [me.subject] },
          ]}
          action={t("cab.plan")}
          cancel={() => setOpened(false)}
          submit={async (values) => {
            const meeting = await ask<Meeting>("POST", "cabMeetings", { body: values });
            await ask("POST", `cabMeetings/${meeting.id}:collect`, { etag: meeting.etag, body: {} });
            toast(t("cab.planned"));
            void navigate(meetingAddress(meeting.id));
          }}
        />
      </Dialog>
    </>
  );
}

/** The meetings of the board, the latest first. */
export function Meetings() {
  const query = useRows<Meeting>("cabMeetings", "", "startTime desc");
  return (
    <>
      <div className="page-head">
        <h1>{t("cab.title")}</h1>
        <Places />
        <div className="verbs">
          <Link to={"/changes/cab/next" as "/incidents"} className="button small">
            {t("cab.next")}
          </Link>
          <Plan />
        </div>
      </div>
      <div className="page-scroll">
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Loading />}
        {query.data?.length === 0 && (
          <Empty icon="calendar" title={t("cab.noMeeting")} action={<Plan />}>
            {t("cab.noMeetingText")}
          </Empty>
        )}
        {(query.data?.length ?? 0) > 0 && (
          <section className="card" aria-label={t("cab.meetings")}>
            <ul className="body rows">
              {query.data?.map((meeting) => (
                <li key={meeting.id}>
                  <span className="nowrap when">{meeting.startTime && at(meeting.startTime)}</span>
                  <Link {...meetingAddress(meeting.id)} className="clip grow">
                    {meeting.title}
                  </Link>
                  <span className="muted nowrap">{t("cab.items", { count: meeting.items.length })}</span>
                  <StateChip tones={STATE_TONES} state={meeting.state} text={stateText(meeting.state)} />
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </>
  );
}

/** The meeting that is planned next; empty where none is. */
export const useNext = (enabled: boolean) =>
  useQuery({
    queryKey: ["cabMeetings", "next"],
    enabled,
    queryFn: async () => {
      const query = { filter: "state = PLANNED", orderBy: "startTime", pageSize: 1 };
      const { cabMeetings } = await ask<{ cabMeetings: Meeting[] }>("GET", "cabMeetings", { query });
      return cabMeetings[0]?.id ?? "";
    },
  });
