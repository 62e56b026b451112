import { Link } from "@tanstack/react-router";
import { type Incident, quoted } from "@/api/client";
import { t } from "@/i18n";
import { Attachments } from "@/records/Attachments";
import { Clocks } from "@/records/Clocks";
import { PriorityChip, SlaChip, StateChip } from "@/records/chips";
import { assignee, category, level, number, opened, reason, team, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { Links } from "@/records/Links";
import { MajorCard } from "@/records/MajorCard";
import { MakeArticle } from "@/records/MakeArticle";
import { AssetLinks, addressOf } from "@/records/RecordLink";
import { Ago, type Tone } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Hints } from "./Hints";
import { Macros } from "./Macros";

const OPEN = ["NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD"] as const;
const STILL_OPEN = `state IN (${OPEN.join(", ")})`;
const PRIORITIES = ["P1", "P2", "P3", "P4", "P5"] as const;
const HOLD_REASONS = ["CALLER", "VENDOR", "CHANGE", "PROBLEM", "SCHEDULED"] as const;
const CODES = ["repaired", "workaround", "configured", "explained", "no-fault-found", "duplicate"] as const;
const TONES: Record<Incident["state"], Tone> = {
  STATE_UNSPECIFIED: "still",
  NEW: "accent",
  ASSIGNED: "calm",
  IN_PROGRESS: "calm",
  ON_HOLD: "warn",
  RESOLVED: "good",
  CLOSED: "still",
  CANCELLED: "still",
};

type Id = "assign" | "start" | "hold" | "resume" | "resolve" | "reopen" | "close" | "cancel";

const verb = (id: Id, from: Verb<Incident>["from"], rest: Partial<Verb<Incident>> = {}): Verb<Incident> => ({
  id,
  label: t(`verb.${id}`),
  from,
  done: (count, named) => t(`done.${id}`, { count, number: named }),
  ...rest,
});

const verbs: readonly Verb<Incident>[] = [
  verb("start", ["NEW", "ASSIGNED"], { key: "s" }),
  verb("resume", ["ON_HOLD"], { key: "s" }),
  verb("resolve", OPEN, {
    key: "e",
    fields: () => [
      {
        name: "resolutionCode",
        label: t("incident.resolutionCode"),
        kind: "choice",
        required: true,
        initial: "repaired",
        options: CODES.map((value) => ({ value, label: t(`code.${value}`) })),
      },
      { name: "resolution", label: t("incident.resolution"), kind: "area", required: true },
    ],
  }),
  verb("assign", OPEN, {
    key: "a",
    fields: ([first, ...others], me) => [
      { ...team, required: true, initial: first?.teamId },
      { ...assignee, initial: first && others.length === 0 ? first.assigneeId || me : "" },
    ],
    // What nobody had cannot be given back.
    undo: ({ teamId, assigneeId }) => (teamId ? { verb: "assign", values: { teamId, assigneeId } } : null),
  }),
  verb("hold", ["ASSIGNED", "IN_PROGRESS"], {
    key: "h",
    fields: () => [
      {
        name: "reason",
        label: t("incident.holdReason"),
        kind: "choice",
        required: true,
        initial: "CALLER",
        options: HOLD_REASONS.map((value) => ({ value, label: t(`hold.${value}`) })),
      },
      { name: "note", label: t("record.note"), kind: "area" },
    ],
    undo: () => ({ verb: "resume", values: {} }),
  }),
  verb("reopen", ["RESOLVED"], { fields: () => [reason] }),
  verb("close", ["RESOLVED"]),
  verb("cancel", OPEN, { fields: () => [reason], danger: true }),
];

const stateText = (state: string) => t(`state.${state as Incident["state"]}`, { defaultValue: state });

const State = ({ incident: { state, holdReason } }: { incident: Incident }) => (
  <StateChip
    tones={TONES}
    state={state}
    text={stateText(state)}
    title={state === "ON_HOLD" ? t(`hold.${holdReason}`) : undefined}
  />
);

/** Interruptions of what people rely on, to be ended soon. */
export const INCIDENTS: Kind<Incident> = {
  resources: "incidents",
  many: t("nav.incidents"),
  one: t("incident.one"),
  icon: "incident",
  views: [
    { value: "open", label: t("view.open"), filter: () => STILL_OPEN },
    { value: "mine", label: t("view.mine"), filter: (me) => `${STILL_OPEN} AND assigneeId = ${quoted(me)}` },
    { value: "unassigned", label: t("view.unassigned"), filter: () => `${STILL_OPEN} AND NOT assigneeId:*` },
    { value: "resolved", label: t("view.resolved"), filter: () => "state = RESOLVED" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  sorts: [
    { value: "newest", label: t("sort.newest"), orderBy: "createTime desc" },
    { value: "oldest", label: t("sort.oldest"), orderBy: "createTime" },
    { value: "changed", label: t("sort.changed"), orderBy: "updateTime desc" },
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
    number("incidents"),
    title(),
    { title: t("record.state"), width: "7rem", minor: true, cell: (incident) => <State incident={incident} /> },
    { title: t("record.sla"), width: "8rem", cell: ({ clocks }) => <SlaChip clocks={clocks} /> },
    team.column(),
    assignee.column(),
    opened(),
  ],
  verbs,
  bulk: ["assign", "start", "resolve"],
  stateText,
  chips: (incident) => (
    <>
      <PriorityChip priority={incident.priority} />
      <State incident={incident} />
      <SlaChip clocks={incident.clocks} />
    </>
  ),
  facts: (incident) => [
    team.fact(incident),
    assignee.fact(incident),
    [t("record.requester"), <Person key="r" id={incident.requesterId} />],
    [t("record.impact"), `${t(`level.${incident.impact}`)} / ${t(`level.${incident.urgency}`)}`],
    [t("record.category"), incident.category || null],
    [t("record.assets"), incident.assetIds.length > 0 ? <AssetLinks key="c" ids={incident.assetIds} /> : null],
    [
      t("incident.alerts"),
      incident.alertIds.length > 0 ? (
        <Link key="l" {...addressOf("alerts", incident.alertIds[0] ?? "")}>
          {t("incident.alertCount", { count: incident.alertIds.length })}
        </Link>
      ) : null,
    ],
    [t("incident.source"), t(`source.${incident.source}`)],
    [t("incident.external"), incident.externalNumber || null],
    [t("record.opened"), <Ago key="o" time={incident.createTime} />],
    [t("record.changed"), <Ago key="u" time={incident.updateTime} />],
    [
      t("incident.resolution"),
      incident.resolution ? (
        <span key="s" className="prose">
          {incident.resolution}
        </span>
      ) : null,
    ],
  ],
  actions: (incident) => (
    <>
      <Macros incident={incident} />
      <MakeArticle id={incident.id} />
    </>
  ),
  main: (incident) => <Hints incident={incident} />,
  side: (incident) => (
    <>
      <Clocks resources="incidents" id={incident.id} clocks={incident.clocks} explained />
      <Attachments id={incident.id} />
      <Links kind={INCIDENTS} record={incident} />
      <MajorCard incident={incident} />
    </>
  ),
  create: (me) => [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    { name: "description", label: t("record.description"), kind: "area" },
    level("impact"),
    level("urgency"),
    category,
    { name: "assetIds", label: t("record.assets"), kind: "assets" },
    { name: "requesterId", label: t("record.requester"), kind: "person", initial: me },
  ],
  edit: [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    { name: "description", label: t("record.description"), kind: "area" },
    level("impact"),
    level("urgency"),
    category,
    { name: "assetIds", label: t("record.assets"), kind: "assets" },
  ],
};
