import { useQueryClient } from "@tanstack/react-query";
import { api, ask, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { toast, toastProblem } from "@/ui/toasts";
import type { Values } from "./kind";

type Job = Schemas["Job"];

const ENDED = new Set<Job["state"]>(["SUCCEEDED", "FAILED", "CANCELLED"]);
const LOOK_MS = 700;

export interface Selection {
  selection: string;
  count: number;
  capped: boolean;
}

/** All records that match, frozen and counted; later ones are not among them. */
export const selectAll = (resources: string, filter: string) =>
  ask<Selection>("POST", `${resources}:select`, { body: { filter } });

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function ended(job: Job): Promise<Job> {
  let present = job;
  while (!ENDED.has(present.state)) {
    await pause(LOOK_MS);
    present = await body(api.GET("/api/v1/jobs/{id}", { params: { path: { id: job.id } } }));
  }
  return present;
}

/** Follows a job to its end, says how it went, and offers the way back where there is one. */
export function useJobs(resources: string) {
  const client = useQueryClient();
  const follow = async (job: Job, words: (job: Job) => string) => {
    const last = await ended(job);
    void client.invalidateQueries({ queryKey: [resources] });
    void client.invalidateQueries({ queryKey: ["counts"] });
    const back = last.undoExpireTime !== undefined && last.state === "SUCCEEDED" && !last.undoOf;
    toast(words(last), {
      tone: last.state === "SUCCEEDED" && last.progress?.failed === 0 ? "plain" : "bad",
      action: back ? { label: t("record.undo"), run: () => void undo(last).catch(toastProblem) } : undefined,
    });
    return last;
  };
  const undo = async (job: Job) => {
    const taken = await ask<Job>("POST", `jobs/${job.id}:undo`, { body: {} });
    await follow(taken, (each) => t("bulk.undone", counts(each)));
  };
  const begin = async (action: string, parameters: Values, chosen: { ids: string[] } | { selection: string }) => {
    const asked = { kind: "BULK", resource: resources, action, parameters, ...chosen };
    const job = await ask<Job>("POST", "jobs", { body: asked });
    toast(t("bulk.begun"));
    return follow(job, (each) => t("bulk.ended", counts(each)));
  };
  const exported = async (filter: string, orderBy: string, fields: string[], format: "CSV" | "XLSX") => {
    const asked = { kind: "EXPORT", resource: resources, filter, orderBy, fields, format };
    const job = await ended(await ask<Job>("POST", "jobs", { body: asked }));
    if (job.state === "SUCCEEDED") location.assign(`/api/v1/jobs/${job.id}/result`);
    else toast(job.reason || t("bulk.notExported"), { tone: "bad" });
  };
  return { begin, exported };
}

const counts = ({ progress }: Job) => ({
  done: (progress?.done ?? 0) - (progress?.failed ?? 0),
  total: progress?.total ?? 0,
});
