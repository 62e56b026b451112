import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { assignee, number, opened, reason, team, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { AssetLinks, RecordLink } from "@/records/RecordLink";
import { TaskState, taskState } from "@/records/Tasks";
import { Ago } from "@/ui/bits";
import { Person } from "@/ui/people";

type Task = Schemas["Task"];

const AT_HAND = ["READY", "IN_PROGRESS"] as const;
const UNDONE = ["PENDING", ...AT_HAND, "FAILED"] as const;
const STILL = `state IN (${UNDONE.join(", ")})`;

const verb = (
  id: "start" | "complete" | "retry" | "skip" | "assign" | "fail" | "cancel",
  rest: Omit<Verb<Task>, "id" | "label">,
) => ({
  id,
  label: t(`tasks.verb.${id}`),
  ...rest,
});

function About({ about }: { about: string }) {
  const [resources = "", id = ""] = about.split("/");
  return (
    <RecordLink resources={resources} id={id}>
      {t(`task.of.${resources as "requests"}`, { defaultValue: about })}
    </RecordLink>
  );
}

/** Pieces of work of records of any kind. */
export const TASKS: Kind<Task> = {
  resources: "tasks",
  many: t("task.many"),
  one: t("task.one"),
  icon: "task",
  views: [
    { value: "mine", label: t("task.mine"), filter: (me) => `${STILL} AND assigneeId = ${quoted(me)}` },
    { value: "ready", label: t("task.ready"), filter: () => `state IN (${AT_HAND.join(", ")})` },
    { value: "unassigned", label: t("view.unassigned"), filter: () => `state IN (${AT_HAND.join(", ")}) AND NOT assigneeId:*` },
    { value: "failed", label: t("task.failed"), filter: () => "state = FAILED" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  sorts: [
    { value: "newest", label: t("sort.newest"), orderBy: "createTime desc" },
    { value: "oldest", label: t("sort.oldest"), orderBy: "createTime" },
  ],
  columns: [
    { title: t("record.state"), width: "7rem", cell: (task) => <TaskState task={task} /> },
    number("tasks"),
    title(),
    { title: t("task.about"), width: "8rem", minor: true, cell: ({ about }) => <About about={about} /> },
    team.column(),
    assignee.column(),
    {
      title: t("task.due"),
      width: "6rem",
      minor: true,
      cell: ({ dueTime }) => <Ago time={dueTime} />,
    },
    opened(),
  ],
  verbs: [
    verb("start", { from: ["READY"], key: "s" }),
    verb("complete", {
      from: AT_HAND,
      key: "e",
      fields: () => [{ name: "result", label: t("task.result"), kind: "area" }],
    }),
    verb("retry", { from: ["FAILED"], key: "s" }),
    verb("assign", {
      from: UNDONE,
      key: "a",
      fields: ([first], me) => [
        { ...team, required: true, initial: first?.teamId },
        { ...assignee, initial: first?.assigneeId || me },
      ],
      undo: ({ teamId, assigneeId }) => ({ verb: "assign", values: { teamId, assigneeId } }),
    }),
    verb("fail", { from: AT_HAND, fields: () => [reason] }),
    verb("skip", { from: (task) => !task.mandatory && UNDONE.some((state) => state === task.state), fields: () => [reason] }),
    verb("cancel", {
      from: (task) => !task.mandatory && UNDONE.some((state) => state === task.state),
      fields: () => [reason],
      danger: true,
    }),
  ],
  bulk: ["assign", "start", "complete"],
  stateText: taskState,
  chips: (task) => <TaskState task={task} />,
  facts: (task) => [
    [t("task.about"), <About key="a" about={task.about} />],
    [t("task.kind"), t(`task.kinds.${task.kind}`)],
    team.fact(task),
    assignee.fact(task),
    [t("task.mandatory"), t(task.mandatory ? "task.yes" : "task.no")],
    [t("task.receiver"), task.receiverId ? <Person key="r" id={task.receiverId} /> : null],
    [
      t("task.asset"),
      task.assetId ? <AssetLinks key="s" ids={[task.assetId]} /> : task.assetClass.replaceAll("_", " ") || null,
    ],
    [
      t("task.waitsFor"),
      task.dependsOn.length > 0 ? (
        <span key="d" className="line wrap">
          {task.dependsOn.map((id, index) => (
            <RecordLink key={id} resources="tasks" id={id}>
              {t("task.before", { number: index + 1 })}
            </RecordLink>
          ))}
        </span>
      ) : null,
    ],
    [t("task.due"), task.dueTime ? <Ago key="t" time={task.dueTime} /> : null],
    [t("record.reason"), task.reason || null],
    [t("task.result"), task.result || null],
    [t("record.opened"), <Ago key="o" time={task.createTime} />],
    [t("record.changed"), <Ago key="u" time={task.updateTime} />],
  ],
  edit: [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    { name: "description", label: t("record.description"), kind: "area" },
    { name: "dueTime", label: t("task.due"), kind: "time" },
  ],
  happened: (event) => t(`task.event.${event as "TaskStarted"}`, { defaultValue: "" }) || null,
};
