import type { Schemas } from "@/api/client";

export type Row = Schemas["Kpi"]["rows"][number];

const DAY_MS = 86_400_000;

/** How many incidents the rows tell of; rows that part a group are not counted beside it. */
export function sum(rows: readonly Row[]): number {
  const wholes = rows.filter(({ series }) => series === "");
  const counted = wholes.length > 0 ? wholes : rows;
  return counted.reduce((total, { value, count }) => total + (value ?? count), 0);
}

/** The last days, the earliest first, as `2026-11-23`; `today` is the number of the day since 1970. */
export const daysOf = (today: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => new Date((today - count + 1 + index) * DAY_MS).toISOString().slice(0, 10));

/** The value of each day; `absent` where nothing is known of it. Parts of a day without a whole are added up. */
export function byDay(rows: readonly Row[], days: readonly string[], series: string, absent: number | null): (number | null)[] {
  return days.map((day) => {
    const own = rows.filter(({ group }) => group.startsWith(day));
    const wanted = own.filter((row) => row.series === series);
    const found = wanted.length > 0 || series !== "" ? wanted : own;
    if (found.length === 0) return absent;
    return found.reduce((total, { value, count }) => total + (value ?? count), 0);
  });
}
