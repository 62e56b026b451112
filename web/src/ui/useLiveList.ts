import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Page, quoted } from "@/api/client";
import { mayPass } from "@/api/problem";
import type { Versioned } from "@/live/apply";
import { useLive } from "@/live/live";

interface Options<T> {
  /** Plural of the kind, as in addresses. */
  kind: string;
  filter: string;
  orderBy: string;
  /** One page of records that match; `size` how many. */
  load: (filter: string, orderBy: string, token: string, size: number) => Promise<Page<T>>;
}

const PAGE = 100;
const PAGES_KEPT = 30;
const SETTLE_MS = 400;
const RETRY_MS = 5_000;
const CHECKED_AT_ONCE = 150;

/**
 * A list that changes in place but never moves under the pointer: records that came or went since it was read are counted
 * and shown when the person asks.
 */
export function useLiveList<T extends Versioned>({ kind, filter, orderBy, load }: Options<T>) {
  const client = useQueryClient();
  const { hear } = useLive();
  const key = useMemo(() => [kind, "list", filter, orderBy], [kind, filter, orderBy]);
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const query = useInfiniteQuery({
    queryKey: key,
    initialPageParam: "",
    queryFn: ({ pageParam }) => load(filter, orderBy, pageParam, PAGE),
    getNextPageParam: ({ next }) => next || undefined,
    maxPages: PAGES_KEPT,
    refetchOnReconnect: false,
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list has no news yet
  useEffect(() => {
    setFresh(new Set());
    setGone(new Set());
  }, [key]);

  const loader = useRef(load);
  loader.current = load;
  useEffect(() => {
    const changed = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const check = async () => {
      timer = undefined;
      const ids = [...changed].slice(0, CHECKED_AT_ONCE);
      for (const id of ids) changed.delete(id);
      const among = `id IN (${ids.map(quoted).join(", ")})`;
      const page = await loader
        .current(filter ? `(${filter}) AND ${among}` : among, orderBy, "", CHECKED_AT_ONCE)
        .catch((error: unknown) => {
          // The bar is a help: nobody is told that it waits. What was heard meanwhile counts too.
          if (mayPass(error)) for (const id of ids) changed.add(id);
          return null;
        });
      if (over) return;
      if (page === null) {
        if (changed.size > 0) schedule(RETRY_MS);
        return;
      }
      const { items } = page;
      const matching = new Set(items.map(({ id }) => id));
      const data = client.getQueryData<InfiniteData<Page<T>>>(key);
      const listed = new Set(data?.pages.flatMap((page) => page.items.map(({ id }) => id)));
      setFresh((known) => next(known, ids, (id) => matching.has(id) && !listed.has(id)));
      setGone((known) => next(known, ids, (id) => !matching.has(id) && listed.has(id)));
      if (changed.size > 0) schedule();
    };
    const schedule = (after = SETTLE_MS) => {
      timer ??= setTimeout(() => void check(), after);
    };
    const end = hear(kind, (records) => {
      for (const { id } of records) changed.add(id);
      schedule();
    });
    return () => {
      over = true;
      end();
      clearTimeout(timer);
    };
  }, [client, hear, kind, key, filter, orderBy]);

  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const show = useCallback(async () => {
    // First, so that what is heard while the list is read again is not forgotten.
    setFresh(new Set());
    setGone(new Set());
    await client.resetQueries({ queryKey: key, exact: true });
  }, [client, key]);
  // However the list was read again: what it holds is no news, and what it does not hold has not moved away from it.
  const listed = useMemo(() => new Set(items.map(({ id }) => id)), [items]);
  const news = useMemo(() => new Set([...fresh].filter((id) => !listed.has(id))), [fresh, listed]);
  const moved = useMemo(() => new Set([...gone].filter((id) => listed.has(id))), [gone, listed]);
  return { query, items, fresh: news, gone: moved, show };
}

function next(known: ReadonlySet<string>, ids: readonly string[], holds: (id: string) => boolean): ReadonlySet<string> {
  const result = new Set(known);
  for (const id of ids) {
    if (holds(id)) result.add(id);
    else result.delete(id);
  }
  return result;
}
