import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { ApiProblem } from "@/api/problem";
import { type Draft, type Tile, useActs } from "./data";
import { type Act, type Content, type Editing, edited } from "./layout";

export type Kept = "kept" | "keeping" | "failed" | "other" | "clean";

const SETTLE_MS = 700;
const RETRY_MS = 5_000;
const STALE = 412;

export const contentOf = ({ name, description, days, tiles }: Content<Tile>): Content<Tile> => ({
  name,
  description,
  days,
  tiles,
});

/** Something that is edited and kept on the server as it goes. What is not changed is not kept. */
export function useEditing(id: string, draft: Draft) {
  const acts = useActs();
  const [state, dispatch] = useReducer(
    edited<Tile>,
    draft,
    (from): Editing<Tile> => ({
      content: contentOf(from),
      chosen: null,
      lifted: null,
      said: null,
    }),
  );
  const [kept, setKept] = useState<Kept>(draft.etag ? "kept" : "clean");
  const etag = useRef(draft.etag);
  const saved = useRef(state.content);
  const latest = useRef(state.content);
  const running = useRef<Promise<boolean> | null>(null);
  const over = useRef(false);
  latest.current = state.lifted === null ? state.content : latest.current;

  /** Keeps what there is now. Says whether all of it is kept. */
  const keep = useCallback(async (): Promise<boolean> => {
    while (running.current !== null) await running.current;
    const content = latest.current;
    if (content === saved.current) return true;
    if (over.current) return false;
    const once = async () => {
      setKept("keeping");
      try {
        const answer = await acts.keep(id, content, etag.current);
        etag.current = answer.etag;
        saved.current = content;
        setKept("kept");
        return true;
      } catch (error) {
        // Another tab has gone on from the same draft: to write over that would lose it.
        over.current = error instanceof ApiProblem && error.status === STALE;
        setKept(over.current ? "other" : "failed");
        return false;
      } finally {
        running.current = null;
      }
    };
    running.current = once();
    return running.current;
  }, [acts, id]);

  const { content, lifted } = state;
  useEffect(() => {
    if (lifted !== null || content === saved.current) return;
    let again: ReturnType<typeof setTimeout> | undefined;
    const attempt = async () => {
      if (!(await keep()) && !over.current) again = setTimeout(() => void attempt(), RETRY_MS);
    };
    const timer = setTimeout(() => void attempt(), SETTLE_MS);
    return () => {
      clearTimeout(timer);
      clearTimeout(again);
    };
  }, [content, lifted, keep]);

  /** Goes on from something else, which is kept already. */
  const begin = useCallback((from: Content<Tile>, version: string) => {
    etag.current = version;
    over.current = false;
    const next = contentOf(from);
    saved.current = next;
    setKept(version ? "kept" : "clean");
    dispatch({ act: "reset", content: next });
  }, []);
  const act = dispatch as (act: Act<Tile>) => void;
  return { state, act, kept, keep, begin };
}
