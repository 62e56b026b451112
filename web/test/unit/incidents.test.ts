import { expect, test } from "vitest";
import type { Incident, Schemas } from "@/api/client";
import { INCIDENTS } from "@/features/incidents/kind";
import { presentClock, read } from "@/records/chips";
import { filterOf as filter } from "@/records/data";
import { verbsOf as verbs } from "@/records/kind";
import type { RecordSearch } from "@/records/search";

const filterOf = (search: RecordSearch, me: string) => filter(INCIDENTS, search, me);
const verbsOf = (record: Incident, can: (permission: string) => boolean) => verbs(INCIDENTS, record, can).map(({ id }) => id);

type Clock = Schemas["Clock"];

const NOW = Date.parse("2026-11-23T12:00:00Z");
const clock = (part: Partial<Clock>): Clock => ({
  kind: "RESOLVE",
  state: "RUNNING",
  startTime: "2026-11-23T10:00:00Z",
  dueTime: "2026-11-23T13:12:00Z",
  warnTime: "2026-11-23T12:30:00Z",
  elapsed: "0s",
  target: "11520s",
  breached: false,
  policyId: "default",
  calendarId: "24x7",
  ...part,
});
const incident = (part: Partial<Incident>) => ({ state: "NEW", ...part }) as Incident;

test("the address becomes a filter that AND alone joins", () => {
  expect(filterOf({}, "me")).toBe("state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)");
  expect(filterOf({ view: "all", text: "inc0001042" }, "me")).toBe('number = "INC0001042"');
  expect(filterOf({ view: "mine", priority: "P1,P2", text: 'a "b"\\' }, "me")).toBe(
    'state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD) AND assigneeId = "me" AND priority IN (P1, P2) AND title:"a \\"b\\"\\\\"',
  );
  expect(filterOf({ view: "all", filter: "a = 1 OR b = 2", team: "Network" }, "me")).toBe(
    'teamId = "Network" AND (a = 1 OR b = 2)',
  );
});

test("only what the state and the permissions allow is offered", () => {
  const all = () => true;
  expect(verbsOf(incident({ state: "NEW" }), all)).toEqual(["start", "resolve", "assign", "cancel"]);
  expect(verbsOf(incident({ state: "ON_HOLD" }), all)).toEqual(["resume", "resolve", "assign", "cancel"]);
  expect(verbsOf(incident({ state: "RESOLVED" }), all)).toEqual(["reopen", "close"]);
  expect(verbsOf(incident({ state: "CLOSED" }), all)).toEqual([]);
  expect(verbsOf(incident({ state: "NEW" }), (permission) => permission === "incidents.start")).toEqual(["start"]);
});

test("the clock that matters is the one that is due first, and one that waits comes last", () => {
  const response = clock({ kind: "RESPONSE", dueTime: "2026-11-23T12:10:00Z" });
  const resolve = clock({});
  const paused = clock({ kind: "RESPONSE", state: "PAUSED", dueTime: undefined });
  expect(presentClock([resolve, response])).toBe(response);
  expect(presentClock([paused, resolve])).toBe(resolve);
  expect(presentClock([clock({ state: "STOPPED" }), paused])).toBe(paused);
  expect(presentClock([clock({ kind: "NEXT_UPDATE" }), clock({ state: "CANCELLED" })])).toBeUndefined();
});

test.each([
  [clock({}), "still", "clock", "1 h 12 m"],
  [clock({ warnTime: "2026-11-23T11:59:00Z" }), "warn", "clock", "1 h 12 m"],
  [clock({ dueTime: "2026-11-23T11:46:00Z" }), "bad", "late", "−14 m"],
  [clock({ state: "PAUSED", dueTime: undefined, elapsed: "7920s" }), "still", "pause", "paused, 1 h"],
  [clock({ state: "STOPPED" }), "good", "check", "met"],
  [clock({ state: "STOPPED", breached: true }), "bad", "late", "missed"],
] as const)("a clock is told by color, sign and words alike (%#)", (given, tone, icon, text) => {
  expect(read(given, NOW)).toEqual({ tone, icon, text });
});
