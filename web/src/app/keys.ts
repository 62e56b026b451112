import { useLayoutEffect, useRef } from "react";

/** Something a person can do here, by key, from the palette, or both. The one source of handlers, help and palette. */
export interface Command {
  id: string;
  /** What it does, in the person's words. */
  label: string;
  /** `j`, `Shift+E`, `Mod+K`, `g i` for one after the other; several are equal. */
  keys?: readonly string[];
  group: string;
  run: () => void;
  /** Off for what only makes sense by key, such as moving a cursor. */
  palette?: boolean;
  /** Can be done over a dialog, too. */
  everywhere?: boolean;
}

const SEQUENCE_MS = 1_200;
const registered = new Map<symbol, readonly Command[]>();
const hearers = new Set<() => void>();
let snapshot: readonly Command[] = [];
let begun = "";
let begunAt = 0;

/** What can be done now; later registrations, which belong to what was opened last, come first. */
export const commands = () => snapshot;

export function onCommands(hearer: () => void) {
  hearers.add(hearer);
  return () => hearers.delete(hearer);
}

function changed() {
  const byId = new Map<string, Command>();
  for (const list of [...registered.values()].reverse()) {
    for (const command of list) if (!byId.has(command.id)) byId.set(command.id, command);
  }
  snapshot = [...byId.values()];
  for (const hearer of hearers) hearer();
}

/** Registers commands. Returns what takes them back. */
export function register(list: readonly Command[]): () => void {
  const key = Symbol("commands");
  registered.set(key, list);
  changed();
  return () => {
    registered.delete(key);
    changed();
  };
}

/** A key press as the registry writes it. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Mod");
  if (event.altKey) parts.push("Alt");
  // For signs such as `?` the shift key is a matter of the keyboard's layout.
  if (event.shiftKey && (letter || event.key.length > 1)) parts.push("Shift");
  parts.push(letter ? (event.shiftKey || parts.length > 0 ? event.key.toUpperCase() : event.key) : event.key);
  return parts.join("+");
}

const writing = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    isTextInput(target));

const isTextInput = (target: HTMLElement) =>
  target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range"].includes(target.type);

function pressed(event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing || (event.repeat && event.key === "Enter")) return;
  const name = nameOf(event);
  if (writing(event.target) && !name.startsWith("Mod+")) return;
  // A dialog has the keyboard for itself.
  const dialog = document.querySelector("dialog[open]") !== null;
  const able = dialog ? snapshot.filter(({ everywhere }) => everywhere) : snapshot;
  // A focused button or link answers to these by itself.
  if ((name === "Enter" || name === " ") && event.target instanceof HTMLElement && event.target.closest("a, button")) return;
  const sequence = performance.now() - begunAt < SEQUENCE_MS && begun !== "" ? `${begun} ${name}` : name;
  const found =
    able.find(({ keys }) => keys?.includes(sequence)) ??
    (sequence === name ? undefined : able.find(({ keys }) => keys?.includes(name)));
  begun = "";
  if (found !== undefined) {
    event.preventDefault();
    found.run();
  } else if (able.some(({ keys }) => keys?.some((each) => each.startsWith(`${name} `)))) {
    begun = name;
    begunAt = performance.now();
  }
}

/** Starts to listen. Returns what ends it. */
export function listenToKeys() {
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Registers commands while a component is there; `list` may be another in each rendering. */
export function useCommands(list: readonly Command[]) {
  const latest = useRef(list);
  latest.current = list;
  const signature = list.map(({ id, label, keys }) => `${id} ${label} ${keys?.join()}`).join("\n");
  // With the rendering, not after it: a key that is shown works.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the signature stands for the list; handlers are read when they run
  useLayoutEffect(
    () =>
      register(
        latest.current.map((command) => ({ ...command, run: () => latest.current.find(({ id }) => id === command.id)?.run() })),
      ),
    [signature],
  );
}
