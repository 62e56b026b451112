import type { Schemas } from "@/api/client";

type Shift = Schemas["Shift"];
type Layer = Schemas["ScheduleLayer"];

const DAY_MS = 86_400_000;
export const DAYS = 14;

/** A time that somebody, or nobody, has. */
export interface Span {
  start: number;
  end: number;
}

/** From the midnight before now, in this person's zone, two weeks long. */
export function span(): Span {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  return { start: midnight.getTime(), end: midnight.getTime() + DAYS * DAY_MS };
}

/** Where a time lies in the span, in percent of it. */
export const place = (time: number, { start, end }: Span) => Math.min(100, Math.max(0, ((time - start) / (end - start)) * 100));

const instant = (time: string | undefined) => Date.parse(time ?? "");

/** When nobody is on call: the time between shifts, which come in their order. */
export function gaps(shifts: readonly Shift[], { start, end }: Span): Span[] {
  const found: Span[] = [];
  let covered = start;
  for (const { startTime, endTime } of shifts) {
    const begin = Math.min(instant(startTime), end);
    if (begin > covered) found.push({ start: covered, end: begin });
    covered = Math.max(covered, instant(endTime));
  }
  if (covered < end) found.push({ start: covered, end });
  return found;
}

export const spanOf = ({ startTime, endTime }: Shift): Span => ({ start: instant(startTime), end: instant(endTime) });

/** What an override of this time begins with: nothing of it is over. */
export const ahead = ({ start, end }: Span, now: number): Span => {
  const begin = Math.max(start, Math.ceil(now / 60_000) * 60_000);
  return { start: begin, end: Math.max(end, begin) };
};

/** A layer whose turns of a week begin on Mondays. */
export function newLayer(today = new Date()): Layer {
  const monday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - ((today.getDay() + 6) % 7));
  const day = [monday.getFullYear(), monday.getMonth() + 1, monday.getDate()].map((part) => String(part).padStart(2, "0"));
  return { name: "", userIds: [], start: `${day.join("-")}T09:00`, unit: "WEEKS", length: 1, restrictions: [] };
}
