/** A part of a form: JSON Schema as the catalog takes it. */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  then?: Schema;
  else?: Schema;
  allOf?: readonly Schema[];
  dependentSchemas?: Record<string, Schema>;
}

export type Answers = Record<string, unknown>;

/**
 * How each field is drawn, wherever in the form it is said. Which of them are asked for, and what is wrong, says the service
 * alone: a condition that two programs read is read differently one day.
 */
export function drawn(form: Schema, found: Map<string, Schema> = new Map()): Map<string, Schema> {
  for (const [name, schema] of Object.entries(form.properties ?? {})) found.set(name, { ...schema, ...found.get(name) });
  const parts = [form.then, form.else, ...(form.allOf ?? []), ...Object.values(form.dependentSchemas ?? {})];
  for (const part of parts) if (part) drawn(part, found);
  return found;
}

/** Answers to what is asked for, and no others: what was answered before a condition changed is kept, but not sent. */
export const restricted = (answers: Answers, names: readonly string[] | undefined): Answers =>
  Object.fromEntries(Object.entries(answers).filter(([name]) => names === undefined || names.includes(name)));

/** What a form says by itself before anybody answers. */
export const defaults = (form: Schema): Answers =>
  Object.fromEntries(
    [...drawn(form)].filter(([, schema]) => schema.default !== undefined).map(([name, schema]) => [name, schema.default]),
  );

/** `memoryGiB` as a person would write it, where a form gives no title. */
export const worded = (name: string) => {
  const text = name
    .replaceAll("_", " ")
    .replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** An answer as a person reads it. */
export function shownAnswer(answer: unknown, yes: string, no: string): string {
  if (typeof answer === "boolean") return answer ? yes : no;
  return Array.isArray(answer) ? answer.join(", ") : String(answer);
}
