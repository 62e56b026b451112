/** What the address of a list or a page says: all that decides what is shown, so that a link shows another person the same. */
export interface RecordSearch {
  view?: string;
  text?: string;
  filter?: string;
  team?: string;
  sort?: string;
  peek?: string;
  tab?: string;
  /** A saved view's id. */
  saved?: string;
  /** What a list is narrowed by, under the names of its fields. */
  [name: string]: string | undefined;
}

export function recordSearch(given: Record<string, unknown>): RecordSearch {
  const said = Object.entries(given).filter(([, value]) => typeof value === "string" && value !== "");
  return Object.fromEntries(said) as RecordSearch;
}
