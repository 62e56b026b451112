import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Command, commands, listenToKeys, nameOf, register } from "@/app/keys";

let ends: (() => void)[] = [];

beforeEach(() => {
  ends = [listenToKeys()];
});
afterEach(() => {
  for (const end of ends) end();
  document.body.innerHTML = "";
});

function offered(id: string, keys: string[], group = "test"): () => void {
  const run = vi.fn();
  ends.push(register([{ id, label: id, keys, group, run } satisfies Command]));
  return run;
}

function press(key: string, more: KeyboardEventInit = {}, on: Element = document.body) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  on.dispatchEvent(event);
  return event;
}

const plain = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

test.each([
  [{ ...plain, key: "j" }, "j"],
  [{ ...plain, key: "E", shiftKey: true }, "Shift+E"],
  [{ ...plain, key: "k", ctrlKey: true }, "Mod+K"],
  [{ ...plain, key: "k", metaKey: true }, "Mod+K"],
  [{ ...plain, key: "?", shiftKey: true }, "?"],
  [{ ...plain, key: "Enter", ctrlKey: true }, "Mod+Enter"],
  [{ ...plain, key: "Tab", shiftKey: true }, "Shift+Tab"],
])("a key press has one name, %j", (event, name) => {
  expect(nameOf(event)).toBe(name);
});

test("a key runs its command and is used up by it", () => {
  const run = offered("next", ["j", "ArrowDown"]);
  expect(press("j").defaultPrevented).toBe(true);
  press("ArrowDown");
  expect(run).toHaveBeenCalledTimes(2);
  expect(press("q").defaultPrevented).toBe(false);
});

test("two keys one after the other are another command than either", () => {
  const go = offered("go", ["g i"]);
  const insert = offered("insert", ["i"]);
  press("g");
  press("i");
  expect([go, insert].map((each) => vi.mocked(each).mock.calls.length)).toEqual([1, 0]);
  press("i");
  expect(insert).toHaveBeenCalledOnce();
});

test("a sequence that was begun long ago is forgotten", () => {
  vi.useFakeTimers();
  const go = offered("go", ["g i"]);
  press("g");
  vi.advanceTimersByTime(5_000);
  press("i");
  expect(go).not.toHaveBeenCalled();
});

test("who writes is not disturbed, except by keys that write nothing", () => {
  const plainKey = offered("next", ["j"]);
  const palette = offered("palette", ["Mod+K"]);
  document.body.innerHTML = "<textarea></textarea><input type=search /><input type=checkbox />";
  for (const field of document.querySelectorAll("textarea, [type=search]")) press("j", {}, field);
  expect(plainKey).not.toHaveBeenCalled();
  press("k", { ctrlKey: true }, document.querySelector("textarea") as Element);
  expect(palette).toHaveBeenCalledOnce();
  press("j", {}, document.querySelector("[type=checkbox]") as Element);
  expect(plainKey).toHaveBeenCalledOnce();
});

test("a dialog has the keyboard for itself, except for what is meant everywhere", () => {
  const behind = [offered("next", ["j"]), offered("open", ["Mod+Enter"])];
  const palette = vi.fn();
  ends.push(register([{ id: "palette", label: "palette", keys: ["Mod+K"], group: "test", run: palette, everywhere: true }]));
  document.body.innerHTML = "<dialog open><textarea></textarea></dialog>";
  press("j");
  press("Enter", { ctrlKey: true }, document.querySelector("textarea") as Element);
  press("k", { ctrlKey: true });
  expect(behind.map((each) => vi.mocked(each).mock.calls.length)).toEqual([0, 0]);
  expect(palette).toHaveBeenCalledOnce();
});

test("Enter on a link follows the link", () => {
  const run = offered("open", ["Enter"]);
  document.body.innerHTML = "<a href='/x'>x</a>";
  press("Enter", {}, document.querySelector("a") as Element);
  expect(run).not.toHaveBeenCalled();
  press("Enter");
  expect(run).toHaveBeenCalledOnce();
});

test("what was opened last has the key, and gives it back", () => {
  const below = offered("list", ["Escape"]);
  const above = vi.fn();
  const end = register([{ id: "page", label: "page", keys: ["Escape"], group: "test", run: above }]);
  press("Escape");
  end();
  press("Escape");
  expect([above, vi.mocked(below)].map((each) => each.mock.calls.length)).toEqual([1, 1]);
  expect(commands().map(({ id }) => id)).toEqual(["list"]);
});
