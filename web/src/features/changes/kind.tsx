import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { ApprovalCard, RiskChip } from "@/records/Approval";
import { StateChip } from "@/records/chips";
import { assignee, category, number, reason, team, title } from "@/records/common";
import { findRecords } from "@/records/finding";
import type { Field, Kind, Values, Verb } from "@/records/kind";
import { Links } from "@/records/Links";
import { AssetLinks } from "@/records/RecordLink";
import { eventText, STATE_TONES, stateText } from "@/records/states";
import { Tasks } from "@/records/Tasks";
import { Ago, Chip, type Tone } from "@/ui/bits";
import { Person } from "@/ui/people";
import { at, between } from "@/ui/time";
import { Afterwards, Plans, RiskCard, Spoken } from "./cards";
import { Conflicts, Gate } from "./checks";
import { Places } from "./Places";

export type Change = Schemas["Change"];

const OPEN = ["NEW", "ASSESS", "AUTHORIZE", "SCHEDULED", "IMPLEMENT", "REVIEW"] as const;
const STILL_OPEN = `state IN (${OPEN.join(", ")})`;
const BEFORE = ["NEW", "ASSESS", "AUTHORIZE", "SCHEDULED"] as const;
const KINDS = ["NORMAL", "STANDARD", "EMERGENCY"] as const;
const RISKS = ["HIGH", "MEDIUM", "LOW"] as const;
const OUTCOMES = ["SUCCESSFUL", "SUCCESSFUL_WITH_ISSUES", "BACKED_OUT", "FAILED"] as const;
export const OUTCOME_TONES: Record<Change["outcome"], Tone> = {
  OUTCOME_UNSPECIFIED: "still",
  SUCCESSFUL: "good",
  SUCCESSFUL_WITH_ISSUES: "warn",
  BACKED_OUT: "hot",
  FAILED: "bad",
};

type Id = "assess" | "submit" | "schedule" | "start" | "finish" | "close" | "assign" | "expedite" | "revise" | "cancel";

const verb = (id: Id, from: Verb<Change>["from"], rest: Partial<Verb<Change>> = {}): Verb<Change> => ({
  id,
  label: t(`verb.${id}`),
  from,
  ...rest,
});

/** The tables of the service's moves, one for each way; what is not in them is not offered. */
const is =
  (kind: Change["kind"], ...states: Change["state"][]) =>
  (change: Change) =>
    change.kind === kind && states.includes(change.state);
const any =
  (...conditions: ((change: Change) => boolean)[]) =>
  (change: Change) =>
    conditions.some((holds) => holds(change));

