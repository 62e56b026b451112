import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ask, type Schemas } from "@/api/client";
import { useLive } from "@/live/live";
import { span } from "./weeks";

export type Schedule = Schemas["Schedule"];
export type Shift = Schemas["Shift"];
export type Duty = Schemas["Duty"];
export type Policy = Schemas["EscalationPolicy"];

const MANY = 200;

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

function twoWeeks() {
  const { start, end } = span();
  return { startTime: new Date(start).toISOString(), endTime: new Date(end).toISOString() };
}

/** Who would be on call by a schedule that is not saved; `id` is the saved one, whose overrides count. */
export function usePreview(schedule: object, id: string | undefined, enabled: boolean) {
  const asked = JSON.stringify(schedule);
  const query = { ...twoWeeks(), id };
  return useQuery({
    queryKey: ["rota", "preview", id, asked, query.startTime],
    enabled,
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: () =>
      ask<{ shifts: Shift[] }>("POST", "schedules:preview", { query, body: JSON.parse(asked) }).then(({ shifts }) => shifts),
  });
}

export function useShifts(id: string) {
  const query = twoWeeks();
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
