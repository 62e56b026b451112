import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { ApprovalCard } from "@/records/Approval";
import { Clocks } from "@/records/Clocks";
import { PriorityChip, SlaChip, StateChip } from "@/records/chips";
import { assignee, category, level, number, opened, reason, team, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { Links } from "@/records/Links";
import { AssetLinks, RecordLink } from "@/records/RecordLink";
import { Tasks } from "@/records/Tasks";
import { Ago, type Tone } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Answers } from "./Answers";
import { Progress } from "./Progress";

type Request = Schemas["Request"];

const WORKABLE = ["APPROVED", "IN_PROGRESS", "ON_HOLD"] as const;
const BEFORE = ["NEW", "WAITING_FOR_APPROVAL"] as const;
const OPEN = [...BEFORE, ...WORKABLE] as const;
const STILL_OPEN = `state IN (${OPEN.join(", ")})`;
const HOLD_REASONS = ["CALLER", "VENDOR", "CHANGE", "PROBLEM", "SCHEDULED"] as const;
const CODES = ["fulfilled", "partly", "alternative"] as const;
const PRIORITIES = ["P1", "P2", "P3", "P4", "P5"] as const;
const TONES: Record<Request["state"], Tone> = {
  STATE_UNSPECIFIED: "still",
  NEW: "accent",
  WAITING_FOR_APPROVAL: "warn",
  APPROVED: "accent",
  REJECTED: "bad",
  IN_PROGRESS: "calm",
  ON_HOLD: "warn",
  RESOLVED: "good",
  CLOSED: "still",
  CANCELLED: "still",
};

const stateText = (state: string) => t(`request.state.${state as Request["state"]}`, { defaultValue: state });

const State = ({ request: { state, holdReason } }: { request: Request }) => (
  <StateChip
    tones={TONES}
    state={state}
    text={stateText(state)}
    title={state === "ON_HOLD" ? t(`hold.${holdReason}`) : undefined}
  />
);

const priced = ({ price }: Request) => (price?.amount ? `${price.amount} ${price.currency}` : null);

const verbs: readonly Verb<Request>[] = [
  { id: "start", label: t("verb.start"), from: ["APPROVED"], key: "s" },
  { id: "resume", label: t("verb.resume"), from: ["ON_HOLD"], key: "s" },
  { id: "submit", label: t("request.verb.submit"), from: ["NEW"], key: "s" },
  {
    id: "resolve",
    label: t("request.verb.resolve"),
    from: WORKABLE,
    key: "e",
    fields: () => [
      {
        name: "resolutionCode",
        label: t("request.code"),
        kind: "choice",
        required: true,
        initial: "fulfilled",
        options: CODES.map((value) => ({ value, label: t(`request.codes.${value}`) })),
      },
      { name: "resolution", label: t("request.resolution"), kind: "area", required: true },
    ],
  },
  {
    id: "assign",
    label: t("verb.assign"),
    from: OPEN,
    key: "a",
    fields: ([first], me) => [
      { ...team, required: true, initial: first?.teamId },
      { ...assignee, initial: first?.assigneeId || me },
    ],
    undo: ({ teamId, assigneeId }) => ({ verb: "assign", values: { teamId, assigneeId } }),
  },
  {
    id: "hold",
    label: t("verb.hold"),
    from: ["APPROVED", "IN_PROGRESS"],
    key: "h",
    fields: () => [
      {
        name: "reason",
        label: t("request.holdReason"),
        kind: "choice",
        required: true,
        initial: "CALLER",
        options: HOLD_REASONS.map((value) => ({ value, label: t(`hold.${value}`) })),
      },
      { name: "note", label: t("request.holdNote"), kind: "area" },
    ],
    undo: () => ({ verb: "resume", values: {} }),
  },
  {
    id: "revise",
    label: t("request.verb.revise"),
    from: ["NEW", "WAITING_FOR_APPROVAL", "REJECTED"],
    fields: ([first]) => [
      {
        name: "description",
        label: t("record.description"),
        kind: "area",
        initial: first?.description,
        hint: t("request.reviseHint"),
      },
    ],
  },
  { id: "reopen", label: t("verb.reopen"), from: ["RESOLVED"], fields: () => [reason] },
  { id: "close", label: t("verb.close"), from: ["RESOLVED"] },
  { id: "withdraw", label: t("request.verb.withdraw"), from: [...BEFORE, "REJECTED", "APPROVED"], fields: () => [reason] },
  { id: "cancel", label: t("verb.cancel"), from: [...OPEN, "REJECTED"], fields: () => [reason], danger: true },
];

