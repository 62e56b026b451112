import { expect, test } from "vitest";
import { byDay, daysOf, type Row, sum } from "@/features/dashboards/figures";
import { scaleTo, segments } from "@/ui/charts/scale";

const row = (group: string, series: string, value: number): Row => ({ group, series, value, count: 0 });

test("a scale begins at zero, ends at or above the most, and has few whole steps", () => {
  for (const most of [1, 2, 3, 4, 7, 12, 99, 100, 101, 999, 12_345]) {
    const { ticks, top } = scaleTo(most);
    expect(ticks[0]).toBe(0);
    expect(ticks.at(-1)).toBe(top);
    expect(top).toBeGreaterThanOrEqual(most);
    expect(top).toBeLessThanOrEqual(Math.max(4, most * 2));
    expect(ticks.length).toBeLessThanOrEqual(6);
  }
});

test("a gap in the values is a gap in the line", () => {
  expect(segments([null, 1, 2, null, null, 3, null])).toEqual([
    [
      [1, 1],
      [2, 2],
    ],
    [[5, 3]],
  ]);
  expect(segments([])).toEqual([]);
});

test("days are counted in UTC, the last one being today", () => {
  expect(daysOf(Date.UTC(2026, 2, 1) / 86_400_000, 3)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]);
});

test("what is parted is not counted beside its whole", () => {
  expect(sum([row("P1", "", 3), row("P1", "NEW", 1), row("P1", "ON_HOLD", 2)])).toBe(3);
  expect(sum([row("P1", "NEW", 1), row("P1", "ON_HOLD", 2)])).toBe(3);
});

test("a day without a row is what the caller says of it", () => {
  const rows = [row("2026-03-01", "opened", 4), row("2026-03-01", "resolved", 1), row("2026-03-02", "opened", 2)];
  expect(byDay(rows, ["2026-02-28", "2026-03-01", "2026-03-02"], "opened", 0)).toEqual([0, 4, 2]);
  expect(byDay(rows, ["2026-02-28", "2026-03-01"], "", null)).toEqual([null, 5]);
});
