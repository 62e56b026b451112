import { useQuery } from "@tanstack/react-query";

/** How a value is asked for; made at build time from the gateway's description of itself (`scripts/forms.mjs`). */
export interface Shape {
  t: "text" | "int" | "number" | "bool" | "enum" | "object" | "array" | "map" | "time" | "duration" | "ref" | "json";
  /** Choices of an enum. */
  e?: readonly string[];
  /** The type of an object; the resource that a reference names. */
  o?: string;
  /** What an array holds. */
  a?: Shape;
}

/** A member of a record, as it is asked for. */
export interface Asked extends Shape {
  n: string;
  /** What it means. */
  d?: string;
  /** Whether it must be said. */
  r?: 1;
  /** Whether it is taken and never shown. */
  w?: 1;
}

export interface Command {
  id: string;
  d: string;
  /** The permission that it needs. */
  p: string;
  f: readonly Asked[];
}

/** A kind of record as the interface describes it. */
export interface Form {
  d: string;
  listP: string;
  create?: readonly Asked[];
  createP?: string;
  /** Names of what may be changed later. */
  update?: readonly string[];
  updateP?: string;
  removeP?: string;
  states?: readonly string[];
  facts: readonly Asked[];
  verbs: readonly Command[];
}

export interface Forms {
  kinds: Readonly<Record<string, Form>>;
  types: Readonly<Record<string, readonly Asked[]>>;
}

/** The descriptions of everything that is configured; fetched once, when somebody configures something. */
export const useForms = () =>
  useQuery({
    queryKey: ["forms"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await import("../../../.build/forms.json")).default as unknown as Forms,
  });

export type Content = Record<string, unknown>;

/** `reviewTime` as people read it. */
export function worded(name: string): string {
  const text = name
    .replace(/(?<=[a-z])Ids?$/, "")
    .replaceAll("_", " ")
    .replace(/([a-z\d])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `BUSINESS_MINUTES` as people read it. */
export const spoken = (value: string) => worded(value.toLowerCase());

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** `900s` as a person writes it: `15m`. */
export function shortDuration(written: unknown): string {
  const text = String(written ?? "");
  const amount = Number(text.replace(/s$/, ""));
  if (text === "" || Number.isNaN(amount)) return text;
  for (const unit of ["w", "d", "h", "m"]) {
    const length = UNITS[unit] as number;
    if (amount !== 0 && amount % length === 0) return `${amount / length}${unit}`;
  }
  return `${amount}s`;
}

/** What a person wrote for a duration as JSON has it; as it was written where it is none, so that the service says so. */
export function longDuration(written: string): string {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*$/.exec(written) ?? [];
  return amount === undefined ? written : `${Number(amount) * (UNITS[unit as string] as number)}s`;
}

/** What it says where nothing is said, as far as its help tells. */
export const usually = ({ d = "" }: Asked) => /true (when|where)/.test(d);

/** A record's content as its form has it: what may be written, and nothing that says nothing. */
export function contentOf(form: Form, record: Content): Content {
  return Object.fromEntries(
    (form.create ?? []).filter(({ n, w }) => w === undefined && record[n] !== undefined).map(({ n }) => [n, record[n]]),
  );
}

/** Members that are other than before. */
export function changed(before: Content, after: Content): Content {
  const differs = ([name, value]: [string, unknown]) => JSON.stringify(before[name] ?? null) !== JSON.stringify(value ?? null);
  return Object.fromEntries(Object.entries(after).filter(differs));
}

const PLAIN = /^[A-Za-z_][\w ./-]*$/;
const WORDS = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n"]);

const scalar = (value: unknown) =>
  typeof value === "string" && PLAIN.test(value) && !WORDS.has(value.toLowerCase()) && !value.endsWith(" ")
    ? value
    : JSON.stringify(value);

/** YAML of a value, as `itsm admin apply` reads it. */
export function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    if (value.every((each) => typeof each !== "object")) return ` [${value.map(scalar).join(", ")}]`;
    return value.map((each) => `\n${indent}-${yaml(each, `${indent}  `).replace(/^\n\s*/, " ")}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, each]) => each !== undefined);
    if (members.length === 0) return " {}";
    return members.map(([name, each]) => `\n${indent}${scalar(name)}:${yaml(each, `${indent}  `)}`).join("");
  }
  return ` ${scalar(value ?? null)}`;
}
