import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask, type Schemas } from "@/api/client";
import type { PeriodSearch as Period } from "@/app/search";
import { useNow } from "@/ui/time";

export type Board = Schemas["Dashboard"];
export type Draft = Schemas["DashboardDraft"];
export type Version = Schemas["DashboardVersion"];
export type Tile = Schemas["Tile"];
export type Data = Schemas["DashboardData"];
export type TileData = Schemas["DashboardDataTileData"];
export type Definition = Schemas["KpiDefinition"];
export type Row = Schemas["Kpi"]["rows"][number];

const DAY_MS = 86_400_000;

const path = (id: string) => `dashboards/${encodeURIComponent(id)}`;

export const useBoard = (id: string) =>
  useQuery({ queryKey: ["dashboards", "one", id], queryFn: () => ask<Board>("GET", path(id)) });

export const useBoards = () =>
  useQuery({
    queryKey: ["dashboards", "list"],
    queryFn: async () => (await ask<{ dashboards: Board[] }>("GET", "dashboards", { query: { pageSize: 200 } })).dashboards,
  });

/** The figures that there are. */
export const useDefinitions = () =>
  useQuery({
    queryKey: ["definitions"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await ask<{ kpis: Definition[] }>("GET", "kpis")).kpis,
  });

export const useDraft = (id: string, wanted: boolean) =>
  useQuery({
    queryKey: ["dashboards", "draft", id],
    enabled: wanted,
    staleTime: 0,
    queryFn: () => ask<Draft>("GET", `${path(id)}/draft`),
  });

/** The draft as it is when editing begins; asked for once, because what follows comes from here. */
export const useFirstDraft = (id: string) =>
  useQuery({
    queryKey: ["dashboards", "begun", id],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    queryFn: () => ask<Draft>("GET", `${path(id)}/draft`),
  });

export const useVersions = (id: string) =>
  useQuery({
    queryKey: ["dashboards", "versions", id],
    staleTime: 0,
    queryFn: async () => (await ask<{ versions: Version[] }>("GET", `${path(id)}/versions`)).versions,
  });

/** As the platform asks for it; whole days, so that the question is the same until midnight. */
function useInstants({ days, from, to }: Period, usual: number): { from: string; to?: string } {
  const today = useNow((instant) => Math.floor(instant / DAY_MS));
  return useMemo(() => {
    if (from !== undefined) {
      const end = to === undefined ? undefined : new Date(Date.parse(to) + DAY_MS).toISOString();
      return { from: new Date(from).toISOString(), to: end };
    }
    return { from: new Date((today + 1 - (days ?? usual)) * DAY_MS).toISOString() };
  }, [days, from, to, usual, today]);
}

/** The figures of a dashboard. They are asked for again when something happened, as all figures are. */
export function useData(board: Board | undefined, period: Period) {
  const asked = useInstants(period, board?.days || 30);
  return useQuery({
    queryKey: ["kpis", "board", board?.id, board?.edition, asked],
    enabled: board !== undefined,
    placeholderData: keepPreviousData,
    queryFn: () => ask<Data>("GET", `${path(board?.id ?? "")}:data`, { query: { ...asked } }),
  });
}

/** The figures of tiles that are not kept. Where they lie and what they are called asks nothing. */
export function usePreview(tiles: readonly Tile[], days: number) {
  const asked = useMemo(
    () => tiles.map((tile) => ({ ...tile, title: "", text: tile.text && "-", x: 0, y: 0, w: 1, h: 1 })),
    [tiles],
  );
  return useQuery({
    queryKey: ["kpis", "preview", asked, days],
    placeholderData: keepPreviousData,
    queryFn: () => ask<Data>("POST", "dashboards:preview", { body: { tiles: asked, days } }),
  });
}

/** Does something with a dashboard and takes what it is afterwards. */
export function useActs() {
  const client = useQueryClient();
  return useMemo(() => {
    const take = (board: Board) => {
      client.setQueryData(["dashboards", "one", board.id], board);
      void client.invalidateQueries({ queryKey: ["dashboards", "list"] });
      void client.invalidateQueries({ queryKey: ["dashboards", "versions", board.id] });
      client.removeQueries({ queryKey: ["dashboards", "draft", board.id] });
      return board;
    };
    const verb = (id: string, name: string, body: object = {}, etag?: string) =>
      ask<Board>("POST", `${path(id)}:${name}`, { body, etag }).then(take);
    return {
      make: (board: Partial<Board>) => ask<Board>("POST", "dashboards", { body: board }).then(take),
      remove: async ({ id, etag }: Board) => {
        await ask<Board>("DELETE", path(id), { etag });
        client.removeQueries({ queryKey: ["dashboards", "one", id] });
        await client.invalidateQueries({ queryKey: ["dashboards", "list"] });
      },
      keep: (id: string, draft: Partial<Draft>, etag: string) =>
        ask<Draft>("POST", `${path(id)}:draft`, { body: draft, etag: etag || undefined }),
      publish: (id: string, note: string, etag?: string) => verb(id, "publish", { note }, etag),
      discard: (id: string) => verb(id, "discard"),
      restore: ({ id, etag }: Board, edition: number) => verb(id, "restore", { edition }, etag),
      share: ({ id, etag }: Board, team: string) => verb(id, "share", { teamId: team }, etag),
      shareWithAll: ({ id, etag }: Board) => verb(id, "shareWithAll", {}, etag),
    };
  }, [client]);
}
