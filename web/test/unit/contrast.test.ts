import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const TEXT = readFileSync("src/styles/tokens.css", "utf8");
const ENOUGH = 4.5; // WCAG 2.2, 1.4.3, for text of normal size

function tokens(selector: string): Map<string, string> {
  const start = TEXT.indexOf(`${selector} {`);
  const block = TEXT.slice(start, TEXT.indexOf("}", start));
  return new Map([...block.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6});/g)].map(([, name = "", value = ""]) => [name, value]));
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const part = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const THEMES = [
  ["light", tokens(":root")],
  ["dark", tokens('[data-mantine-color-scheme="dark"]')],
] as const;
const GROUNDS = ["bg", "surface", "sunken", "raised"];
const TONES = ["bad", "hot", "warn", "calm", "good", "still"];

test.each(THEMES)("every text can be read on every ground it stands on, %s", (_, colors) => {
  const pairs: [string, string][] = [
    ...["ink", "ink-2", "ink-3", "accent-ink"].flatMap((ink) => GROUNDS.map((ground): [string, string] => [ink, ground])),
    ...TONES.map((tone): [string, string] => [tone, `${tone}-soft`]),
    ...["ink", "ink-2", "ink-3", "accent-ink"].map((ink): [string, string] => [ink, "accent-soft"]),
    ...["ink", "ink-2"].map((ink): [string, string] => [ink, "still-soft"]),
    ["ink-3", "calm-soft"],
    ["ink", "bad-soft"],
    ["ink-2", "bad-soft"],
    ["on-accent", "accent"],
    ["on-accent", "accent-hover"],
  ];
  const weak = pairs
    .map(([front, back]) => ({ front, back, ratio: contrast(colors.get(front) ?? "", colors.get(back) ?? "") }))
    .filter(({ ratio }) => !(ratio >= ENOUGH));
  expect(weak).toEqual([]);
});
