import { useSyncExternalStore } from "react";

export type Scheme = "auto" | "light" | "dark";

const KEY = "itsm-scheme";
const SCHEMES: readonly Scheme[] = ["auto", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const hearers = new Set<() => void>();

/** What the person chose; `auto` follows the system. */
export function scheme(): Scheme {
  const kept = localStorage.getItem(KEY);
  return SCHEMES.find((each) => each === kept) ?? "auto";
}

function shown(): "light" | "dark" {
  const chosen = scheme();
  return chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
}

/** Puts the colors on the page. Runs before the first rendering, so that nothing flashes. */
export function applyScheme() {
  document.documentElement.dataset.mantineColorScheme = shown();
  for (const hearer of hearers) hearer();
}

export function choose(next: Scheme) {
  localStorage.setItem(KEY, next);
  applyScheme();
}

export const nextScheme = () => SCHEMES[(SCHEMES.indexOf(scheme()) + 1) % SCHEMES.length] as Scheme;

dark.addEventListener("change", applyScheme);

export const useScheme = () =>
  useSyncExternalStore((hearer) => {
    hearers.add(hearer);
    return () => hearers.delete(hearer);
  }, scheme);

export const useShownScheme = () =>
  useSyncExternalStore((hearer) => {
    hearers.add(hearer);
    return () => hearers.delete(hearer);
  }, shown);
