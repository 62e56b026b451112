import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { AnyLink } from "@/records/AnyLink";
import { PriorityChip, StateChip } from "@/records/chips";
import { assignee, category, level, number, opened, reason, team, title } from "@/records/common";
import { findRecords } from "@/records/finding";
import type { Kind, Verb } from "@/records/kind";
import { Links } from "@/records/Links";
import { AssetLinks } from "@/records/RecordLink";
import { eventText, STATE_TONES, stateText } from "@/records/states";
import { Tasks } from "@/records/Tasks";
import { Ago, Chip } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Incidents, Known, Tools } from "./cards";

export type Problem = Schemas["IncidentProblem"];

const OPEN = ["NEW", "ASSESS", "ANALYSIS", "FIXING"] as const;
const STILL_OPEN = `state IN (${OPEN.join(", ")})`;
const PRIORITIES = ["P1", "P2", "P3", "P4", "P5"] as const;

type Id =
  | "assess"
  | "analyze"
  | "diagnose"
  | "fix"
  | "resolve"
  | "close"
  | "assign"
  | "reopen"
  | "acceptRisk"
  | "markDuplicate"
  | "cancel";

const verb = (id: Id, from: Verb<Problem>["from"], rest: Partial<Verb<Problem>> = {}): Verb<Problem> => ({
  id,
  label: t(`verb.${id}`),
  from,
  ...rest,
});

const verbs: readonly Verb<Problem>[] = [
  verb("assess", ["NEW"], { key: "s" }),
  verb("analyze", ["ASSESS"], { key: "s" }),
  verb("fix", ({ state, cause }) => state === "ANALYSIS" && cause !== "", { key: "s" }),
  verb("resolve", ["FIXING"], {
    key: "e",
    fields: () => [{ name: "resolution", label: t("problem.resolution"), kind: "area", required: true }],
  }),
  verb("close", ["RESOLVED"]),
  verb("diagnose", OPEN, {
    fields: ([first]) => [
      { name: "cause", label: t("problem.cause"), kind: "area", initial: first?.cause },
      { name: "workaround", label: t("problem.workaround"), kind: "area", initial: first?.workaround },
    ],
  }),
  verb("assign", OPEN, {
    key: "a",
    fields: ([first], me) => [
      { ...team, required: true, initial: first?.teamId },
      { ...assignee, initial: first?.assigneeId || me },
    ],
    undo: ({ teamId, assigneeId }) => ({ verb: "assign", values: { teamId, assigneeId } }),
  }),
  verb("reopen", ["RESOLVED"], { fields: () => [reason] }),
  verb("acceptRisk", ["ANALYSIS", "FIXING"], { fields: () => [reason], danger: true }),
  verb("markDuplicate", ["NEW", "ASSESS"], {
    permission: "close",
    fields: () => [
      { name: "original", label: t("problem.original"), kind: "record", required: true, find: findRecords("problems") },
    ],
  }),
  verb("cancel", ["NEW", "ASSESS"], { fields: () => [reason], danger: true }),
];

const State = ({ problem: { state } }: { problem: Problem }) => (
  <StateChip tones={STATE_TONES} state={state} text={stateText(state)} />
);

const KnownError = ({ problem: { knownError } }: { problem: Problem }) =>
  knownError ? (
    <Chip tone="accent" icon="check">
      {t("problem.knownError")}
    </Chip>
  ) : null;

const originalOf = (problem: Problem) => problem.links.find(({ kind }) => kind === "DUPLICATE_OF")?.target ?? "";

const fields = [
  { name: "title", label: t("record.title"), kind: "text" as const, required: true },
  { name: "description", label: t("record.description"), kind: "area" as const },
  level("impact"),
  level("urgency"),
  category,
  { name: "assetIds", label: t("record.assets"), kind: "assets" as const },
];

/** What makes incidents happen, until it is removed or lived with. */
export const PROBLEMS: Kind<Problem> = {
  resources: "problems",
  many: t("nav.problems"),
  one: t("problem.one"),
  icon: "problem",
  views: [
    { value: "open", label: t("view.open"), filter: () => STILL_OPEN },
    { value: "mine", label: t("view.mine"), filter: (me) => `${STILL_OPEN} AND assigneeId = ${quoted(me)}` },
    { value: "known", label: t("problem.views.known"), filter: () => "knownError = true" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  narrowings: [
    {
      name: "priority",
      label: t("record.priority"),
      options: PRIORITIES.map((value) => ({ value, label: value, title: t(`priority.${value}`) })),
    },
  ],
  columns: [
    { title: t("record.priority"), width: "3rem", cell: ({ priority }) => <PriorityChip priority={priority} /> },
    number("problems"),
    title(),
    { title: t("record.state"), width: "11rem", minor: true, cell: (problem) => <State problem={problem} /> },
    { title: t("problem.knownError"), width: "8rem", minor: true, cell: (problem) => <KnownError problem={problem} /> },
    team.column(),
    assignee.column(),
    opened(),
  ],
  verbs,
  bulk: ["assign"],
  stateText,
  happened: eventText,
  tools: () => <Tools />,
  chips: (problem) => (
    <>
      <PriorityChip priority={problem.priority} />
      <State problem={problem} />
      <KnownError problem={problem} />
    </>
  ),
  facts: (problem) => [
    team.fact(problem),
    assignee.fact(problem),
    [t("record.requester"), <Person key="r" id={problem.requesterId} />],
    [t("record.impact"), `${t(`level.${problem.impact}`)} / ${t(`level.${problem.urgency}`)}`],
    [t("record.category"), problem.category || null],
    [t("problem.service"), problem.serviceId ? <AssetLinks key="s" ids={[problem.serviceId]} /> : null],
    [t("record.assets"), problem.assetIds.length > 0 ? <AssetLinks key="c" ids={problem.assetIds} /> : null],
    [t("problem.reopened"), problem.reopenCount > 0 ? problem.reopenCount : null],
    [
      t("problem.closing"),
      problem.closingCode && problem.closingCode !== "CLOSING_CODE_UNSPECIFIED"
        ? t(`problem.code.${problem.closingCode}`)
        : null,
    ],
    [t("problem.original"), originalOf(problem) ? <AnyLink key="d" target={originalOf(problem)} /> : null],
    [t("record.opened"), <Ago key="o" time={problem.createTime} />],
    [t("record.changed"), <Ago key="u" time={problem.updateTime} />],
    [
      t("problem.resolution"),
      problem.resolution ? (
        <span key="s" className="prose">
          {problem.resolution}
        </span>
      ) : null,
    ],
  ],
  main: (problem) => (
    <>
      <Known problem={problem} />
      <Incidents problem={problem} />
      <Tasks resources="problems" id={problem.id} />
    </>
  ),
  side: (problem) => <Links kind={PROBLEMS} record={problem} />,
  create: () => fields,
  edit: fields,
};
