import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LANGUAGES } from "@/i18n";

const SOURCE = join(import.meta.dirname, "../../src");
const WORDS = join(SOURCE, "i18n");
/** Rooms whose words are in an area of another name. */
const AREAS: Record<string, string> = { dashboards: "insight", search: "insight", audit: "admin" };
const DESK = ["problems", "changes", "releases", "majors", "requests", "tasks", "approvals", "catalog"];

type Words = { [key: string]: string | Words };
const read = (language: string, area: string) =>
  JSON.parse(readFileSync(join(WORDS, language, `${area}.json`), "utf8")) as Words;
const areas = readdirSync(join(WORDS, "en")).map((name) => name.replace(".json", ""));

function leaves(words: Words, path = ""): string[] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string" ? [path + key] : leaves(value, `${path}${key}.`),
  );
}

/** Languages have other plurals: the key without them is what must be there everywhere. */
const single = (key: string) => key.replace(/_(zero|one|two|few|many|other)$/, "");
const placeholders = (text: string) => [...text.matchAll(/{{(\w+)/g)].map(([, name]) => name).sort();

/** Parts of the kit that only rooms of one area show. */
const PARTS: Record<string, string> = { "records/Approval.tsx": "desk", "records/Stages.tsx": "desk" };

function areaOf(path: string): string[] {
  const part = PARTS[path];
  if (part !== undefined) return ["core", part];
  const [top, room = ""] = path.split("/");
  if (top === "portal" || top === "oncall") return ["core", top];
  if (top !== "features") return ["core"];
  return ["core", DESK.includes(room) ? "desk" : (AREAS[room] ?? room)];
}

describe("languages", () => {
  test("an area has no word of another", () => {
    const seen = new Map<string, string>();
    for (const area of areas) {
      for (const key of leaves(read("en", area))) {
        expect(seen.get(key), `${key} is in ${area}, too`).toBeUndefined();
        seen.set(key, area);
      }
    }
  });

  test("what a room says is in its own area or in the core", () => {
    const missing: string[] = [];
    for (const file of readdirSync(SOURCE, { recursive: true, encoding: "utf8" })) {
      if (!/\.tsx?$/.test(file) || file.endsWith("schema.d.ts")) continue;
      const own = areaOf(file).filter((area) => areas.includes(area));
      const known = new Set(own.flatMap((area) => Object.keys(read("en", area))));
      for (const [, key] of readFileSync(join(SOURCE, file), "utf8").matchAll(/\bt\([`"](\w+)\./g)) {
        if (key !== undefined && !known.has(key)) missing.push(`${file}: ${key}`);
      }
    }
    expect(missing).toEqual([]);
  });

  test.each(Object.keys(LANGUAGES).filter((language) => language !== "en"))(
    "%s says everything that English says",
    (language) => {
      for (const area of areas) {
        const [english, other] = [leaves(read("en", area)), leaves(read(language, area))];
        expect(new Set(other.map(single)), area).toEqual(new Set(english.map(single)));
      }
    },
  );

  test.each(Object.keys(LANGUAGES).filter((language) => language !== "en"))("%s fills in what English fills in", (language) => {
    const flat = (words: Words, path = ""): [string, string][] =>
      Object.entries(words).flatMap(([key, value]) =>
        typeof value === "string" ? [[path + key, value] as [string, string]] : flat(value, `${path}${key}.`),
      );
    for (const area of areas) {
      const english = new Map<string, Set<string | undefined>>();
      for (const [key, text] of flat(read("en", area))) {
        const known = english.get(single(key)) ?? new Set();
        // What is counted may be told in each form.
        english.set(single(key), new Set([...known, ...placeholders(text), ...(key === single(key) ? [] : ["count"])]));
      }
      for (const [key, text] of flat(read(language, area))) {
        for (const name of placeholders(text)) expect([...(english.get(single(key)) ?? [])], `${area}: ${key}`).toContain(name);
      }
    }
  });
});
