import type { ReactNode } from "react";
import type { IconName } from "@/ui/Icon";
import type { Picked } from "@/ui/Pick";

/** What every record has that people work on. */
export interface DeskRecord {
  id: string;
  etag: string;
  state: string;
  number?: string;
  title?: string;
  createTime?: string;
  updateTime?: string;
}

export type Value = string | number | boolean | string[];
export type Values = Record<string, Value | undefined>;

export interface Option {
  value: string;
  label: string;
  title?: string;
}

/** One thing that a form asks for. */
export interface Field {
  /** As in the body of the request; `questions.tested` is a member of a member. */
  name: string;
  label: string;
  /** `lines` are a text each; `assets`, `people` and `records` are found by typing. */
  kind:
    | "text"
    | "area"
    | "choice"
    | "team"
    | "person"
    | "people"
    | "assets"
    | "record"
    | "time"
    | "number"
    | "toggle"
    | "lines";
  required?: boolean;
  options?: readonly Option[];
  /** What a typed text finds, for a record. */
  find?: (text: string) => Promise<readonly Picked[]>;
  initial?: Value;
  hint?: string;
  /** Whether it is asked for, by what else was said. */
  when?: (values: Values) => boolean;
}

/** Something that is done with a record by a command of its own: `POST /api/v1/{resources}/{id}:{id of the verb}`. */
export interface Verb<R> {
  id: string;
  label: string;
  /** The states that it is done from, or a condition of the record. */
  from: readonly string[] | ((record: R) => boolean);
  key?: string;
  /** What it asks for first; without any it is done at once. */
  fields?: (records: readonly R[], me: string) => readonly Field[];
  /** What else is said with it. */
  extra?: (record: R) => Values;
  /** How it is said that it was done. */
  done?: (count: number, number: string) => string;
  /** What takes it back: the verb and its words; null where nothing does. */
  undo?: (before: R) => { verb: string; values: Values } | null;
  /** How it is called in permissions, where that is another name. */
  permission?: string;
  /** How it is called in addresses, where several verbs are one command with other words. */
  command?: string;
  /** Whether it ends what others work on. */
  danger?: boolean;
}

/** A part of a list that has a name. */
export interface View {
  value: string;
  label: string;
  filter: (me: string) => string;
}

export interface Column<R> {
  title: string;
  width: string;
  /** Gives way beside the preview and on narrow screens. */
  minor?: boolean;
  cell: (record: R) => ReactNode;
  /** The field that is changed right here, by a choice. */
  edit?: Field;
}

/** Something that a list is narrowed by, with a few known values. */
export interface Narrowing {
  name: string;
  label: string;
  options: readonly Option[];
}

export interface Sort {
  value: string;
  label: string;
  orderBy: string;
}

/** A further part of a record's page, under its own address. */
export interface Tab<R> {
  value: string;
  label: string;
  /** Who may not do this is not led there. */
  permission?: string;
  show: (record: R) => ReactNode;
}

/** Everything that lists and pages have to know of a kind of record. */
export interface Kind<R extends DeskRecord> {
  /** Plural, as in addresses. */
  resources: string;
  /** Many and one of them, in the person's words. */
  many: string;
  one: string;
  icon: IconName;
  /** The filter that a typed text stands for. */
  find?: (text: string) => string;
  views: readonly View[];
  sorts?: readonly Sort[];
  narrowings?: readonly Narrowing[];
  columns: readonly Column<R>[];
  verbs: readonly Verb<R>[];
  /** Verbs that are offered for many at once. */
  bulk?: readonly string[];
  /** Chips beside the number. */
  chips: (record: R) => ReactNode;
  stateText: (state: string) => string;
  /** Title and content of each fact; what is null is not shown. */
  facts: (record: R) => readonly (readonly [string, ReactNode])[];
  /** Cards of the page: beside the description and the timeline, and in the narrow column. */
  main?: (record: R) => ReactNode;
  side?: (record: R) => ReactNode;
  /** Beside the verbs of the page. */
  actions?: (record: R) => ReactNode;
  tabs?: readonly Tab<R>[];
  /** What a new one is asked for. */
  create?: (me: string) => readonly Field[];
  /** What may be changed, on the page. */
  edit?: readonly Field[];
  /** What an event of its timeline says; null where the kit's words will do. */
  happened?: (event: string) => string | null;
  noteable?: boolean;
  history?: boolean;
  /** Beside the heading of the list. */
  tools?: () => ReactNode;
}

export const nameOf = (record: DeskRecord) => record.number || record.id;
export const titleOf = (record: DeskRecord) => record.title ?? "";

/** What a form was told, as the body of a request: `a.b` is the member `b` of `a`. */
export function nested(values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const [first = name, ...rest] = name.split(".");
    if (rest.length === 0) body[first] = value;
    else body[first] = { ...(body[first] as object), ...nested({ [rest.join(".")]: value }) };
  }
  return body;
}

export const ableTo = <R extends DeskRecord>(verb: Verb<R>, record: R) =>
  typeof verb.from === "function" ? verb.from(record) : verb.from.includes(record.state);

/** How many verbs stand where they are seen at once. */
const SHOWN = 3;

/** The verbs that are offered at once, and those behind a menu: what ends others' work is never a slip away. */
export function offered<R extends DeskRecord>(
  verbs: readonly Verb<R>[],
): { first: readonly Verb<R>[]; rest: readonly Verb<R>[] } {
  const first = verbs.filter(({ danger }) => !danger).slice(0, SHOWN);
  return { first, rest: verbs.filter((verb) => !first.includes(verb)) };
}

/** What can be done with a record now, most wanted first. */
export const verbsOf = <R extends DeskRecord>(kind: Kind<R>, record: R, can: (permission: string) => boolean) =>
  kind.verbs.filter((verb) => ableTo(verb, record) && can(`${kind.resources}.${verb.permission ?? verb.id}`));
