import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, body, type Incident, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { locale } from "@/i18n";
import { useLive } from "@/live/live";

export type Request = Schemas["Request"];
export type Item = Schemas["CatalogItem"];
export type Survey = Schemas["Survey"];
export type Hit = Schemas["SearchHit"];
export type Money = Schemas["Money"];

const MANY = 100;
const SOON_MS = 5_000;
const SELDOM_MS = 60_000;

/** What is to be asked again when somebody changes a record of a kind. */
const TOUCHED: Record<string, readonly (readonly string[])[]> = {
  incidents: [["incidents", "mine"]],
  requests: [
    ["requests", "mine"],
    ["requests", "progress"],
  ],
  tasks: [["requests", "progress"]],
  approvals: [
    ["approvals", "mine"],
    ["requests", "progress"],
  ],
  surveys: [["surveys", "mine"]],
  statusUpdates: [["statusUpdates", "announced"]],
};

/** Keeps everything fresh that is not a record itself, on whatever page it is shown next. */
export function useNews() {
  const client = useQueryClient();
  const { hear } = useLive();
  useEffect(() => {
    const ends = Object.entries(TOUCHED).map(([kind, keys]) =>
      hear(kind, () => {
        for (const queryKey of keys) void client.invalidateQueries({ queryKey });
      }),
    );
    return () => {
      for (const end of ends) end();
    };
  }, [client, hear]);
}

/** What is found for some words: articles, and records of one's own. */
export const useSearch = (words: string, kinds: string) =>
  useQuery<Hit[]>({
    queryKey: ["search", kinds, words],
    enabled: words.length > 1,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      body(
        api.GET("/api/v1/search", { params: { query: { query: words, kinds, pageSize: 12, language: locale() } }, signal }),
      ).then(({ hits }) => hits),
  });

/** Everything that this person may see in the catalog. */
export function useCatalog() {
  return useQuery({
    queryKey: ["catalogItems", "list"],
    queryFn: () =>
      body(
        api.GET("/api/v1/catalogItems", {
          params: { query: { filter: "state = PUBLISHED", orderBy: "title", pageSize: MANY * 2 } },
        }),
      ).then(({ catalogItems }) => catalogItems),
  });
}

export const usePopular = () =>
  useQuery({
    queryKey: ["catalogItems", "popular"],
    queryFn: () => body(api.GET("/api/v1/catalogItems:popular", {})).then(({ catalogItems }) => catalogItems),
  });

export const useItem = (id: string) =>
  useQuery({
    queryKey: ["catalogItems", "one", id],
    queryFn: () => body(api.GET("/api/v1/catalogItems/{id}", { params: { path: { id } } })),
  });

const OWN = (me: string) => `requesterId = ${quoted(me)}`;

/** What this person reported, the last changed first. */
export function useIncidents() {
  const { me } = useSession();
  return useQuery({
    queryKey: ["incidents", "mine"],
    queryFn: () =>
      body(
        api.GET("/api/v1/incidents", {
          params: { query: { filter: OWN(me.subject), orderBy: "updateTime desc", pageSize: MANY } },
        }),
      ).then(({ incidents }) => incidents),
  });
}

/** What this person ordered, the last changed first. */
export function useRequests() {
  const { me } = useSession();
  return useQuery({
    queryKey: ["requests", "mine"],
    queryFn: () =>
      body(
        api.GET("/api/v1/requests", {
          params: { query: { filter: OWN(me.subject), orderBy: "updateTime desc", pageSize: MANY } },
        }),
      ).then(({ requests }) => requests),
  });
}

export const useIncident = (id: string) =>
  useQuery({
    queryKey: ["incidents", "one", id],
    queryFn: () => body(api.GET("/api/v1/incidents/{id}", { params: { path: { id } } })),
  });

export function useRequest(id: string) {
  return useQuery({
    queryKey: ["requests", "one", id],
    queryFn: () => body(api.GET("/api/v1/requests/{id}", { params: { path: { id } } })),
  });
}

export const useProgress = (id: string) =>
  useQuery({
    queryKey: ["requests", "progress", id],
    // What others decide about a request is no event that its requester hears.
    refetchInterval: SOON_MS,
    queryFn: () => body(api.GET("/api/v1/requests/{id}:progress", { params: { path: { id } } })),
  });

/** What was said, the oldest first. The stream tells a requester of no notes, so it is asked for while it is looked at. */
export const useNotes = (kind: "incidents" | "requests", id: string) =>
  useQuery({
    queryKey: [kind, "notes", id],
    refetchInterval: SOON_MS,
    queryFn: async () => {
      const params = { path: { id }, query: { pageSize: MANY } };
      const { notes } = await body(
        kind === "incidents"
          ? api.GET("/api/v1/incidents/{id}/notes", { params })
          : api.GET("/api/v1/requests/{id}/notes", { params }),
      );
      return notes.filter((note) => note.public).reverse();
    },
  });

export const useFiles = (id: string) =>
  useQuery({
    queryKey: ["incidents", "files", id],
    refetchInterval: SOON_MS,
    queryFn: () =>
      body(api.GET("/api/v1/incidents/{id}/attachments", { params: { path: { id } } })).then(({ attachments }) => attachments),
  });

/** Devices of this person. */
export function useDevices() {
  const { me, can } = useSession();
  return useQuery({
    queryKey: ["assets", "mine"],
    enabled: can("assets.list"),
    queryFn: () =>
      body(
        api.GET("/api/v1/assets", {
          params: { query: { filter: `ownerId = ${quoted(me.subject)}`, orderBy: "createTime desc", pageSize: 20 } },
        }),
      ).then(({ assets }) => assets),
  });
}

/** What everybody may know of what is broken now. */
export function useAnnouncements() {
  const { can } = useSession();
  return useQuery({
    queryKey: ["statusUpdates", "announced"],
    enabled: can("statusUpdates.get"),
    refetchInterval: SELDOM_MS,
    queryFn: () => body(api.GET("/api/v1/statusUpdates:announced", {})).then(({ announcements }) => announcements),
  });
}

/** What waits for this person's word. */
export function useApprovals() {
  const { me, can } = useSession();
  return useQuery({
    queryKey: ["approvals", "mine"],
    enabled: can("approvals.list"),
    queryFn: () =>
      body(
        api.GET("/api/v1/approvals", {
          params: { query: { filter: `voterIds = ${quoted(me.subject)} AND state = WAITING`, pageSize: MANY } },
        }),
      ).then(({ approvals }) => approvals),
  });
}

/** Surveys that this person has not answered yet. */
export function useSurveys() {
  const { me, can } = useSession();
  return useQuery({
    queryKey: ["surveys", "mine"],
    enabled: can("surveys.list"),
    queryFn: () =>
      body(
        api.GET("/api/v1/surveys", {
          params: { query: { filter: `requesterId = ${quoted(me.subject)} AND state = SENT`, pageSize: 20 } },
        }),
      ).then(({ surveys }) => surveys),
  });
}

const OVER = new Set<string>(["RESOLVED", "CLOSED", "CANCELLED", "REJECTED"]);

/** Whether nothing more is to be done. */
export const isOver = ({ state }: Incident | Request) => OVER.has(state);

/** A price as people write it. */
export function priced(price: Money | undefined): string {
  if (!price?.amount) return "";
  return new Intl.NumberFormat(locale(), { style: "currency", currency: price.currency }).format(Number(price.amount));
}
