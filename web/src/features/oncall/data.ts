import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ask, type Schemas } from "@/api/client";
import { useLive } from "@/live/live";

export type Schedule = Schemas["Schedule"];
export type Shift = Schemas["Shift"];
export type Duty = Schemas["Duty"];
export type Policy = Schemas["EscalationPolicy"];

const DAY_MS = 86_400_000;
export const DAYS = 14;
const MANY = 200;

/** From the midnight before now, in this person's zone, two weeks long. */
export function span(): { start: number; end: number } {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  return { start: midnight.getTime(), end: midnight.getTime() + DAYS * DAY_MS };
}

/** Where a time lies in the span, in percent of it. */
export const place = (time: string | undefined, { start, end }: { start: number; end: number }) =>
  time ? Math.min(100, Math.max(0, ((Date.parse(time) - start) / (end - start)) * 100)) : 0;

/** All of this is asked again when somebody changes a schedule or a policy. */
export function useHearing() {
  const client = useQueryClient();
  const { hear } = useLive();
  useEffect(() => {
    const ends = ["schedules", "escalationPolicies"].map((kind) =>
      hear(kind, () => void client.invalidateQueries({ queryKey: ["rota"] })),
    );
    return () => {
      for (const end of ends) end();
    };
  }, [client, hear]);
}

export const useDuties = () =>
  useQuery({
    queryKey: ["rota", "duties"],
    refetchInterval: 60_000,
    queryFn: () => ask<{ duties: Duty[] }>("GET", "schedules:onCall").then(({ duties }) => duties),
  });

export const useSchedules = () =>
  useQuery({
    queryKey: ["rota", "schedules"],
    queryFn: () =>
      ask<{ schedules: Schedule[] }>("GET", "schedules", { query: { pageSize: MANY } }).then(({ schedules }) => schedules),
  });

export function useShifts(id: string) {
  const { start, end } = span();
  const query = { startTime: new Date(start).toISOString(), endTime: new Date(end).toISOString() };
  return useQuery({
    queryKey: ["rota", "shifts", id, query.startTime],
    queryFn: () => ask<{ shifts: Shift[] }>("GET", `schedules/${id}:shifts`, { query }).then(({ shifts }) => shifts),
  });
}

export const usePolicies = () =>
  useQuery({
    queryKey: ["rota", "policies"],
    queryFn: () =>
      ask<{ escalationPolicies: Policy[] }>("GET", "escalationPolicies", { query: { pageSize: MANY } }).then(
        ({ escalationPolicies }) => escalationPolicies,
      ),
  });

export function useTeam(id: string): string {
  const { data } = useQuery({
    queryKey: ["rota", "team", id],
    staleTime: 600_000,
    retry: false,
    queryFn: () => ask<{ name: string }>("GET", `teams/${id}`),
  });
  return data?.name ?? id;
}
