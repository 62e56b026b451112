import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { type Calendar, daysOf, moved, onDay, placed, spansOf } from "@/features/changes/calendar";

type Change = Schemas["Change"];

const DAY = new Date(2026, 10, 24);
const at = (hour: number, day = 24) => new Date(2026, 10, day, hour).toISOString();
const change = (id: string, from: number, to: number, part: Partial<Change> = {}) =>
  ({
    id,
    number: id.toUpperCase(),
    title: id,
    state: "SCHEDULED",
    assetIds: [],
    implementerId: "",
    startTime: at(from),
    endTime: at(to),
    ...part,
  }) as unknown as Change;
const calendar = (changes: Change[], blackouts: Calendar["blackouts"] = []): Calendar => ({
  changes,
  releases: [],
  blackouts,
  cut: false,
});

test("the same asset or the same hands at the same time collide, what touches end to end does not", () => {
  const spans = spansOf(
    calendar([
      change("a", 8, 10, { assetIds: ["x"] }),
      change("b", 9, 11, { assetIds: ["x"], implementerId: "bob" }),
      change("c", 10, 12, { assetIds: ["x"], implementerId: "bob" }),
      change("d", 8, 12, { assetIds: ["x"], state: "CANCELLED" }),
      change("e", 8, 12),
    ]),
  );
  const collides = Object.fromEntries(spans.map((span) => [span.id, [...span.collides]]));
  expect(collides).toEqual({ a: ["B"], b: ["A", "C"], c: ["B"], d: [], e: [] });
});

test("a change inside a blackout says so, one that is over does not", () => {
  const blackout = { blackoutId: "q", title: "Sales", startTime: at(9), endTime: at(12) };
  const spans = spansOf(
    calendar([change("a", 8, 10), change("b", 8, 10, { state: "CLOSED" }), change("c", 12, 13)], [blackout]),
  );
  const inside = Object.fromEntries(spans.map((span) => [span.id, [...span.blackouts]]));
  expect(inside).toMatchObject({ a: ["Sales"], b: [], c: [] });
});

test("what overlaps stands side by side, what comes later has the whole width again", () => {
  const spans = spansOf(calendar([change("a", 8, 10), change("b", 9, 11), change("c", 10, 12), change("d", 13, 14)]));
  const lanes = placed(spans, DAY).map(({ span, lane, lanes }) => [span.id, lane, lanes]);
  expect(lanes).toEqual([
    ["a", 0, 2],
    ["b", 1, 2],
    ["c", 0, 2],
    ["d", 0, 1],
  ]);
});

test("what lasts over midnight is in both days, cut at their edges", () => {
  const [span] = spansOf(calendar([change("a", 22, 24 + 2)]));
  const next = new Date(2026, 10, 25);
  expect(onDay([span as NonNullable<typeof span>], next)).toHaveLength(1);
  const [first] = placed([span as NonNullable<typeof span>], DAY);
  expect([first?.from, first?.to]).toEqual([22 / 24, 1]);
  const [second] = placed([span as NonNullable<typeof span>], next);
  expect([second?.from, second?.to]).toEqual([0, 2 / 24]);
});

test("weeks begin on Monday, months are shown in whole weeks", () => {
  const week = daysOf("week", new Date(2026, 10, 29, 15));
  expect([week[0]?.getDate(), week[6]?.getDate(), week.length]).toEqual([23, 29, 7]);
  const month = daysOf("month", new Date(2026, 10, 10));
  expect([month.length, month[0]?.getDate(), month.at(-1)?.getDate()]).toEqual([42, 26, 6]);
  expect(moved("month", new Date(2026, 0, 31), 1).getMonth()).toBe(1);
  expect(moved("week", new Date(2026, 10, 24), -1).getDate()).toBe(17);
});
