import { expect, test } from "vitest";
import { auditFilter } from "@/features/audit/Audit";
import { difference } from "@/features/knowledge/diff";
import { changed, longDuration, shortDuration, worded, yaml } from "@/records/schema/forms";
import { inOrder, type Task } from "@/records/Tasks";

test("durations are read as they are written, and what is none is left for the service to refuse", () => {
  for (const [long, short] of Object.entries({ "900s": "15m", "7200s": "2h", "86400s": "1d", "90s": "90s", "0s": "0s" })) {
    expect(shortDuration(long)).toBe(short);
    expect(longDuration(short)).toBe(long);
  }
  expect(longDuration("soon")).toBe("soon");
});

test("a document has what the command line reads, and words that YAML would take for something else are quoted", () => {
  const windows = [{ weekday: "MONDAY", start: "09:00" }, { weekday: "FRIDAY" }];
  expect(yaml({ resource: "calendars", name: "no", empty: [], many: ["a", "1"], windows }).trimStart()).toBe(
    [
      "resource: calendars",
      'name: "no"',
      "empty: []",
      'many: [a, "1"]',
      "windows:",
      "  - weekday: MONDAY",
      '    start: "09:00"',
      "  - weekday: FRIDAY",
    ].join("\n"),
  );
});

test("only what is other is sent", () => {
  expect(changed({ a: 1, b: [1], c: "x" }, { a: 1, b: [2], c: "x", d: undefined })).toEqual({ b: [2] });
  expect(worded("approvalPolicyId")).toBe("Approval policy");
});

test("a difference of two texts makes the one of the other", () => {
  const [before, after] = ["a\nb\nc\nd", "a\nc\nx\nd\ne"];
  const lines = difference(before, after);
  const side = (other: string) => lines.filter(({ sign }) => sign !== other).map(({ text }) => text);
  expect(side("came").join("\n")).toBe(before);
  expect(side("gone").join("\n")).toBe(after);
  expect(lines.filter(({ sign }) => sign === "same").map(({ text }) => text)).toEqual(["a", "c", "d"]);
});

test("a task comes after what it waits for, even in a circle that cannot be", () => {
  const task = (id: string, dependsOn: string[], createTime: string) => ({ id, dependsOn, createTime, number: id }) as Task;
  const ids = (tasks: Task[]) => inOrder(tasks).map(({ id }) => id);
  expect(ids([task("c", ["b"], "1"), task("b", ["a", "gone"], "2"), task("a", [], "3")])).toEqual(["a", "b", "c"]);
  expect(ids([task("x", ["y"], "1"), task("y", ["x"], "2")])).toEqual(["x", "y"]);
});

test("the log is asked for what the address says, whole days included", () => {
  expect(auditFilter({})).toBe("");
  const start = new Date("2026-11-23T00:00").toISOString();
  const end = new Date(new Date("2026-11-23T00:00").getTime() + 86_400_000).toISOString();
  expect(auditFilter({ actor: 'a"b', from: "2026-11-23", to: "2026-11-23" })).toBe(
    `actor = "a\\"b" AND time >= "${start}" AND time < "${end}"`,
  );
});
