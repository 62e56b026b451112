/** What the addresses of lists say: all that decides what is shown, so that a link shows another person the same. */

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const oneOf =
  <T extends string>(...known: readonly T[]) =>
  (value: unknown): T | undefined =>
    known.find((each) => each === value);

type Given = Record<string, unknown>;

export interface AlertSearch {
  view?: "acknowledged" | "suppressed" | "resolved" | "all";
  severity?: string;
  text?: string;
  peek?: string;
}

export const alertSearch = (given: Given): AlertSearch => ({
  view: oneOf("acknowledged", "suppressed", "resolved", "all")(given.view),
  severity: text(given.severity),
  text: text(given.text),
  peek: text(given.peek),
});

export interface AssetSearch {
  class?: string;
  text?: string;
}

export const assetSearch = (given: Given): AssetSearch => ({ class: text(given.class), text: text(given.text) });

/** The period of a dashboard: so many days up to now, or from one day to another. */
export interface PeriodSearch {
  days?: number;
  from?: string;
  to?: string;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const day = (value: unknown) => (typeof value === "string" && DAY.test(value) ? value : undefined);

export const periodSearch = ({ days, from, to }: Given): PeriodSearch => ({
  days: typeof days === "number" && days >= 1 && days <= 400 ? Math.round(days) : undefined,
  from: day(from),
  to: day(to),
});
