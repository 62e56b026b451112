import { Button } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { ask, quoted } from "@/api/client";
import { useCommands } from "@/app/keys";
import { now, useSession } from "@/app/session";
import { t } from "@/i18n";
import { StateChip } from "@/records/chips";
import { useChange, useRecord, useTaken } from "@/records/data";
import type { DeskRecord, Kind, Value } from "@/records/kind";
import { Presence } from "@/records/Presence";
import { useRows } from "@/records/RecordRows";
import { STATE_TONES, stateText } from "@/records/states";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { between } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";
import { Agenda } from "./Agenda";
import { following, type Item, type Meeting, paused, promoted, SILENT, type Talk, turned } from "./cab";
import { Discussed, Minutes } from "./Discussed";
import type { Change } from "./kind";
import { Plan, useNext } from "./Meetings";
import { Places } from "./Places";
import "@/styles/calendar.css";

const KIND = { resources: "cabMeetings" } as Kind<DeskRecord & Meeting>;

/** A meeting of the board, named by its id; `next` is the one that is planned next. */
export function MeetingPage() {
  const { id = "next" } = useParams({ strict: false }) as { id?: string };
  const next = useNext(id === "next");
  const wanted = id === "next" ? (next.data ?? "") : id;
  const query = useRecord<Meeting>("cabMeetings", wanted);
  const failed = next.error ?? query.error;
  if (query.data) return <Room key={query.data.id} meeting={query.data} />;
  return (
    <>
      <div className="page-head">
        <h1>{t("cab.next")}</h1>
        <Places />
      </div>
      {failed ? (
        <div className="page-scroll">
          <Problem error={failed} />
        </div>
      ) : next.isSuccess && wanted === "" ? (
        <Empty icon="calendar" title={t("cab.noMeeting")} action={<Plan />}>
          {t("cab.noMeetingText")}
        </Empty>
      ) : (
        <Loading />
      )}
    </>
  );
}

function Room({ meeting }: { meeting: Meeting }) {
  const { can } = useSession();
  const taken = useTaken("cabMeetings");
  const change = useChange(KIND);
  const [ending, setEnding] = useState(false);
  const talk = useDraft<Talk>(`cab/${meeting.id}`, SILENT);
  const { items } = meeting;
  const ids = items.map(({ changeId }) => changeId);
  const changes = useRows<Change>("changes", `id IN (${ids.map(quoted).join(", ")})`, "", ids.length > 0);
  const planned = meeting.state === "PLANNED";
  const able = planned && can("cabMeetings.update");
  const current = ids.includes(talk.value.current) ? talk.value.current : (ids[0] ?? "");
  const going = talk.value.since !== null;
  const left = items.filter(({ advice }) => advice === "OPEN").length;

  const turn = (id: string) => talk.set(turned(talk.value, id, now()));
  const begin = () => talk.set({ ...talk.value, current, since: now() });
  const pause = () => talk.set(paused(talk.value, now()));
  const next = () => {
    const after = following(items, current);
    if (after) turn(after);
  };
  const command = async (verb: "collect" | "hold" | "cancel") => {
    const after = await ask<Meeting>("POST", `cabMeetings/${meeting.id}:${verb}`, { etag: meeting.etag, body: {} });
    taken(after);
    return after;
  };
  const write = (after: readonly Item[], words: string) =>
    change(meeting, { items: after as unknown as Value }, words).then((saved) => saved !== null);
  const decide = (item: Item) => {
    const number = changes.data?.find(({ id }) => id === item.changeId)?.number ?? "";
    const words = t("cab.adviceDone", { number, advice: t(`cab.advice.${item.advice}`) });
    return write(
      items.map((each) => (each.changeId === item.changeId ? item : each)),
      words,
    );
  };
  useCommands(
    able
      ? [
          { id: "cab.next", label: t("cab.nextItem"), keys: ["n"], group: t("cab.title"), run: next },
          {
            id: "cab.pause",
            label: t(going ? "cab.pause" : "cab.start"),
            keys: ["p"],
            group: t("cab.title"),
            run: going ? pause : begin,
          },
        ]
      : [],
  );
  return (
    <>
      <div className="page-head">
        <div className="stack" style={{ gap: "0.25rem" }}>
          <div className="line wrap">
            <Link to={"/changes/cab" as "/incidents"} className="crumb">
              {t("cab.all")}
            </Link>
            <StateChip tones={STATE_TONES} state={meeting.state} text={stateText(meeting.state)} />
            <span className="muted">{between(meeting.startTime, meeting.endTime)}</span>
            <Presence subject={`cabMeetings/${meeting.id}`} writing={false} />
          </div>
          <h1>{meeting.title}</h1>
        </div>
        {able && (
          <div className="verbs">
            {items.length > 0 && (
              <Button size="sm" variant={going ? "default" : "filled"} onClick={going ? pause : begin}>
                {t(going ? "cab.pause" : talk.value.current === "" ? "cab.start" : "cab.resume")}
              </Button>
            )}
            {items.length > 0 && (
              <Button size="sm" variant="default" onClick={next} disabled={following(items, current) === ""}>
                {t("cab.nextItem")}
              </Button>
            )}
            <Button
              size="sm"
              variant="default"
              onClick={() =>
                void command("collect").then((after) => toast(t("cab.collected", { count: after.items.length })), toastProblem)
              }
            >
              {t("cab.collect")}
            </Button>
            <Button size="sm" variant="default" onClick={() => setEnding(true)}>
              {t("cab.end")}
            </Button>
          </div>
        )}
      </div>
      <div className="page-scroll">
        {items.length === 0 ? (
          <Empty icon="check" title={t("cab.emptyAgenda")}>
            {t("cab.emptyAgendaText")}
          </Empty>
        ) : (
          <div className="board">
            <Agenda
              items={items}
              changes={changes.data ?? []}
              current={current}
              talk={talk.value}
              able={able}
              choose={turn}
              promote={(id, number) => void write(promoted(items, id, current), t("cab.promoted", { number }))}
            />
            <div className="stack">
              <Discussed
                key={current}
                change={changes.data?.find(({ id }) => id === current)}
                item={items.find(({ changeId }) => changeId === current)}
                talk={talk.value}
                able={able}
                decide={decide}
              />
              <Minutes
                meeting={meeting}
                able={able}
                save={(from, minutes) => change(from, { minutes }, t("cab.minutesSaved"))}
              />
            </div>
          </div>
        )}
      </div>
      <Dialog opened={ending} onClose={() => setEnding(false)} title={t("cab.end")}>
        <div className="stack">
          <p>{t("cab.endText")}</p>
          {left > 0 && <p className="strong">{t("cab.left", { count: left })}</p>}
          <div className="line wrap">
            <Button
              data-autofocus
              disabled={left > 0 || !can("cabMeetings.hold")}
              onClick={() =>
                void command("hold").then(() => {
                  pause();
                  toast(t("cab.held"));
                  setEnding(false);
                }, toastProblem)
              }
            >
              {t("cab.end")}
            </Button>
            {can("cabMeetings.cancel") && (
              <Button
                variant="default"
                onClick={() =>
                  void command("cancel").then(() => {
                    toast(t("cab.cancelled"));
                    setEnding(false);
                  }, toastProblem)
                }
              >
                {t("cab.cancel")}
              </Button>
            )}
          </div>
        </div>
      </Dialog>
    </>
  );
}
