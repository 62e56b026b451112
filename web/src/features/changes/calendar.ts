import type { Schemas } from "@/api/client";

export type Calendar = Schemas["CalendarOfChanges"];
type Change = Schemas["Change"];

/** Something that has a time. */
export interface Span {
  id: string;
  kind: "change" | "release" | "blackout";
  number: string;
  title: string;
  start: number;
  end: number;
  state: string;
  /** Numbers of changes that it collides with. */
  collides: readonly string[];
  /** Titles of blackouts that it touches. */
  blackouts: readonly string[];
}

const overlap = (one: { start: number; end: number }, other: { start: number; end: number }) =>
  one.start < other.end && other.start < one.end;
const share = (one: readonly string[], other: readonly string[]) => one.some((id) => other.includes(id));
const OVER = new Set(["CLOSED", "CANCELLED"]);

/** Whether two changes get into each other's way: the same asset or the same hands at the same time. */
export function collide(one: Change, other: Change): boolean {
  const busy = one.implementerId !== "" && one.implementerId === other.implementerId;
  return one.id !== other.id && !OVER.has(one.state) && !OVER.has(other.state) && (busy || share(one.assetIds, other.assetIds));
}

const time = (text: string | undefined) => Date.parse(text ?? "");

/** All that a calendar shows, the soonest first, with what collides. */
export function spansOf({ changes, releases, blackouts }: Calendar): Span[] {
  const frozen: Span[] = blackouts.map(({ blackoutId, title, startTime, endTime }) => ({
    id: `${blackoutId}/${startTime}`,
    kind: "blackout",
    number: "",
    title,
    start: time(startTime),
    end: time(endTime),
    state: "",
    collides: [],
    blackouts: [],
  }));
  const made = changes
    .filter(({ startTime, endTime }) => startTime && endTime)
    .map((change) => ({ change, start: time(change.startTime), end: time(change.endTime) }));
  const planned: Span[] = made.map(({ change, start, end }) => ({
    id: change.id,
    kind: "change",
    number: change.number,
    title: change.title,
    start,
    end,
    state: change.state,
    collides: made
      .filter((other) => overlap({ start, end }, other) && collide(change, other.change))
      .map((other) => other.change.number),
    blackouts: OVER.has(change.state)
      ? []
      : frozen.filter((blackout) => overlap({ start, end }, blackout)).map(({ title }) => title),
  }));
  const shipped: Span[] = releases
    .filter(({ startTime }) => startTime)
    .map(({ id, number, title, startTime, endTime, state }) => ({
      id,
      kind: "release",
      number,
      title,
      start: time(startTime),
      end: time(endTime ?? startTime),
      state,
      collides: [],
      blackouts: [],
    }));
  return [...frozen, ...planned, ...shipped].sort((one, other) => one.start - other.start || one.id.localeCompare(other.id));
}

export type Look = "week" | "month" | "table";

const startOfDay = (day: Date) => new Date(day.getFullYear(), day.getMonth(), day.getDate());
export const plusDays = (day: Date, count: number) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + count);

/** The days that are shown around one: its week from Monday on, or the whole weeks of its month. */
export function daysOf(look: Look, around: Date): Date[] {
  const day = startOfDay(around);
  const first = look === "week" ? day : new Date(day.getFullYear(), day.getMonth(), 1);
  const monday = plusDays(first, -((first.getDay() + 6) % 7));
  if (look === "week") return Array.from({ length: 7 }, (_, index) => plusDays(monday, index));
  const last = new Date(day.getFullYear(), day.getMonth() + 1, 0);
  const weeks = Math.ceil((Math.round((last.getTime() - monday.getTime()) / 86_400_000) + 1) / 7);
  return Array.from({ length: weeks * 7 }, (_, index) => plusDays(monday, index));
}

/** The day that one comes to by going so many periods on. */
export const moved = (look: Look, around: Date, steps: number) =>
  look === "week" ? plusDays(around, steps * 7) : new Date(around.getFullYear(), around.getMonth() + steps, 1);

export interface Placed {
  span: Span;
  /** Parts of the day, from 0 to 1. */
  from: number;
  to: number;
  /** Which of so many columns it stands in. */
  lane: number;
  lanes: number;
}

/** What touches a day. */
export const onDay = (spans: readonly Span[], day: Date) => {
  const at = { start: day.getTime(), end: plusDays(day, 1).getTime() };
  return spans.filter((span) => overlap({ ...span, end: Math.max(span.end, span.start + 1) }, at));
};

const SHORTEST = 1 / 24;

/** Where what touches a day stands in it: what overlaps stands side by side. */
export function placed(spans: readonly Span[], day: Date): Placed[] {
  const start = day.getTime();
  const length = plusDays(day, 1).getTime() - start;
  const found = onDay(spans, day).map((span) => {
    const from = Math.min(Math.max(0, (span.start - start) / length), 1 - SHORTEST);
    return { span, from, to: Math.min(1, Math.max((span.end - start) / length, from + SHORTEST)), lane: 0, lanes: 1 };
  });
  let group: Placed[] = [];
  let reach = 0;
  const settle = () => {
    const lanes = Math.max(0, ...group.map(({ lane }) => lane)) + 1;
    for (const each of group) each.lanes = lanes;
  };
  for (const each of found) {
    if (each.from >= reach) {
      settle();
      group = [];
    }
    const taken = new Set(group.filter((other) => other.to > each.from).map(({ lane }) => lane));
    while (taken.has(each.lane)) each.lane += 1;
    group.push(each);
    reach = Math.max(reach, each.to);
  }
  settle();
  return found;
}
