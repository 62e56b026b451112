import { createTheme, type MantineColorsTuple } from "@mantine/core";
import { useSyncExternalStore } from "react";

const accent: MantineColorsTuple = [
  "#e6f4f0",
  "#dcefea",
  "#b5ddd3",
  "#86c9bb",
  "#58b1a2",
  "#2f9a8c",
  "#1d7f79",
  "#0f5f5c",
  "#0b4b49",
  "#083836",
];

export const theme = createTheme({
  primaryColor: "accent",
  colors: { accent },
  fontFamily: "var(--font)",
  defaultRadius: "md",
  focusRing: "auto",
  cursorType: "pointer",
});

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
