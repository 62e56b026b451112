import { expect, test } from "vitest";
import { t } from "@/i18n";

const say = t as unknown as (key: string, given?: Record<string, unknown>) => string;

test("a text has what is put into it, and nothing where nothing is said", () => {
  expect(t("time.hours", { h: 1, m: 12 })).toBe("1 h 12 m");
  expect(say("time.hours", { h: 1 })).toBe("1 h  m");
  expect(t("portal.order.thanks", { number: "{{number}} <b>" })).toContain("{{number}} <b> is with us");
});

test("what is counted is said as the language counts", () => {
  expect(t("portal.home.approvals", { count: 1 })).toBe("1 request waits for your decision");
  expect(t("portal.home.approvals", { count: 0 })).toBe("0 requests wait for your decision");
  expect(t("portal.home.approvals", { count: 21 })).toBe("21 requests wait for your decision");
});

test("what has no words is what was said instead, or its name", () => {
  expect(say("no.such.words")).toBe("no.such.words");
  expect(say("no.such.words", { defaultValue: "" })).toBe("");
  expect(say("no.such.words", { defaultValue: "a {{b}}", b: "c" })).toBe("a c");
  expect(say("portal.home"), "a branch is no text").toBe("portal.home");
  expect(say("constructor")).toBe("constructor");
});
