import { expect, test } from "vitest";
import { ago, lasting, seconds } from "@/ui/time";

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 m"],
  [3_599_999, "59 m"],
  [4_320_000, "1 h 12 m"],
  [90_000_000, "1 d 1 h"],
  [-840_000, "14 m"],
])("%i ms are %s", (given, text) => {
  expect(lasting(given)).toBe(text);
});

test("how long ago becomes coarser with time, and never lies in the future", () => {
  const then = "2026-11-23T12:00:00Z";
  const after = (milliseconds: number) => ago(then, Date.parse(then) + milliseconds);
  expect([after(-5_000), after(30_000), after(120_000), after(7_200_000), after(3 * 86_400_000)]).toEqual([
    "just now",
    "just now",
    "2 m",
    "2 h",
    "3 d",
  ]);
  expect(after(40 * 86_400_000)).toContain("2026");
});

test("durations are read as JSON writes them", () => {
  expect([seconds("900s"), seconds("1.5s"), seconds(undefined)]).toEqual([900, 1.5, 0]);
});
