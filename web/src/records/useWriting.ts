import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "@/api/client";
import { asProblem } from "@/api/problem";
import { newer, type Versioned } from "@/live/apply";
import { patch } from "./data";
import { Conflict } from "./meanwhile";
import { type Content, changed } from "./schema/forms";

interface Options {
  resources: string;
  /** What is there; null for a new one. */
  record: Content | null;
  /** What of a record is written in the form; of nothing, what a new one begins with. */
  contentOf: (record: Content) => Content;
}

const versioned = (record: Content) => record as unknown as Versioned;

/** What is written in a form: what it goes on from, what is wanted, what is wrong with it, and what others wrote meanwhile. */
export function useWriting({ resources, record, contentOf }: Options) {
  const client = useQueryClient();
  const [from, setFrom] = useState<Content>(record ?? {});
  const before = contentOf(from);
  const [content, setContent] = useState<Content>(before);
  const [theirs, setTheirs] = useState<Content>({});
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const differs = changed(before, content);
  const goOn = (next: Content, over: Content, others: Content) => {
    setFrom(next);
    setContent({ ...contentOf(next), ...over });
    setTheirs(others);
  };
  if (record !== null && Object.keys(differs).length === 0 && newer(versioned(record), versioned(from))) goOn(record, {}, {});

  /** The record as it is now; null where it was refused, and then why is in `failed`. */
  const save = async (): Promise<Content | null> => {
    setBusy(true);
    setFailed(null);
    try {
      const answer =
        record === null
          ? await ask<Content>("POST", resources, { body: content })
          : ((await patch(resources, versioned(from), differs)) as unknown as Content);
      if (record !== null) goOn(answer, {}, {});
      void client.invalidateQueries({ queryKey: [resources] });
      void client.invalidateQueries({ queryKey: ["named", resources] });
      return answer;
    } catch (error) {
      if (error instanceof Conflict) goOn(error.present as Content, differs, error.theirs);
      else setFailed(error);
      return null;
    } finally {
      setBusy(false);
    }
  };
  const problem = failed === null ? null : asProblem(failed);
  return {
    from,
    content,
    setContent,
    /** What others wrote into fields that are written here, and what takes it in the place of one's own. */
    theirs,
    take: (name: string) => {
      setContent((known) => ({ ...known, [name]: theirs[name] }));
      setTheirs(({ [name]: _, ...rest }) => rest);
    },
    dirty: Object.keys(differs).length > 0,
    failed,
    busy,
    /** What is wrong at a place of the content, such as `/layers/0/start`. */
    wrong: (pointer: string) => problem?.errors.find((error) => error.pointer === pointer)?.message,
    save,
  };
}
