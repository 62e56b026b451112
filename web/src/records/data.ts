import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, body, type Page, quoted, type Schemas } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { t } from "@/i18n";
import { put, type Versioned, versionOf } from "@/live/apply";
import { toast, toastProblem } from "@/ui/toasts";
import { type DeskRecord, type Kind, nameOf, type Values, type Verb } from "./kind";
import { Conflict, meanwhile } from "./meanwhile";
import type { RecordSearch } from "./search";

type Note = Schemas["Note"];

const STALE = 412;
const NUMBER = /^[a-z]{2,4}\d+$/i;

/** What the address asks for, in the filter language. */
export function filterOf<R extends DeskRecord>(kind: Kind<R>, search: RecordSearch, me: string): string {
  const words = search.text ?? "";
  const view = kind.views.find(({ value }) => value === search.view) ?? kind.views[0];
  const narrowed = (kind.narrowings ?? []).map(({ name }) => {
    const wanted = search[name];
    return wanted ? `${name} IN (${wanted.split(",").join(", ")})` : "";
  });
  const found = () => (NUMBER.test(words) ? `number = ${quoted(words.toUpperCase())}` : `title:${quoted(words)}`);
  return [
    search.saved ? "" : (view?.filter(me) ?? ""),
    ...narrowed,
    search.team ? `teamId = ${quoted(search.team)}` : "",
    words && (kind.find ?? found)(words),
    search.filter ? `(${search.filter})` : "",
  ]
    .filter(Boolean)
    .join(" AND ");
}

export async function listRecords<R>(
  resources: string,
  filter: string,
  orderBy: string,
  pageToken: string,
  pageSize: number,
): Promise<Page<R>> {
  const query = { filter: filter || undefined, orderBy: orderBy || undefined, pageSize, pageToken: pageToken || undefined };
  const answer = await ask<Record<string, unknown>>("GET", resources, { query });
  return { items: answer[resources] as R[], next: answer.nextPageToken as string };
}

/** One record by id or number. */
export const useRecord = <R>(resources: string, id: string) =>
  useQuery({
    queryKey: [resources, "one", id],
    queryFn: () => ask<R>("GET", `${resources}/${encodeURIComponent(id)}`),
    enabled: id !== "",
  });

const NOTES = 200;

/** What was said about a record, by id of the note. */
export const useNotes = (resources: string, id: string, enabled = true) =>
  useQuery({
    queryKey: [resources, "history", id, "notes"],
    enabled,
    queryFn: async () => {
      const answer = await ask<{ notes: Note[] }>("GET", `${resources}/${id}/notes`, { query: { pageSize: NOTES } });
      return new Map(answer.notes.map((note) => [note.id, note]));
    },
  });

/** Does what a verb says, on the version that the person saw. */
export const perform = <R extends DeskRecord>(resources: string, verb: string, record: R, values: Values) =>
  ask<R>("POST", `${resources}/${record.id}:${verb}`, { etag: record.etag, body: values });

/** Takes a record that the server answered with into everything that shows it. */
export function take(client: QueryClient, resources: string, record: DeskRecord) {
  put(client, resources, record);
  void client.invalidateQueries({ queryKey: [resources, "history", record.id] });
  void client.invalidateQueries({ queryKey: ["counts"] });
}

export function useTaken(resources: string) {
  const client = useQueryClient();
  return (record: DeskRecord) => take(client, resources, record);
}

/**
 * Writes fields over those of `record`; what others wrote into other fields meanwhile stays. `read` says where what is written
 * is read. Throws `Conflict`.
 */
export async function patch<R extends Versioned>(
  resources: string,
  record: R,
  values: object,
  read: (record: R) => object = (whole) => whole,
): Promise<R> {
  const path = `${resources}/${encodeURIComponent(record.id)}`;
  const names = Object.keys(values);
  const write = (etag: string) => ask<R>("PATCH", path, { etag, query: { updateMask: names.join(",") }, body: values });
  try {
    return await write(versionOf(record, names));
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== STALE) throw error;
    const present = await ask<R>("GET", path);
    const theirs = meanwhile(read(record), values as Record<string, unknown>, read(present));
    if (Object.keys(theirs).length > 0) throw new Conflict(error, present, theirs);
    return write(present.etag);
  }
}

/** Changes fields of a record, with a way back for a while. Throws what the service refuses. */
export function useWrite<R extends DeskRecord>(kind: Kind<R>, read: (record: R) => object = (whole) => whole) {
  const client = useQueryClient();
  return async (record: R, values: Values, words?: string): Promise<R> => {
    const changed = await patch(kind.resources, record, values, read);
    take(client, kind.resources, changed);
    const known = read(record) as Values;
    const before = Object.fromEntries(Object.keys(values).map((name) => [name, known[name] ?? ""]));
    const back = () =>
      patch(kind.resources, changed, before, read).then((record) => take(client, kind.resources, record), toastProblem);
    toast(words ?? t("record.saved", { number: nameOf(record) }), {
      action: { label: t("record.undo"), run: () => void back() },
    });
    return changed;
  };
}

/** The same where there is no form to show what was refused: it is told of, and null is answered. */
export function useChange<R extends DeskRecord>(kind: Kind<R>) {
  const client = useQueryClient();
  const write = useWrite(kind);
  const change = async (record: R, values: Values, words?: string): Promise<R | null> => {
    try {
      return await write(record, values, words);
    } catch (error) {
      toastProblem(error);
      void client.invalidateQueries({ queryKey: [kind.resources, "one"] });
      return null;
    }
  };
  return change;
}

/** The words in which a verb was done, with a way back where it has one. */
export function told<R extends DeskRecord>(
  client: QueryClient,
  kind: Kind<R>,
  verb: Verb<R>,
  before: readonly R[],
  after: readonly R[],
) {
  const first = before[0];
  if (first === undefined) return;
  const inverses = before.map((record) => verb.undo?.(record) ?? null);
  const back = async () => {
    for (const [index, record] of after.entries()) {
      const inverse = inverses[index];
      if (inverse) take(client, kind.resources, await perform(kind.resources, inverse.verb, record, inverse.values));
    }
  };
  const words = verb.done?.(before.length, nameOf(first));
  toast(words ?? t("record.done", { verb: verb.label, count: before.length, number: nameOf(first) }), {
    action: inverses.includes(null) ? undefined : { label: t("record.undo"), run: () => void back().catch(toastProblem) },
  });
}

/** Teams that are known: those of the realm and those that incidents were given to. */
export const useTeams = (enabled: boolean) =>
  useQuery({
    queryKey: ["teams"],
    enabled,
    queryFn: async () => {
      const [{ teams }, used] = await Promise.all([
        body(api.GET("/api/v1/teams", { params: { query: { pageSize: 200 } } })),
        body(
          api.GET("/api/v1/kpis/{name}", { params: { path: { name: "incident-volume" }, query: { groupBy: "team" } } }),
        ).catch(
          () => ({ rows: [] }), // figures are not for everybody; the realm's teams are
        ),
      ]);
      const names = new Map(teams.map(({ id, name }) => [id, name]));
      for (const { group } of used.rows) if (group && !names.has(group)) names.set(group, group);
      return [...names].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label));
    },
  });

/** People whose name has these letters; without any, the first ones. */
export const usePeople = (text: string, enabled: boolean) =>
  useQuery({
    queryKey: ["people", "found", text],
    enabled,
    queryFn: async () => {
      const filter = ["enabled = true", text && `displayName:${quoted(text)}`].filter(Boolean).join(" AND ");
      return (await body(api.GET("/api/v1/users", { params: { query: { filter, pageSize: 50 } } }))).users;
    },
  });
