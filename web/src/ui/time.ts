import { useSyncExternalStore } from "react";
import { now } from "@/app/session";
import { locale, t } from "@/i18n";

const TICK_MS = 1000;
const hearers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let instant = 0;

function subscribe(hearer: () => void) {
  hearers.add(hearer);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    instant = now();
    for (const each of hearers) each();
  }, TICK_MS);
  return () => {
    hearers.delete(hearer);
    if (hearers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/**
 * What `read` makes of the present instant. One timer serves all; who reads renders again only when what it reads differs,
 * so `read` answers with a text or a number.
 */
export function useNow<T extends string | number | boolean>(read: (instant: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(instant === 0 || timer === undefined ? now() : instant));
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration of so many milliseconds in two units at most: `2 d 4 h`, `1 h 12 m`, `45 s`. */
export function lasting(milliseconds: number): string {
  const all = Math.abs(milliseconds);
  if (all < MINUTE) return t("time.seconds", { s: Math.floor(all / 1000) });
  if (all < HOUR) return t("time.minutes", { m: Math.floor(all / MINUTE) });
  if (all < DAY) return two("hours", "hoursOnly", { h: Math.floor(all / HOUR), m: Math.floor((all % HOUR) / MINUTE) }, "m");
  return two("days", "daysOnly", { d: Math.floor(all / DAY), h: Math.floor((all % DAY) / HOUR) }, "h");
}

/** Two units, or the greater alone where nothing of the lesser is left. */
const two = (both: "hours" | "days", one: "hoursOnly" | "daysOnly", parts: Record<string, number>, lesser: string) =>
  t(parts[lesser] === 0 ? `time.${one}` : `time.${both}`, parts);

/** How long ago, for a list: coarse, so that few rows render each second. */
export function ago(time: string, instant: number): string {
  const passed = Math.max(0, instant - Date.parse(time));
  if (passed < MINUTE) return t("time.justNow");
  if (passed < HOUR) return t("time.minutes", { m: Math.floor(passed / MINUTE) });
  if (passed < DAY) return t("time.hoursOnly", { h: Math.floor(passed / HOUR) });
  if (passed < 30 * DAY) return t("time.daysOnly", { d: Math.floor(passed / DAY) });
  return new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", year: "numeric" }).format(new Date(time));
}

/** The instant in the person's own zone; without the day where that is today. */
export function at(time: string): string {
  const instant = new Date(time);
  const today = instant.toDateString() === new Date(now()).toDateString();
  const format = new Intl.DateTimeFormat(locale(), { ...(today ? {} : { dateStyle: "medium" }), timeStyle: "short" });
  return format.format(instant);
}

/** A period, with what both ends have in common said once. */
export function between(start: string | undefined, end: string | undefined): string {
  if (!start) return "";
  const format = new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" });
  return end ? format.formatRange(new Date(start), new Date(end)) : `${format.format(new Date(start))} –`;
}

/** Seconds of a duration as JSON writes it, `900s`. */
export const seconds = (duration: string | undefined) => Number((duration ?? "0s").slice(0, -1));
