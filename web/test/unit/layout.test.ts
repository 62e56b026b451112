import { expect, test } from "vitest";
import { frame, nearest, zoomed } from "@/features/assets/layout";

const ITEMS = [
  { id: "middle", x: 0, y: 0 },
  { id: "right", x: 240, y: 0 },
  { id: "far right, a little up", x: 480, y: -10 },
  { id: "above", x: 0, y: -80 },
  { id: "left below", x: -240, y: 60 },
];
const at = (id: string) => ITEMS.find((item) => item.id === id) as (typeof ITEMS)[number];

test.each([
  ["middle", [1, 0], "right"],
  ["right", [1, 0], "far right, a little up"],
  ["middle", [0, -1], "above"],
  ["middle", [-1, 0], "left below"],
  ["left below", [1, 0], "middle"],
  ["far right, a little up", [1, 0], undefined],
  ["above", [0, -1], undefined],
] as const)("from %s the arrow %j leads to %s", (from, towards, to) => {
  expect(nearest(ITEMS, at(from), towards)?.id).toBe(to);
});

test("every item can be reached from every other by arrows", () => {
  const directions = [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const;
  for (const start of ITEMS) {
    const seen = new Set([start.id]);
    const open = [start];
    for (let item = open.pop(); item !== undefined; item = open.pop()) {
      for (const direction of directions) {
        const next = nearest(ITEMS, item, direction);
        if (next !== undefined && !seen.has(next.id)) {
          seen.add(next.id);
          open.push(next);
        }
      }
    }
    expect(seen.size).toBe(ITEMS.length);
  }
});

test("the whole view holds each item and does not blow up few of them", () => {
  const view = frame(ITEMS, 168, 46);
  for (const { x, y } of ITEMS) {
    expect(x - 84).toBeGreaterThan(view.x);
    expect(x + 84).toBeLessThan(view.x + view.width);
    expect(y - 23).toBeGreaterThan(view.y);
    expect(y + 23).toBeLessThan(view.y + view.height);
  }
  expect(frame([{ x: 0, y: 0 }], 168, 46).width).toBeGreaterThanOrEqual(720);
});

test("what lies under the pointer stays there when one comes closer", () => {
  const view = { x: -100, y: -50, width: 800, height: 400 };
  const around = { x: 0.25, y: 0.75 };
  const next = zoomed(view, 0.5, around);
  expect(next.width / next.height).toBeCloseTo(2);
  expect(next.x + next.width * around.x).toBeCloseTo(view.x + view.width * around.x);
  expect(next.y + next.height * around.y).toBeCloseTo(view.y + view.height * around.y);
  expect(zoomed(view, 0.0001).width).toBe(200);
});
