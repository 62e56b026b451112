import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { apply, type Versioned } from "./apply";
import { type LiveState, listen } from "./leader";

type Hearer = (records: Versioned[]) => void;

interface Live {
  state: LiveState;
  /** Calls `hearer` with records of this kind that somebody changed. Returns what ends it. */
  hear: (kind: string, hearer: Hearer) => () => void;
}

const Context = createContext<Live | null>(null);
const FIGURES_MS = 5_000;

interface Props {
  children: ReactNode;
  /** Another number after each new sign-in, which begins the stream again. */
  life: number;
  onReauth: () => void;
  /** The person may do something else than before. */
  onRights?: () => void;
}

export function LiveProvider({ children, life, onReauth, onRights }: Props) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const hearers = useRef(new Map<string, Set<Hearer>>());

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new life begins the stream again
  useEffect(() => {
    let figures: ReturnType<typeof setTimeout> | undefined;
    const refreshFigures = () => {
      figures ??= setTimeout(() => {
        figures = undefined;
        void client.invalidateQueries({ queryKey: ["kpis"] });
        void client.invalidateQueries({ queryKey: ["counts"] });
      }, FIGURES_MS);
    };
    const end = listen((message) => {
      if (message.kind === "events") {
        for (const [kind, records] of apply(client, message.events)) {
          for (const hearer of hearers.current.get(kind) ?? []) hearer(records);
        }
        refreshFigures();
      } else if (message.kind === "present") {
        client.setQueryData(["presence", message.present.subject], message.present);
      } else if (message.kind === "state") setState(message.state);
      else if (message.kind === "reset") void client.invalidateQueries();
      else if (message.kind === "reauth") onReauth();
      else if (message.kind === "rights") onRights?.();
    });
    return () => {
      end();
      clearTimeout(figures);
    };
  }, [client, onReauth, onRights, life]);

  const live = useMemo<Live>(
    () => ({
      state,
      hear(kind, hearer) {
        const known = hearers.current.get(kind) ?? new Set();
        hearers.current.set(kind, known.add(hearer));
        return () => known.delete(hearer);
      },
    }),
    [state],
  );
  return <Context.Provider value={live}>{children}</Context.Provider>;
}

export function useLive(): Live {
  const live = useContext(Context);
  if (live === null) throw new Error("nothing is heard here");
  return live;
}
