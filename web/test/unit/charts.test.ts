import { expect, test } from "vitest";
import { arcs, scaleTo, segments } from "@/ui/charts/scale";

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

test("parts of a whole begin where the one before ends", () => {
  expect(arcs([1, 1, 2])).toEqual([
    { start: 0, share: 0.25 },
    { start: 0.25, share: 0.25 },
    { start: 0.5, share: 0.5 },
  ]);
  expect(arcs([0, 0]).every(({ share }) => share === 0)).toBe(true);
});