const verbs: readonly Verb<Change>[] = [
  verb("assess", is("NORMAL", "NEW"), { key: "s" }),
  verb("submit", any(is("NORMAL", "ASSESS"), is("EMERGENCY", "NEW")), { key: "s" }),
  verb(
    "schedule",
    any(is("STANDARD", "NEW"), (change) => change.state === "AUTHORIZE" && change.approval === "APPROVED"),
    { key: "s" },
  ),
  verb("start", ["SCHEDULED"], { key: "s" }),
  verb("finish", ["IMPLEMENT"], {
    key: "e",
    fields: () => [
      {
        name: "outcome",
        label: t("change.outcome"),
        kind: "choice",
        required: true,
        initial: "SUCCESSFUL",
        options: OUTCOMES.map((value) => ({ value, label: t(`change.outcomes.${value}`) })),
      },
      { name: "outcomeNote", label: t("change.outcomeNote"), kind: "area" },
    ],
  }),
  verb("close", ["REVIEW"], {
    fields: ([first]) => [
      {
        name: "review",
        label: t("change.review"),
        kind: "area",
        required: first !== undefined && (first.kind === "EMERGENCY" || first.outcome !== "SUCCESSFUL"),
      },
    ],
  }),
  verb("expedite", is("EMERGENCY", "NEW", "AUTHORIZE"), {
    fields: () => [
      { name: "approverId", label: t("change.approver"), kind: "person", required: true },
      { name: "words", label: t("change.words"), kind: "area", required: true },
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
  verb("revise", any(is("NORMAL", "ASSESS", "AUTHORIZE"), is("EMERGENCY", "AUTHORIZE")), { fields: () => [reason] }),
  verb("cancel", BEFORE, { fields: () => [reason], danger: true }),
];

const State = ({ state }: { state: string }) => <StateChip tones={STATE_TONES} state={state} text={stateText(state)} />;

const planned = (values: Values) => values.kind !== "STANDARD";
const window: readonly Field[] = [
  { name: "startTime", label: t("change.start"), kind: "time" },
  { name: "endTime", label: t("change.end"), kind: "time" },
];
const plans: readonly Field[] = [
  { name: "implementationPlan", label: t("change.plan"), kind: "area", when: planned },
  { name: "testPlan", label: t("change.testPlan"), kind: "area", when: planned },
  { name: "backOutPlan", label: t("change.backOutPlan"), kind: "area", when: planned },
];
const scope: readonly Field[] = [
  { name: "assetIds", label: t("record.assets"), kind: "assets" },
  { name: "serviceIds", label: t("change.services"), kind: "assets", when: planned },
];
const words: readonly Field[] = [
  { name: "title", label: t("record.title"), kind: "text", required: true },
  { name: "description", label: t("record.description"), kind: "area" },
];

/** Something that is to be altered, from the proposal to its review. */
export const CHANGES: Kind<Change> = {
  resources: "changes",
  many: t("nav.changes"),
  one: t("change.one"),
  icon: "change",
  views: [
    { value: "open", label: t("view.open"), filter: () => STILL_OPEN },
    { value: "mine", label: t("view.mine"), filter: (me) => `${STILL_OPEN} AND assigneeId = ${quoted(me)}` },
    { value: "making", label: t("change.views.mine"), filter: (me) => `${STILL_OPEN} AND implementerId = ${quoted(me)}` },
    { value: "approval", label: t("change.views.approval"), filter: () => "state = AUTHORIZE" },
    { value: "scheduled", label: t("change.views.scheduled"), filter: () => "state IN (SCHEDULED, IMPLEMENT)" },
    { value: "review", label: t("change.views.review"), filter: () => "state = REVIEW" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  narrowings: [
    { name: "risk", label: t("change.risk"), options: RISKS.map((value) => ({ value, label: t(`risk.${value}`) })) },
    { name: "kind", label: t("change.kind"), options: KINDS.map((value) => ({ value, label: t(`change.kinds.${value}`) })) },
  ],
  columns: [
    {
      title: t("change.risk"),
      width: "7rem",
      cell: ({ risk, riskReasons }) => <RiskChip risk={risk} title={riskReasons.join("\n")} />,
    },
    number("changes"),
    title(),
    { title: t("record.state"), width: "10rem", minor: true, cell: ({ state }) => <State state={state} /> },
    { title: t("change.kind"), width: "6rem", minor: true, cell: ({ kind }) => t(`change.kinds.${kind}`) },
    {
      title: t("change.window"),
      width: "11rem",
      minor: true,
      cell: ({ startTime }) =>
        startTime ? <time dateTime={startTime}>{at(startTime)}</time> : <span className="muted">–</span>,
    },
    {
      title: t("change.implementer"),
      width: "10rem",
      minor: true,
      cell: ({ implementerId }) => <Person id={implementerId} />,
    },
  ],
  verbs,
  bulk: ["assign"],
  stateText,
  happened: eventText,
  tools: () => <Places />,
  chips: (change) => (
    <>
      <State state={change.state} />
      <RiskChip risk={change.risk} title={change.riskReasons.join("\n")} />
      <Chip tone={change.kind === "EMERGENCY" ? "hot" : "still"}>{t(`change.kinds.${change.kind}`)}</Chip>
      {change.outcome !== "OUTCOME_UNSPECIFIED" && (
        <Chip tone={OUTCOME_TONES[change.outcome]}>{t(`change.outcomes.${change.outcome}`)}</Chip>
      )}
    </>
  ),
  facts: (change) => [
    [
      t("change.window"),
      change.startTime && change.endTime ? (
        between(change.startTime, change.endTime)
      ) : (
        <span key="w" className="muted">
          {t("change.noWindow")}
        </span>
      ),
    ],
    [t("change.implementer"), <Person key="i" id={change.implementerId} lone={t("record.nobody")} />],
    team.fact(change),
    assignee.fact(change),
    [t("record.requester"), <Person key="r" id={change.requesterId} />],
    [t("record.category"), change.category || null],
    [t("record.assets"), change.assetIds.length > 0 ? <AssetLinks key="c" ids={change.assetIds} /> : null],
    [t("change.services"), change.serviceIds.length > 0 ? <AssetLinks key="s" ids={change.serviceIds} /> : null],
    [t("record.opened"), <Ago key="o" time={change.createTime} />],
    [t("record.changed"), <Ago key="u" time={change.updateTime} />],
  ],
  main: (change) => (
    <>
      <Afterwards change={change} />
      <Plans change={change} />
      <Conflicts change={change} />
      <Tasks resources="changes" id={change.id} />
    </>
  ),
  side: (change) => (
    <>
      {change.kind !== "STANDARD" && <ApprovalCard subject={`changes/${change.id}`} />}
      <Spoken change={change} />
      <Gate change={change} />
      <RiskCard change={change} />
      <Links kind={CHANGES} record={change} />
    </>
  ),
  create: () => [
    {
      name: "kind",
      label: t("change.kind"),
      kind: "choice",
      required: true,
      initial: "NORMAL",
      hint: t("change.kindHint"),
      options: KINDS.map((value) => ({ value, label: t(`change.kinds.${value}`) })),
    },
    {
      name: "templateId",
      label: t("change.template"),
      kind: "record",
      required: true,
      when: ({ kind }) => kind === "STANDARD",
      find: findRecords("changeTemplates", "state = APPROVED", "name"),
    },
    ...words,
    ...scope,
    ...window,
    { name: "implementerId", label: t("change.implementer"), kind: "person" },
    ...plans,
    { ...category, when: planned },
  ],
  edit: [
    ...words,
    ...window,
    { name: "implementerId", label: t("change.implementer"), kind: "person" },
    ...scope,
    ...plans,
    category,
  ],
};
