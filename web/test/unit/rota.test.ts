import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { contentOf as policyOf } from "@/features/oncall/PolicyForm";
import { contentOf as scheduleOf } from "@/features/oncall/ScheduleForm";
import { ahead, gaps, newLayer, place, span } from "@/features/oncall/weeks";

const HOUR = 3_600_000;
const iso = (hours: number) => new Date(hours * HOUR).toISOString();
const shift = (from: number, to: number) => ({ startTime: iso(from), endTime: iso(to) }) as Schemas["Shift"];
const whole = { start: 0, end: 100 * HOUR };
const hours = (shifts: Schemas["Shift"][]) => gaps(shifts, whole).map(({ start, end }) => [start / HOUR, end / HOUR]);

test("nobody is on call before, between and after shifts, and nowhere else", () => {
  expect(hours([shift(10, 20), shift(20, 50), shift(60, 90)])).toEqual([
    [0, 10],
    [50, 60],
    [90, 100],
  ]);
  expect(hours([])).toEqual([[0, 100]]);
  expect(hours([shift(0, 100)])).toEqual([]);
  expect(hours([shift(-10, 30), shift(30, 200)])).toEqual([]);
});

test("an override of a time that has begun begins with the next minute, and one that comes with its own", () => {
  const now = 10 * HOUR + 20_500;
  expect(ahead({ start: 0, end: 20 * HOUR }, now)).toEqual({ start: 10 * HOUR + 60_000, end: 20 * HOUR });
  expect(ahead({ start: 30 * HOUR, end: 40 * HOUR }, now)).toEqual({ start: 30 * HOUR, end: 40 * HOUR });
});

test("what lies outside of the two weeks stands at their edge", () => {
  const { start, end } = span();
  expect([place(start - 1, { start, end }), place((start + end) / 2, { start, end }), place(end + 1, { start, end })]).toEqual([
    0, 50, 100,
  ]);
});

test("a new layer begins on the Monday of the present week, on Sundays too", () => {
  expect(newLayer(new Date(2026, 10, 29)).start).toBe("2026-11-23T09:00");
  expect(newLayer(new Date(2026, 10, 23)).start).toBe("2026-11-23T09:00");
  expect(newLayer(new Date(2026, 0, 1)).start).toBe("2025-12-29T09:00");
});

test("what is written of a record is what may be changed of it, and a new one has a first layer and a first step", () => {
  expect(Object.keys(scheduleOf({ id: "ocs_1", etag: "3", overrides: [], name: "x" }))).not.toContain("overrides");
  expect(scheduleOf({})).toMatchObject({ name: "", layers: [{ userIds: [], unit: "WEEKS", length: 1 }] });
  expect(policyOf({})).toMatchObject({ severity: "ERROR", enabled: true, steps: [{ wait: "300s" }] });
  expect(policyOf({ enabled: false, repeatCount: 0 })).toMatchObject({ enabled: false, repeatCount: 0 });
});
