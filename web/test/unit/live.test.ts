import { type InfiniteData, QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import type { Page } from "@/api/client";
import { apply, put, settle, type Versioned, versionOf } from "@/live/apply";
import type { LiveEvent } from "@/live/leader";

interface Row extends Versioned {
  title: string;
}

const row = (etag: number, title = `version ${etag}`): Row => ({ id: "inc_1", etag: String(etag), title });
const event = (record: Row): LiveEvent => ({
  id: crypto.randomUUID(),
  type: "itsm.incident.v1.IncidentUpdated",
  time: "2026-11-23T12:00:00Z",
  subject: `incidents/${record.id}`,
  version: Number(record.etag),
  data: { incident: record },
});

function known(version: number): QueryClient {
  const client = new QueryClient();
  client.setQueryData(["incidents", "one", "INC0000001"], row(version));
  client.setQueryData(["incidents", "list", "", ""], { pages: [{ items: [row(version)], next: "" }], pageParams: [""] });
  return client;
}

const shown = (client: QueryClient) => [
  client.getQueryData<Row>(["incidents", "one", "INC0000001"])?.title,
  client.getQueryData<InfiniteData<Page<Row>>>(["incidents", "list", "", ""])?.pages[0]?.items[0]?.title,
];

test("a page and a list show the same record after a change", () => {
  const client = known(2);
  apply(client, [event(row(3))]);
  expect(shown(client)).toEqual(["version 3", "version 3"]);
});

test("in whatever order versions are heard, the newest stays, also past nine", () => {
  const client = known(9);
  apply(client, [event(row(11)), event(row(10))]);
  apply(client, [event(row(10, "late"))]);
  expect(shown(client)).toEqual(["version 11", "version 11"]);
});

test("words that an event does not tell stay those of the version that they were read of, until they are read anew", () => {
  const client = known(2);
  const told = { ...row(3), title: "" };
  apply(client, [event(told)]);
  const half = client.getQueryData<Row>(["incidents", "one", "INC0000001"]) as Row;
  expect(half).toEqual({ ...row(3), title: "version 2", wordsEtag: "2" });
  expect([versionOf(half, ["title"]), versionOf(half, ["urgency"])]).toEqual(["2", "3"]);
  apply(client, [event({ ...told, etag: "4" })]);
  expect(client.getQueryData<Row>(["incidents", "one", "INC0000001"])?.wordsEtag).toBe("2");
  put(client, "incidents", row(4));
  expect(shown(client)).toEqual(["version 4", "version 4"]);
  expect(client.getQueryData<Row>(["incidents", "one", "INC0000001"])?.wordsEtag).toBeUndefined();
});

test("an answer that is older than what was heard meanwhile changes nothing", () => {
  const client = known(5);
  put(client, "incidents", row(4));
  expect(shown(client)).toEqual(["version 5", "version 5"]);
});

test("an answer that was on its way while something changed does not bring the old back", async () => {
  const client = new QueryClient({ defaultOptions: { queries: { structuralSharing: settle } } });
  let answer: (row: Row) => void = () => undefined;
  const late = new Promise<Row>((resolve) => {
    answer = resolve;
  });
  const fetched = client.fetchQuery({ queryKey: ["incidents", "one", "inc_late"], queryFn: () => late });
  const known = { ...row(7), id: "inc_late" };
  apply(client, [event(known)]);
  answer({ ...row(6), id: "inc_late" });
  await fetched;
  expect(client.getQueryData(["incidents", "one", "inc_late"])).toEqual(known);
  const list = {
    pages: [
      {
        items: [
          { ...row(6), id: "inc_late" },
          { ...row(1), id: "inc_other" },
        ],
        next: "x",
      },
    ],
    pageParams: [""],
  };
  expect(settle(undefined, list)).toEqual({
    pages: [{ items: [known, { ...row(1), id: "inc_other" }], next: "x" }],
    pageParams: [""],
  });
  expect(settle(undefined, { ...row(8), id: "inc_late" })).toMatchObject({ title: "version 8" });
  const figures = { rows: [1] };
  expect(settle(figures, { rows: [1] }), "what did not change is the same").toBe(figures);
});

test("hearers get each record once, in its newest version", () => {
  const told = apply(new QueryClient(), [event(row(1)), event(row(2))]);
  expect(told.get("incidents")).toEqual([row(2)]);
});

test.each([
  ["pages", "page"],
  ["schedules", "schedule"],
  ["escalationPolicies", "escalationPolicy"],
])("who is on call hears of %s", (kind, member) => {
  const record = { id: `${member}_1`, etag: "2" };
  const told = apply(new QueryClient(), [{ ...event(row(1)), subject: `${kind}/${record.id}`, data: { [member]: record } }]);
  expect(told.get(kind)).toEqual([record]);
});

test("a note makes the timeline of its record be read again", async () => {
  const client = new QueryClient();
  client.setQueryData(["incidents", "history", "inc_1", false], { pages: [] });
  client.setQueryData(["incidents", "history", "inc_2", false], { pages: [] });
  apply(client, [{ ...event(row(1)), subject: "notes/note_1", data: { note: { id: "note_1", about: "incidents/inc_1" } } }]);
  const stale = (id: string) => client.getQueryState(["incidents", "history", id, false])?.isInvalidated;
  expect([stale("inc_1"), stale("inc_2")]).toEqual([true, false]);
});

test("an event of a kind that is not shown here is no reason to fail", () => {
  expect(apply(new QueryClient(), [{ ...event(row(1)), subject: "tokens/crd_1", data: {} }]).size).toBe(0);
});

test("words that no event holds stay, and are emptied by whoever may read them", () => {
  const client = new QueryClient();
  const page = ["incidents", "one", "inc_words"];
  const told = { id: "inc_words", etag: "2", title: "Disk", description: "" };
  client.setQueryData(page, { ...told, etag: "1", description: "It is full." });
  apply(client, [event(told)]);
  expect(client.getQueryData(page)).toEqual({ ...told, description: "It is full.", wordsEtag: "1" });
  expect(client.getQueryState(page)?.isInvalidated, "somebody may have changed them").toBe(true);
  put(client, "incidents", { ...told, etag: "3" } as Row);
  expect(client.getQueryData(page)).toEqual({ ...told, etag: "3" });
});
