import { expect, test } from "vitest";
import { following, type Item, paused, promoted, SILENT, spentOn, turned } from "@/features/changes/cab";

const item = (changeId: string, advice: Item["advice"] = "OPEN"): Item => ({ changeId, advice, minutes: "" });
const ids = (items: readonly Item[]) => items.map(({ changeId }) => changeId);

test("time counts for the change that is talked about, and for none while the meeting waits", () => {
  const begun = { ...SILENT, current: "a", since: 1_000 };
  expect(spentOn(begun, "a", 4_000)).toBe(3_000);
  expect(spentOn(begun, "b", 4_000)).toBe(0);
  const waiting = paused(begun, 4_000);
  expect(spentOn(waiting, "a", 9_000)).toBe(3_000);
  const other = turned(begun, "b", 4_000);
  expect([spentOn(other, "a", 9_000), spentOn(other, "b", 9_000)]).toEqual([3_000, 5_000]);
  expect(turned(waiting, "b", 9_000).since).toBeNull();
});

test("the next change is one without a recommendation, from the first again behind the last", () => {
  const items = [item("a"), item("b", "APPROVE"), item("c"), item("d", "REJECT")];
  expect(following(items, "a")).toBe("c");
  expect(following(items, "c")).toBe("a");
  expect(following(items, "")).toBe("a");
  expect(following([item("a", "DEFER"), item("b")], "b")).toBe("");
});

test("a change is brought forward right behind the present one", () => {
  const items = ["a", "b", "c", "d"].map((id) => item(id));
  expect(ids(promoted(items, "d", "a"))).toEqual(["a", "d", "b", "c"]);
  expect(ids(promoted(items, "d", ""))).toEqual(["d", "a", "b", "c"]);
  expect(ids(promoted(items, "x", "a"))).toEqual(["a", "b", "c", "d"]);
});
