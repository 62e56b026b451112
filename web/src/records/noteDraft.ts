import { useEffect, useRef } from "react";
import { ask } from "@/api/client";
import { now, useSession } from "@/app/session";
import { useDraft } from "@/ui/drafts";

interface NoteDraft {
  text: string;
  public: boolean;
  /** The key of the attempt to send it, so that it is not written twice. */
  key: string;
  /** When it was begun, by the server's clock. */
  begun: string;
}

const EMPTY: NoteDraft = { text: "", public: false, key: "", begun: "" };
const KEPT_MS = 10_000;

/** What is being written about a record: in this browser at once, on the server a while after, so that another one has it. */
export function useNoteDraft(subject: string) {
  const { can } = useSession();
  const draft = useDraft<NoteDraft>(`note/${subject}`, EMPTY);
  const { value } = draft;
  const kept = can("drafts.keep");
  const latest = useRef(value.text);
  latest.current = value.text;

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when the record is opened
  useEffect(() => {
    if (!kept || value.text !== "") return;
    let over = false;
    ask<{ drafts: { text: string; public: boolean }[] }>("GET", "drafts", { query: { about: subject } }).then(
      ({ drafts: [other] }) => {
        // What was written here while it was on its way is what counts.
        if (over || other === undefined || other.text === "" || latest.current !== "") return;
        draft.set({ ...EMPTY, text: other.text, public: other.public, begun: new Date(now()).toISOString() });
      },
      () => undefined, // the browser's own is what one works with
    );
    return () => {
      over = true;
    };
  }, [subject, kept]);

  useEffect(() => {
    if (!kept || value.text === "") return;
    const timer = setTimeout(() => {
      const body = { about: subject, text: value.text, public: value.public };
      ask("POST", "drafts:keep", { body }).catch(() => undefined); // it is in the browser, and tried again with the next letter
    }, KEPT_MS);
    return () => clearTimeout(timer);
  }, [subject, kept, value.text, value.public]);

  const drop = () => {
    if (kept) ask("POST", "drafts:drop", { body: { about: subject } }).catch(() => undefined); // it ends by itself some day
  };
  const set = (next: NoteDraft) => {
    draft.set(next);
    if (next.text === "" && value.text !== "") drop();
  };
  const clear = () => {
    draft.clear();
    drop();
  };
  return { value, set, clear };
}
