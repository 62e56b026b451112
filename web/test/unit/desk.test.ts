import { expect, test } from "vitest";
import type { Schemas } from "@/api/client";
import { approvals } from "@/features/approvals/kind";
import { CHANGES } from "@/features/changes/kind";
import { MAJORS } from "@/features/majors/kind";
import { PROBLEMS } from "@/features/problems/kind";
import { RELEASES } from "@/features/releases/kind";
import { type DeskRecord, type Kind, nested, verbsOf } from "@/records/kind";

const all = () => true;
const ids = <R extends DeskRecord>(kind: Kind<R>, record: object) =>
  verbsOf(kind, record as R, all)
    .map(({ id }) => id)
    .sort();

type Change = Schemas["Change"];

test.each([
  ["NORMAL", "NEW", ["assess", "assign", "cancel"]],
  ["NORMAL", "ASSESS", ["assign", "cancel", "revise", "submit"]],
  ["NORMAL", "AUTHORIZE", ["assign", "cancel", "revise"]],
  ["NORMAL", "SCHEDULED", ["assign", "cancel", "start"]],
  ["NORMAL", "IMPLEMENT", ["assign", "finish"]],
  ["NORMAL", "REVIEW", ["assign", "close"]],
  ["NORMAL", "CLOSED", []],
  ["STANDARD", "NEW", ["assign", "cancel", "schedule"]],
  ["EMERGENCY", "NEW", ["assign", "cancel", "expedite", "submit"]],
  ["EMERGENCY", "AUTHORIZE", ["assign", "cancel", "expedite", "revise"]],
] as const)("a %s change that is %s is offered its own way and no other", (kind, state, offered) => {
  expect(ids(CHANGES, { kind, state, approval: "NOT_ASKED" } as Change)).toEqual(offered);
});

test("a change whose approval was given while something stood against it is scheduled by hand", () => {
  expect(ids(CHANGES, { kind: "NORMAL", state: "AUTHORIZE", approval: "APPROVED" })).toContain("schedule");
});

test("nobody is offered a fix before the cause is known, nor the end of a major incident before its review", () => {
  expect(ids(PROBLEMS, { state: "ANALYSIS", cause: "" })).not.toContain("fix");
  expect(ids(PROBLEMS, { state: "ANALYSIS", cause: "a worn disk" })).toContain("fix");
  expect(ids(MAJORS, { state: "RESOLVED" })).toEqual(["reopen"]);
  expect(ids(MAJORS, { state: "RESOLVED", review: { summary: "It was the disk." } })).toEqual(["close", "reopen"]);
  expect(ids(RELEASES, { state: "TEST" })).toEqual(["cancel", "deploy", "rework"]);
});

test("only those whose vote is wanted are asked for it", () => {
  const waiting = { state: "WAITING", voterIds: ["ann"] };
  expect(ids(approvals("ann"), waiting)).toEqual(["approve", "reject"]);
  expect(ids(approvals("bob"), waiting)).toEqual([]);
  expect(ids(approvals("ann"), { ...waiting, state: "APPROVED" })).toEqual([]);
});

test("a dotted name is a member of a member", () => {
  expect(nested({ title: "x", "questions.tested": true, "questions.impact": "HIGH" })).toEqual({
    title: "x",
    questions: { tested: true, impact: "HIGH" },
  });
});
