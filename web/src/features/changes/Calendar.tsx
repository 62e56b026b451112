import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { ask } from "@/api/client";
import { useCommands } from "@/app/keys";
import { now, useSession } from "@/app/session";
import { locale, rightToLeft, t } from "@/i18n";
import { useLive } from "@/live/live";
import { FieldsForm } from "@/records/FieldsForm";
import type { RecordSearch } from "@/records/search";
import { Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Views } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { toast } from "@/ui/toasts";
import { type Calendar as Answer, daysOf, type Look, moved, plusDays, spansOf } from "./calendar";
import { Month, Table, Week } from "./looks";
import { Places } from "./Places";
import "@/styles/calendar.css";

const LOOKS = ["week", "month", "table"] as const;
const REPEATS = ["ONCE", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"] as const;
// Seven days do not fit beside each other there; a month is a list of the days that have something.
const NARROW = "(max-width: 44rem)";
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** A day as the address has it, in the person's own zone. */
const written = (day: Date) =>
  [day.getFullYear(), String(day.getMonth() + 1).padStart(2, "0"), String(day.getDate()).padStart(2, "0")].join("-");

function useCalendar(from: Date, to: Date) {
  const client = useQueryClient();
  const { hear } = useLive();
  useEffect(() => {
    const changed = () => void client.invalidateQueries({ queryKey: ["changes", "calendar"] });
    const ends = ["changes", "releases", "blackouts"].map((kind) => hear(kind, changed));
    return () => {
      for (const end of ends) end();
    };
  }, [client, hear]);
  const [startTime, endTime] = [from.toISOString(), to.toISOString()];
  return useQuery({
    queryKey: ["changes", "calendar", startTime, endTime],
    queryFn: () => ask<Answer>("GET", "changes:calendar", { query: { startTime, endTime } }),
  });
}

/** When what is altered, when nothing is, and what gets into each other's way. */
export function CalendarPage() {
  const search: RecordSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const { can } = useSession();
  const [blackout, setBlackout] = useState(false);
  const look = LOOKS.find((each) => each === search.view) ?? (matchMedia(NARROW).matches ? "month" : "week");
  const today = useMemo(() => new Date(now()), []);
  const around = DAY.test(search.day ?? "") ? new Date(`${search.day}T00:00`) : today;
  const days = daysOf(look, around);
  const first = days[0] as Date;
  const query = useCalendar(first, plusDays(days.at(-1) as Date, 1));
  const spans = useMemo(() => (query.data ? spansOf(query.data) : []), [query.data]);
  const go = (part: RecordSearch) =>
    void navigate({ to: ".", search: (known: RecordSearch) => ({ ...known, ...part }), replace: true });
  const step = (steps: number) => go({ day: written(moved(look, around, steps)) });
  const show = (value: string) => go({ view: value as Look });
  const group = t("calendar.title");
  // What is later lies where the writing goes.
  const [back, ahead] = rightToLeft ? ["ArrowRight", "ArrowLeft"] : ["ArrowLeft", "ArrowRight"];
  useCommands([
    { id: "calendar.earlier", label: t("calendar.earlier"), keys: ["[", back], group, run: () => step(-1) },
    { id: "calendar.later", label: t("calendar.later"), keys: ["]", ahead], group, run: () => step(1) },
    { id: "calendar.today", label: t("calendar.today"), keys: ["t"], group, run: () => go({ day: undefined }) },
    ...LOOKS.map((each) => ({
      id: `calendar.${each}`,
      label: t(`calendar.${each}`),
      keys: [each === "table" ? "l" : each.charAt(0)],
      group,
      run: () => show(each),
    })),
  ]);
  const collisions = spans.filter(({ collides, blackouts }) => collides.length + blackouts.length > 0).length;
  const format = new Intl.DateTimeFormat(
    locale(),
    look === "week" ? { dateStyle: "medium" } : { month: "long", year: "numeric" },
  );
  const named = look === "week" ? format.formatRange(first, days.at(-1) as Date) : format.format(around);
  return (
    <>
      <div className="page-head">
        <h1>{t("calendar.title")}</h1>
        <Places />
        <div className="verbs">
          {can("blackouts.create") && (
            <Button size="xs" variant="default" onClick={() => setBlackout(true)}>
              {t("calendar.newBlackout")}
            </Button>
          )}
        </div>
      </div>
      <div className="filters">
        <Views
          label={t("calendar.views")}
          views={LOOKS.map((value) => ({ value, label: t(`calendar.${value}`) }))}
          value={look}
          onChange={show}
        />
        <span className="line">
          <button type="button" className="sign framed" aria-label={t("calendar.earlier")} onClick={() => step(-1)}>
            <Icon name="back" />
          </button>
          <Button size="xs" variant="default" onClick={() => go({ day: undefined })}>
            {t("calendar.today")}
          </Button>
          <button type="button" className="sign framed turned" aria-label={t("calendar.later")} onClick={() => step(1)}>
            <Icon name="back" />
          </button>
        </span>
        <strong aria-live="polite">{named}</strong>
        {collisions > 0 && (
          <Chip tone="bad" icon="late">
            {t("calendar.collisions", { count: collisions })}
          </Chip>
        )}
      </div>
      {query.isError && (
        <div className="page-scroll">
          <Problem error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.isPending && <Loading />}
      {query.data?.cut && <p className="muted filters">{t("calendar.cut")}</p>}
      {query.isSuccess && look === "week" && <Week days={days} spans={spans} today={today} />}
      {query.isSuccess && look === "month" && <Month days={days} spans={spans} month={around.getMonth()} today={today} />}
      {query.isSuccess &&
        look === "table" &&
        (spans.length === 0 ? (
          <Empty icon="calendar" title={t("calendar.none")}>
            {t("calendar.noneText")}
          </Empty>
        ) : (
          <Table spans={spans} />
        ))}
      <Dialog opened={blackout} onClose={() => setBlackout(false)} title={t("calendar.newBlackout")}>
        <FieldsForm
          fields={[
            { name: "title", label: t("calendar.blackoutTitle"), kind: "text", required: true },
            { name: "description", label: t("calendar.blackoutWhy"), kind: "area" },
            { name: "startTime", label: t("calendar.from"), kind: "time", required: true },
            { name: "endTime", label: t("calendar.until"), kind: "time", required: true },
            {
              name: "repeat",
              label: t("calendar.repeat"),
              kind: "choice",
              required: true,
              initial: "ONCE",
              options: REPEATS.map((value) => ({ value, label: t(`calendar.repeats.${value}`) })),
            },
            { name: "serviceIds", label: t("change.services"), kind: "assets" },
          ]}
          action={t("record.create")}
          cancel={() => setBlackout(false)}
          submit={async (values) => {
            const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
            await ask("POST", "blackouts", { body: { ...values, zone } });
            void query.refetch();
            toast(t("calendar.blackoutMade"));
            setBlackout(false);
          }}
        />
      </Dialog>
    </>
  );
}
