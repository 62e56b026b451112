import type { Schemas } from "@/api/client";

export type Meeting = Schemas["CabMeeting"];
export type Item = Meeting["items"][number];

/** How long was talked about what, and since when about the present change; null while it is paused. */
export interface Talk {
  current: string;
  since: number | null;
  spent: Record<string, number>;
}

export const SILENT: Talk = { current: "", since: null, spent: {} };

/** Milliseconds that were talked about a change by an instant. */
export const spentOn = (talk: Talk, id: string, instant: number) =>
  (talk.spent[id] ?? 0) + (talk.current === id && talk.since !== null ? Math.max(0, instant - talk.since) : 0);

/** Nobody talks now; what was talked counts. */
export const paused = (talk: Talk, instant: number): Talk => ({
  ...talk,
  since: null,
  spent: talk.current === "" ? talk.spent : { ...talk.spent, [talk.current]: spentOn(talk, talk.current, instant) },
});

/** Another change is talked about from now on. */
export const turned = (talk: Talk, id: string, instant: number): Talk => ({
  ...paused(talk, instant),
  current: id,
  since: talk.since === null ? null : instant,
});

/** What comes after a change: the next one without a recommendation, from the first again behind the last; empty for none. */
export function following(items: readonly Item[], id: string): string {
  const at = items.findIndex(({ changeId }) => changeId === id);
  const around = [...items.slice(at + 1), ...items.slice(0, Math.max(at, 0))];
  return around.find(({ advice }) => advice === "OPEN")?.changeId ?? "";
}

/** The agenda with one change brought forward: right behind the present one, or to the top. */
export function promoted(items: readonly Item[], id: string, current: string): Item[] {
  const item = items.find(({ changeId }) => changeId === id);
  const rest = items.filter(({ changeId }) => changeId !== id);
  if (item === undefined) return [...items];
  const at = rest.findIndex(({ changeId }) => changeId === current) + 1;
  return [...rest.slice(0, at), item, ...rest.slice(at)];
}
