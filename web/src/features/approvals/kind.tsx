import { quoted } from "@/api/client";
import { t } from "@/i18n";
import { AnyLink } from "@/records/AnyLink";
import { type Approval, ApprovalBody, ReplaceVoter, RiskChip } from "@/records/Approval";
import { StateChip } from "@/records/chips";
import { opened, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { Card } from "@/records/RecordRows";
import { STATE_TONES, stateText } from "@/records/states";
import { Ago, Chip } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Team } from "@/ui/teams";
import { at } from "@/ui/time";
import { Tools } from "./Delegations";

const STATES = ["WAITING", "APPROVED", "REJECTED", "VOID", "EXPIRED"] as const;

const State = ({ state }: { state: string }) => <StateChip tones={STATE_TONES} state={state} text={stateText(state)} />;

const vote = (id: "approve" | "reject", choice: "APPROVE" | "REJECT", me: string): Verb<Approval> => ({
  id,
  label: t(`verb.${id}`),
  command: "vote",
  permission: "vote",
  key: id === "approve" ? "y" : "x",
  from: ({ state, voterIds }) => state === "WAITING" && voterIds.includes(me),
  extra: () => ({ choice }),
  fields: () => [{ name: "comment", label: t("approval.comment"), kind: "area", required: choice === "REJECT" }],
  danger: choice === "REJECT",
  done: () => t("approval.voted"),
});

/** What somebody was asked to agree to; whose vote is wanted depends on who looks. */
export const approvals = (me: string): Kind<Approval> => ({
  resources: "approvals",
  many: t("nav.approvals"),
  one: t("approval.one"),
  icon: "check",
  find: (text) => `subject = ${quoted(text)}`,
  views: [
    { value: "waiting", label: t("approval.views.waiting"), filter: () => `state = WAITING AND voterIds = ${quoted(me)}` },
    { value: "asked", label: t("approval.views.asked"), filter: () => `requesterId = ${quoted(me)}` },
    { value: "all", label: t("approval.views.all"), filter: () => "" },
  ],
  narrowings: [
    { name: "state", label: t("approval.state"), options: STATES.map((value) => ({ value, label: stateText(value) })) },
  ],
  columns: [
    { title: t("record.state"), width: "7rem", cell: ({ state }) => <State state={state} /> },
    title(),
    { title: t("approval.subject"), width: "8rem", minor: true, cell: ({ subject }) => <AnyLink target={subject} /> },
    { title: t("approval.risk"), width: "8rem", minor: true, cell: ({ risk }) => <RiskChip risk={risk} /> },
    { title: t("approval.askedBy"), width: "10rem", minor: true, cell: ({ requesterId }) => <Person id={requesterId} /> },
    opened(),
  ],
  verbs: [vote("approve", "APPROVE", me), vote("reject", "REJECT", me)],
  stateText,
  chips: ({ state, purpose, risk }) => (
    <>
      <State state={state} />
      {risk !== "RISK_UNSPECIFIED" && <RiskChip risk={risk} />}
      <Chip tone="still">{t(`approval.purpose.${purpose}`)}</Chip>
    </>
  ),
  facts: (approval) => [
    [t("approval.subject"), <AnyLink key="s" target={approval.subject} />],
    [t("approval.askedBy"), <Person key="r" id={approval.requesterId} />],
    [t("approval.policy"), approval.policyId === "default" ? t("approval.defaultPolicy") : approval.policyName],
    [t("record.team"), approval.teamId ? <Team key="t" id={approval.teamId} /> : null],
    [t("approval.expires"), approval.expireTime ? at(approval.expireTime) : null],
    [t("approval.decided"), approval.decideTime ? <Ago key="d" time={approval.decideTime} /> : null],
    [t("record.opened"), <Ago key="o" time={approval.createTime} />],
  ],
  main: (approval) => (
    <Card title={t("approval.card")} action={<ReplaceVoter approval={approval} />}>
      <ApprovalBody approval={approval} headed />
    </Card>
  ),
  tools: () => <Tools />,
  noteable: false,
  history: false,
});
