import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { Ago, Problem, type Tone } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon, type IconName } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { Team } from "@/ui/teams";
import { toast, toastProblem } from "@/ui/toasts";
import { StateChip } from "./chips";
import { assignee, team } from "./common";
import { listRecords, perform, take } from "./data";
import { FieldsForm } from "./FieldsForm";
import { RecordLink } from "./RecordLink";

export type Task = Schemas["Task"];

export const TASK_TONES: Record<Task["state"], Tone> = {
  STATE_UNSPECIFIED: "still",
  PENDING: "still",
  READY: "accent",
  IN_PROGRESS: "calm",
  DONE: "good",
  SKIPPED: "still",
  FAILED: "bad",
  CANCELLED: "still",
};
const SIGNS: Record<Task["state"], IconName> = {
  STATE_UNSPECIFIED: "question",
  PENDING: "clock",
  READY: "play",
  IN_PROGRESS: "play",
  DONE: "check",
  SKIPPED: "minus",
  FAILED: "late",
  CANCELLED: "close",
};
const OVER = new Set<Task["state"]>(["DONE", "SKIPPED", "CANCELLED"]);
const MOST = 200;

/** Who waits comes after what he waits for, else in the order in which they were made. */
export function inOrder(tasks: readonly Task[]): Task[] {
  const left = [...tasks].sort(
    (a, b) => (a.createTime ?? "").localeCompare(b.createTime ?? "") || a.number.localeCompare(b.number),
  );
  const placed = new Set<string>();
  const known = new Set(left.map(({ id }) => id));
  const result: Task[] = [];
  while (left.length > 0) {
    const free = left.findIndex(({ dependsOn }) => dependsOn.every((id) => placed.has(id) || !known.has(id)));
    const [next] = left.splice(Math.max(free, 0), 1) as [Task];
    placed.add(next.id);
    result.push(next);
  }
  return result;
}

/** What is to be done for a record, in its order, and done right here. */
export function Tasks({ resources, id }: { resources: string; id: string }) {
  const { can } = useSession();
  const { hear } = useLive();
  const client = useQueryClient();
  const [asked, setAsked] = useState<"" | "add" | Task>("");
  const about = `${resources}/${id}`;
  const key = ["tasks", "about", about];
  const query = useQuery({
    queryKey: key,
    enabled: can("tasks.list"),
    queryFn: async () => inOrder((await listRecords<Task>("tasks", `about = ${quoted(about)}`, "id", "", MOST)).items),
  });
  useEffect(
    () =>
      hear("tasks", (tasks) => {
        if (tasks.some((task) => (task as Task).about === about))
          void client.invalidateQueries({ queryKey: ["tasks", "about", about] });
      }),
    [hear, client, about],
  );
  if (!can("tasks.list")) return null;
  const changed = (task: Task) => {
    take(client, "tasks", task);
    void client.invalidateQueries({ queryKey: key });
    void client.invalidateQueries({ queryKey: [resources] });
  };
  const act = (verb: string, task: Task, values = {}) =>
    perform("tasks", verb, task, values).then((done) => {
      changed(done);
      toast(t("tasks.done", { verb: t(`tasks.verb.${verb as "start"}`), title: task.title }));
    });
  const tasks = query.data ?? [];
  const named = new Map(tasks.map((task) => [task.id, task.title]));
  const over = tasks.filter(({ state }) => OVER.has(state)).length;
  return (
    <section className="card" aria-label={t("tasks.title")}>
      <header>
        <h2>{t("tasks.title")}</h2>
        {tasks.length > 0 && <span className="muted">{t("tasks.count", { done: over, total: tasks.length })}</span>}
        {can("tasks.create") && (
          <Button className="end" size="compact-xs" variant="subtle" onClick={() => setAsked("add")}>
            {t("tasks.add")}
          </Button>
        )}
      </header>
      <div className="body">
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && tasks.length === 0 && <p className="muted">{t("tasks.none")}</p>}
        <ol className="tasks">
          {tasks.map((task) => (
            <li key={task.id} data-over={OVER.has(task.state)}>
              <span className="task-sign" data-tone={TASK_TONES[task.state]}>
                <Icon name={SIGNS[task.state]} />
              </span>
              <div>
                <div className="line wrap">
                  <RecordLink resources="tasks" id={task.number}>
                    {task.title}
                  </RecordLink>
                  {!OVER.has(task.state) && <TaskState task={task} />}
                  {!task.mandatory && <span className="muted">{t("tasks.optional")}</span>}
                </div>
                <p className="line wrap muted">
                  {task.assigneeId ? <Person id={task.assigneeId} /> : <Team id={task.teamId} lone={t("record.noTeam")} />}
                  {!OVER.has(task.state) && task.dependsOn.length > 0 && (
                    <span>
                      {t("tasks.after", { titles: task.dependsOn.map((each) => named.get(each) ?? each).join(", ") })}
                    </span>
                  )}
                  {task.endTime && <Ago time={task.endTime} />}
                  {(task.reason || task.result) && <span>{task.reason || task.result}</span>}
                </p>
              </div>
              <div className="line end">
                {task.state === "READY" && can("tasks.start") && task.kind === "MANUAL" && (
                  <Button size="compact-xs" variant="default" onClick={() => void act("start", task).catch(toastProblem)}>
                    {t("tasks.verb.start")}
                  </Button>
                )}
                {(task.state === "READY" || task.state === "IN_PROGRESS") && can("tasks.complete") && (
                  <Button
                    size="compact-xs"
                    aria-label={t("tasks.completeIt", { title: task.title })}
                    onClick={() => void act("complete", task).catch(toastProblem)}
                  >
                    {t("tasks.verb.complete")}
                  </Button>
                )}
                {task.state === "FAILED" && can("tasks.retry") && (
                  <Button size="compact-xs" variant="default" onClick={() => void act("retry", task).catch(toastProblem)}>
                    {t("tasks.verb.retry")}
                  </Button>
                )}
                {!task.mandatory && !OVER.has(task.state) && can("tasks.skip") && (
                  <Button size="compact-xs" variant="subtle" onClick={() => setAsked(task)}>
                    {t("tasks.verb.skip")}
                  </Button>
                )}
              </div>
            </li>
          ))}
        </ol>
      </div>
      <Dialog
        opened={asked !== ""}
        onClose={() => setAsked("")}
        title={asked === "add" ? t("tasks.add") : asked === "" ? "" : `${t("tasks.verb.skip")}: ${asked.title}`}
      >
        {asked === "add" ? (
          <FieldsForm
            fields={[
              { name: "title", label: t("record.title"), kind: "text", required: true },
              { name: "description", label: t("record.description"), kind: "area" },
              team,
              assignee,
              { name: "mandatory", label: t("tasks.mandatory"), kind: "toggle", initial: true },
            ]}
            action={t("record.create")}
            cancel={() => setAsked("")}
            submit={async (values) => {
              changed(await ask<Task>("POST", "tasks", { body: { ...values, about } }));
              setAsked("");
            }}
          />
        ) : (
          asked !== "" && (
            <FieldsForm
              fields={[{ name: "reason", label: t("record.reason"), kind: "area", required: true }]}
              action={t("tasks.verb.skip")}
              cancel={() => setAsked("")}
              submit={async (values) => {
                await act("skip", asked, values);
                setAsked("");
              }}
            />
          )
        )}
      </Dialog>
    </section>
  );
}

export const taskState = (state: string) => t(`tasks.state.${state as Task["state"]}`, { defaultValue: state });

export const TaskState = ({ task: { state } }: { task: Task }) => (
  <StateChip tones={TASK_TONES} state={state} text={taskState(state)} />
);
