import { useCallback, useEffect, useRef, useState } from "react";
import { api, body } from "@/api/client";
import { useSession } from "@/app/session";
import { useDraft } from "@/ui/drafts";

const TO_SERVER_MS = 2_000;
const ABOUT = "portal/";

export type Kept = "none" | "here" | "everywhere";

interface Written<T> {
  value: T;
  /** When it was last changed here, in milliseconds; 0 for never. */
  time: number;
  /** Under which key it is sent, so that what is sent twice is there once. Another text has another key. */
  key: string;
}

/**
 * Something half-written that outlives a lost network, a closed tab and another device: in this browser at once, at the
 * server a moment later. What was changed last counts.
 */
export function useKept<T extends object>(name: string, empty: T) {
  const { can } = useSession();
  const may = can("drafts.keep");
  const draft = useDraft<Written<T>>(`portal/${name}`, { value: empty, time: 0, key: "" });
  const { value: written, set: write, clear: forget } = draft;
  const [kept, setKept] = useState<Kept>(written.time > 0 ? "here" : "none");
  const about = ABOUT + name;
  const ended = useRef(false);
  const last = useRef(written.time);
  last.current = written.time;
  const [looked, setLooked] = useState(!may);

  const set = useCallback(
    (value: T) => {
      ended.current = false;
      write({ value, time: Date.now(), key: crypto.randomUUID() });
      setKept("here");
    },
    [write],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, before anything is written here
  useEffect(() => {
    if (!may) return;
    let over = false;
    body(api.GET("/api/v1/drafts", { params: { query: { about } } }))
      .then(({ drafts: [found] }) => {
        if (over || found === undefined) return;
        const there = JSON.parse(found.text) as Written<T>;
        if (there.time > last.current) write(there);
        setKept("everywhere");
      })
      .catch(() => undefined) // what is kept here is enough to go on with
      .finally(() => {
        if (!over) setLooked(true);
      });
    return () => {
      over = true;
    };
  }, [about]);

  useEffect(() => {
    if (!may || written.time === 0 || kept !== "here") return;
    const keep = () => {
      if (ended.current) return;
      api
        .POST("/api/v1/drafts:keep", { body: { about, text: JSON.stringify(written), public: false } })
        .then(() => setKept((now) => (now === "here" ? "everywhere" : now)))
        .catch(() => undefined); // it is kept here, which the page says; the next change tries again
    };
    const timer = setTimeout(keep, TO_SERVER_MS);
    addEventListener("online", keep);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", keep);
    };
  }, [about, may, written, kept]);

  const clear = useCallback(() => {
    ended.current = true;
    forget();
    setKept("none");
    // A draft that stays behind is offered once more and is nobody's loss.
    if (may) void api.POST("/api/v1/drafts:drop", { body: { about } }).catch(() => undefined);
  }, [about, forget, may]);

  return { value: written.value, key: written.key, set, clear, kept, looked };
}
