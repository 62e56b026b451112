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
