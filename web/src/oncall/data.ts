import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { useLive } from "@/live/live";
import { onWaits, waits } from "./queue";

export type Page = Schemas["Page"];
export type Shift = Schemas["Shift"];
export type Duty = Schemas["Duty"];
export type Schedule = Schemas["Schedule"];
export type Delivery = Schemas["Delivery"];

export type Which = "mine" | "open" | "all";
const SOON_MS = 15_000;
const SELDOM_MS = 60_000;

/** Everything of this page is asked again when somebody changes a page or a schedule. */
export function useHearing() {
  const client = useQueryClient();
  const { hear } = useLive();
  useEffect(() => {
    const ends = ["pages", "schedules"].map((kind) =>
      hear(kind, () => void client.invalidateQueries({ queryKey: ["oncall"] })),
    );
    return () => {
      for (const end of ends) end();
    };
  }, [client, hear]);
}

/** Pages that called this person, that are open, or all. */
export function usePages(which: Which) {
  const { me } = useSession();
  const mine = `calls.userId = ${quoted(me.subject)}`;
  const filter = { mine, open: "state IN (OPEN, ACKNOWLEDGED)", all: "" }[which];
  return useQuery({
    queryKey: ["oncall", "pages", which],
    refetchInterval: SOON_MS,
    queryFn: () =>
      ask<{ pages: Page[] }>("GET", "pages", { query: { filter: filter || undefined, pageSize: 30 } }).then(
        ({ pages }) => pages,
      ),
  });
}

export const usePage = (id: string) =>
  useQuery({ queryKey: ["oncall", "page", id], refetchInterval: SOON_MS, queryFn: () => ask<Page>("GET", `pages/${id}`) });

export const useShifts = () =>
  useQuery({
    queryKey: ["oncall", "mine"],
    refetchInterval: SELDOM_MS,
    queryFn: () => ask<{ shifts: Shift[] }>("GET", "schedules:mine").then(({ shifts }) => shifts),
  });

export const useDuties = () =>
  useQuery({
    queryKey: ["oncall", "duties"],
    refetchInterval: SELDOM_MS,
    queryFn: () => ask<{ duties: Duty[] }>("GET", "schedules:onCall").then(({ duties }) => duties),
  });

export const useSchedule = (id: string) =>
  useQuery({
    queryKey: ["oncall", "schedule", id],
    enabled: id !== "",
    queryFn: () => ask<Schedule>("GET", `schedules/${id}`),
  });

export const usePeople = () =>
  useQuery({
    queryKey: ["oncall", "people"],
    staleTime: SELDOM_MS * 10,
    queryFn: () =>
      ask<{ users: Schemas["User"][] }>("GET", "users", { query: { pageSize: 200, orderBy: "username" } }).then(
        ({ users }) => users,
      ),
  });

/** Pages whose acknowledgement waits for a network. */
export const useWaits = () => useSyncExternalStore(onWaits, waits);
