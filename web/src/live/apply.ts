import { type InfiniteData, type QueryClient, replaceEqualDeep } from "@tanstack/react-query";
import type { Page } from "@/api/client";
import type { LiveEvent } from "./leader";

/** A record as lists and pages hold it. */
export interface Versioned {
  id: string;
  etag: string;
  /** The version that its words are of, where an event told of a later one without them. */
  wordsEtag?: string;
}

const MEMBERS: Record<string, string> = {
  incidents: "incident",
  alerts: "alert",
  assets: "asset",
  relations: "relation",
  checks: "check",
  requests: "request",
  tasks: "task",
  approvals: "approval",
  problems: "problem",
  changes: "change",
  releases: "release",
  majors: "major",
  cabMeetings: "cabMeeting",
  blackouts: "blackout",
  surveys: "survey",
  statusUpdates: "statusUpdate",
  catalogItems: "catalogItem",
  articles: "article",
  pages: "page",
  schedules: "schedule",
  escalationPolicies: "escalationPolicy",
};

/** Whether `next` is at least as new; versions of a record are whole numbers that grow. */
export const newer = (next: Versioned, known: Versioned) => Number(next.etag) > Number(known.etag);

/** The record that an event tells of, where it is of a kind that is shown here. */
export function recordOf(event: LiveEvent): { kind: string; record: Versioned } | null {
  const kind = event.subject.split("/")[0] ?? "";
  const member = MEMBERS[kind];
  const record = member === undefined ? undefined : (event.data[member] as Versioned | undefined);
  return record?.id ? { kind, record } : null;
}

/** What no event holds, because it is personal or not for everybody who hears. */
const UNTOLD = ["title", "description", "answers", "summary", "body", "keywords", "draft"];

/** A record as an event tells it, with the words that were read before. */
function completed<T extends Versioned>(record: T, known: object | undefined): T {
  if (known === undefined) return record;
  const untold = UNTOLD.filter((name) => name in known && !(record as Record<string, unknown>)[name]);
  if (untold.length === 0) return record;
  const kept = known as Record<string, unknown>;
  const { etag, wordsEtag = etag } = known as Versioned;
  return { ...record, ...Object.fromEntries(untold.map((name) => [name, kept[name]])), wordsEtag };
}

/** The version that was read of what is about to be written. */
export const versionOf = (record: Versioned, names: readonly string[]) =>
  names.some((name) => UNTOLD.includes(name)) ? (record.wordsEtag ?? record.etag) : record.etag;

const REMEMBERED = 1_000;
const lately = new Map<string, { record: Versioned; whole: boolean }>();

function remember(record: Versioned, whole: boolean) {
  const known = lately.get(record.id);
  if (known !== undefined && !newer(record, known.record)) return;
  lately.delete(record.id);
  lately.set(record.id, { record, whole });
  if (lately.size > REMEMBERED) lately.delete(lately.keys().next().value as string);
}

function freshest(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(freshest);
  if (typeof value !== "object" || value === null) return value;
  if ("pages" in value || "items" in value) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, name === "pages" || name === "items" ? freshest(part) : part]),
    );
  }
  const known = "id" in value && "etag" in value ? lately.get(value.id as string) : undefined;
  if (known === undefined || !newer(known.record, value as Versioned)) return value;
  return known.whole ? known.record : completed(known.record, value);
}

/** What the cache takes of an answer: records that changed while it was on its way stay as they were heard or written since. */
export const settle = (known: unknown, answer: unknown): unknown => replaceEqualDeep(known, freshest(answer));

/** Puts a record into everything that shows it; an older one than is known changes nothing. Events are not `whole`. */
export function put(client: QueryClient, kind: string, record: Versioned, whole = true) {
  remember(record, whole);
  const merged = (known: Versioned | undefined) => (whole ? record : completed(record, known));
  const better = (known: Versioned) =>
    newer(record, known) || (whole && record.etag === known.etag && known.wordsEtag !== undefined);
  client.setQueriesData<Versioned>(
    { queryKey: [kind, "one"], predicate: ({ state }) => (state.data as Versioned)?.id === record.id },
    (known) => (known === undefined || better(known) ? merged(known) : known),
  );
  client.setQueriesData<InfiniteData<Page<Versioned>>>({ queryKey: [kind, "list"] }, (data) => {
    if (data === undefined) return data;
    let changed = false;
    const pages = data.pages.map((page) => {
      const index = page.items.findIndex(({ id }) => id === record.id);
      const known = page.items[index];
      if (known === undefined || !better(known)) return page;
      changed = true;
      return { ...page, items: page.items.with(index, merged(known)) };
    });
    return changed ? { ...data, pages } : data;
  });
}

/** Brings what the stream told into the cache. Returns the records, by kind. */
export function apply(client: QueryClient, events: readonly LiveEvent[]): Map<string, Versioned[]> {
  const latest = new Map<string, { kind: string; record: Versioned }>();
  const histories = new Set<string>();
  for (const event of events) {
    const found = recordOf(event);
    if (found !== null) {
      const key = `${found.kind}/${found.record.id}`;
      const known = latest.get(key);
      if (known === undefined || newer(found.record, known.record)) latest.set(key, found);
      histories.add(key);
    }
    const note = event.data.note as { about?: string } | undefined;
    if (note?.about) histories.add(note.about);
  }
  const told = new Map<string, Versioned[]>();
  for (const { kind, record } of latest.values()) {
    put(client, kind, record, false);
    // Its words may be others now, too.
    void client.invalidateQueries({
      queryKey: [kind, "one"],
      predicate: ({ state }) => (state.data as Versioned)?.id === record.id,
    });
    told.set(kind, [...(told.get(kind) ?? []), record]);
  }
  for (const subject of histories) {
    const [kind, id] = subject.split("/");
    void client.invalidateQueries({ queryKey: [kind, "history", id] });
  }
  return told;
}