/** What people asked for, from the order over its approval to its fulfillment. */
export const REQUESTS: Kind<Request> = {
  resources: "requests",
  many: t("request.many"),
  one: t("request.one"),
  icon: "request",
  views: [
    { value: "open", label: t("view.open"), filter: () => STILL_OPEN },
    { value: "mine", label: t("view.mine"), filter: (me) => `${STILL_OPEN} AND assigneeId = ${quoted(me)}` },
    {
      value: "unassigned",
      label: t("view.unassigned"),
      filter: () => `state IN (${WORKABLE.join(", ")}) AND NOT assigneeId:*`,
    },
    { value: "approval", label: t("request.waiting"), filter: () => "state = WAITING_FOR_APPROVAL" },
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
    number("requests"),
    title(),
    { title: t("record.state"), width: "9.5rem", minor: true, cell: (request) => <State request={request} /> },
    { title: t("record.sla"), width: "8rem", cell: ({ clocks }) => <SlaChip clocks={clocks} /> },
    { title: t("request.receiver"), width: "10rem", minor: true, cell: ({ receiverId }) => <Person id={receiverId} /> },
    assignee.column(),
    opened(),
  ],
  verbs,
  bulk: ["assign", "start"],
  stateText,
  chips: (request) => (
    <>
      <PriorityChip priority={request.priority} />
      <State request={request} />
      <SlaChip clocks={request.clocks} />
    </>
  ),
  facts: (request) => [
    [
      t("request.item"),
      request.catalogItemId ? (
        <RecordLink key="i" resources="catalogItems" id={request.catalogItemId}>
          {t("request.revision", { revision: request.catalogItemRevision })}
        </RecordLink>
      ) : null,
    ],
    [t("request.price"), priced(request)],
    [t("record.requester"), <Person key="r" id={request.requesterId} />],
    [t("request.receiver"), <Person key="v" id={request.receiverId} />],
    team.fact(request),
    assignee.fact(request),
    [t("record.impact"), `${t(`level.${request.impact}`)} / ${t(`level.${request.urgency}`)}`],
    [t("record.category"), request.category || null],
    [t("record.assets"), request.assetIds.length > 0 ? <AssetLinks key="c" ids={request.assetIds} /> : null],
    [t("request.rejected"), request.rejectionReason || null],
    [t("record.opened"), <Ago key="o" time={request.createTime} />],
    [t("record.changed"), <Ago key="u" time={request.updateTime} />],
    [t("request.resolution"), request.resolution || null],
  ],
  main: (request) => (
    <>
      <Answers request={request} />
      <Progress request={request} />
      {request.approvalPolicyId !== "" && <ApprovalCard subject={`requests/${request.id}`} />}
      <Tasks resources="requests" id={request.id} />
    </>
  ),
  side: (request) => (
    <>
      <Clocks resources="requests" id={request.id} clocks={request.clocks} />
      <Links kind={REQUESTS} record={request} />
    </>
  ),
  create: (me) => [
    { name: "title", label: t("record.title"), kind: "text", required: true, hint: t("request.createHint") },
    { name: "description", label: t("record.description"), kind: "area" },
    { name: "receiverId", label: t("request.receiver"), kind: "person", initial: me },
    level("impact"),
    level("urgency"),
    category,
    { name: "assetIds", label: t("record.assets"), kind: "assets" },
  ],
  edit: [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    level("impact"),
    level("urgency"),
    category,
    { name: "assetIds", label: t("record.assets"), kind: "assets" },
  ],
  tools: () => (
    <a className="toggle" href="/portal/services">
      {t("request.order")}
    </a>
  ),
  happened: (event) => t(`request.event.${event as "RequestOpened"}`, { defaultValue: "" }) || null,
};
