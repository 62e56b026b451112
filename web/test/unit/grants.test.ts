import { expect, test } from "vitest";
import { grouped, matching } from "@/features/admin/grants";

const ALL = ["auditEntries.get", "auditEntries.list", "incidents.list"];
const worded = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

test("permissions stand together by what they are about", () => {
  expect([...grouped(ALL)]).toEqual([
    ["auditEntries", ["auditEntries.get", "auditEntries.list"]],
    ["incidents", ["incidents.list"]],
  ]);
});

test("a permission is found by its own name and by the words that people read", () => {
  expect(matching(ALL, "audit list", worded)).toEqual(["auditEntries.list"]);
  expect(matching(ALL, "audit entries get", worded)).toEqual(["auditEntries.get"]);
  expect(matching(ALL, "incidents.l", worded)).toEqual(["incidents.list"]);
  expect(matching(ALL, "  ", worded)).toEqual(ALL);
  expect(matching(ALL, "nothing", worded)).toEqual([]);
});
