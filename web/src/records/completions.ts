import { useQuery } from "@tanstack/react-query";
import { api, ask, body, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { findPeople } from "./FieldControl";

/** What is typed after one of the signs that insert something, up to the caret. */
export interface Word {
  sign: "::" | "??" | "@@";
  text: string;
  start: number;
  end: number;
}

export interface Completion {
  id: string;
  label: string;
  hint?: string;
  /** What is inserted in its place. */
  text: () => Promise<string>;
}

const SHOWN = 6;
const SIGNED = /(?:^|\s)(::|\?\?|@@)([^\s:?@][^\n:?@]{0,40})?$/;

/** The word at the caret that asks for something to be inserted; null where there is none. */
export function wordAt(text: string, caret: number): Word | null {
  const found = SIGNED.exec(text.slice(0, caret));
  if (found === null) return null;
  const [, sign, typed = ""] = found;
  return { sign: sign as Word["sign"], text: typed, start: caret - typed.length - 2, end: caret };
}

/** The text with the inserted words in the place of what was typed, and where the caret stands then. */
export function completed(text: string, word: Word, inserted: string): { text: string; caret: number } {
  const before = text.slice(0, word.start) + inserted;
  const after = text.slice(word.end);
  return { text: before + (after.startsWith(" ") || after === "" ? after : ` ${after}`), caret: before.length };
}

/** Canned replies after `::`, articles after `??`, people after `@@`. */
export function useCompletions(word: Word | null, resources: string, id: string): readonly Completion[] {
  const { can } = useSession();
  const { data } = useQuery({
    queryKey: ["completions", resources, id, word?.sign, word?.text],
    enabled: word !== null,
    queryFn: async (): Promise<Completion[]> => {
      if (word?.sign === "::") return can("cannedReplies.list") ? replies(word.text, resources, id) : [];
      if (word?.sign === "??") return can("articles.list") ? articles(word.text) : [];
      const people = await findPeople(word?.text ?? "");
      return people.slice(0, SHOWN).map(({ value, label, hint }) => ({
        id: value,
        label,
        hint,
        text: async () => `@${hint ?? label} `,
      }));
    },
  });
  return word === null ? [] : (data ?? []);
}

async function replies(text: string, resources: string, id: string): Promise<Completion[]> {
  const filter = text ? `name:${quoted(text)}` : "";
  const { cannedReplies } = await body(api.GET("/api/v1/cannedReplies", { params: { query: { filter, pageSize: SHOWN } } }));
  return cannedReplies.map((reply) => ({
    id: reply.id,
    label: reply.name,
    hint: reply.text,
    text: async () => {
      if (resources !== "incidents") return reply.text;
      const query = { incidentId: id };
      return (await ask<{ text: string }>("GET", `cannedReplies/${reply.id}:render`, { query })).text;
    },
  }));
}

async function articles(text: string): Promise<Completion[]> {
  const found = text
    ? (await body(api.GET("/api/v1/search", { params: { query: { query: text, kinds: "articles", pageSize: SHOWN } } }))).hits
    : (
        await body(api.GET("/api/v1/articles", { params: { query: { filter: "state = PUBLISHED", pageSize: SHOWN } } }))
      ).articles.map((article: Schemas["Article"]) => ({ id: article.id, number: article.number, title: article.title }));
  return found.map(({ id, number, title }) => ({
    id,
    label: number,
    hint: title,
    text: async () => `${title} (${location.origin}/articles/${number})`,
  }));
}
