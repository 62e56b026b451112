import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { Chip, Problem, type Tone } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon, type IconName } from "@/ui/Icon";
import { Person, usePerson } from "@/ui/people";
import { toast } from "@/ui/toasts";
import { StateChip } from "./chips";
import { listRecords, useTaken } from "./data";
import { FieldsForm } from "./FieldsForm";
import type { Field } from "./kind";
import { Card } from "./RecordRows";
import { Stages } from "./Stages";
import { STATE_TONES, stateText } from "./states";
import "@/styles/desk.css";

export type Approval = Schemas["Approval"];
type Delegation = Schemas["ApprovalDelegation"];

/** Those in whose name somebody may vote here: himself, and who is away and let him. */
export function useVoices(approval: Approval): string[] {
  const { me, can } = useSession();
  const { data = [] } = useQuery({
    queryKey: ["approvalDelegations", "to", me.subject],
    enabled: approval.state === "WAITING" && can("approvalDelegations.list"),
    queryFn: async () =>
      (await listRecords<Delegation>("approvalDelegations", `toId = ${quoted(me.subject)}`, "", "", 50)).items,
  });
  if (approval.state !== "WAITING" || !can("approvals.vote")) return [];
  const instant = Date.now();
  const absent = data
    .filter(({ startTime, endTime }) => (!startTime || Date.parse(startTime) <= instant) && Date.parse(endTime ?? "") > instant)
    .map(({ fromId }) => fromId);
  return [me.subject, ...absent].filter((id) => approval.voterIds.includes(id));
}

const CHOICES = [
  { choice: "APPROVE", verb: "approve", icon: "check" },
  { choice: "REJECT", verb: "reject", icon: "close" },
  { choice: "ABSTAIN", verb: "abstain", icon: "minus" },
] as const satisfies readonly { choice: Schemas["ApprovalChoice"]; verb: string; icon: IconName }[];

type Choice = (typeof CHOICES)[number];

/** Agreeing or not, with a reason where it is a no. */
export function Votes({ approval }: { approval: Approval }) {
  const voices = useVoices(approval);
  const taken = useTaken("approvals");
  const { me } = useSession();
  const [asked, setAsked] = useState<Choice | null>(null);
  if (voices.length === 0) return null;
  const absent = voices.filter((id) => id !== me.subject);
  return (
    <div className="line wrap">
      {CHOICES.map((each) => (
        <Button
          key={each.choice}
          size="compact-sm"
          variant={each.choice === "APPROVE" ? "filled" : "default"}
          leftSection={<Icon name={each.icon} />}
          onClick={() => setAsked(each)}
        >
          {t(`verb.${each.verb}`)}
        </Button>
      ))}
      {absent.length > 0 && !voices.includes(me.subject) && <InName id={absent[0] ?? ""} />}
      <Dialog
        opened={asked !== null}
        onClose={() => setAsked(null)}
        title={asked ? t("approval.voteTitle", { verb: t(`verb.${asked.verb}`), title: approval.title }) : ""}
      >
        {asked && (
          <FieldsForm
            fields={[
              {
                name: "comment",
                label: t("approval.comment"),
                kind: "area",
                required: asked.choice === "REJECT",
                hint: t("approval.commentHint"),
              },
            ]}
            action={t(`verb.${asked.verb}`)}
            danger={asked.choice === "REJECT"}
            cancel={() => setAsked(null)}
            submit={async (values) => {
              const forId = voices.includes(me.subject) ? undefined : absent[0];
              const body = { ...values, choice: asked.choice, forId };
              taken(await ask<Approval>("POST", `approvals/${approval.id}:vote`, { etag: approval.etag, body }));
              toast(t("approval.voted"));
              setAsked(null);
            }}
          />
        )}
      </Dialog>
    </div>
  );
}

function InName({ id }: { id: string }) {
  return <span className="muted">{t("approval.inName", { name: usePerson(id) || id })}</span>;
}

/** Names who votes instead of somebody, or beside those who are there. */
export function ReplaceVoter({ approval }: { approval: Approval }) {
  const { can } = useSession();
  const taken = useTaken("approvals");
  const [opened, setOpened] = useState(false);
  if (approval.state !== "WAITING" || !can("approvals.replace")) return null;
  const fields: Field[] = [
    {
      name: "voterId",
      label: t("approval.replaceWho"),
      kind: "person",
      hint: t("approval.replaceNobody"),
      initial: approval.voterIds.length === 1 ? approval.voterIds[0] : undefined,
    },
    { name: "byId", label: t("approval.replaceBy"), kind: "person", required: true },
    { name: "note", label: t("record.reason"), kind: "area", required: true },
  ];
  return (
    <>
      <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
        {t("approval.replace")}
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("approval.replace")}>
        <FieldsForm
          fields={fields}
          action={t("approval.replace")}
          cancel={() => setOpened(false)}
          submit={async (values) => {
            taken(await ask<Approval>("POST", `approvals/${approval.id}:replaceVoter`, { etag: approval.etag, body: values }));
            toast(t("approval.replaced"));
            setOpened(false);
          }}
        />
      </Dialog>
    </>
  );
}

const RISK: Record<Schemas["ChangeRisk"], Tone> = { RISK_UNSPECIFIED: "still", LOW: "good", MEDIUM: "warn", HIGH: "bad" };

export const RiskChip = ({ risk, title }: { risk: Schemas["ChangeRisk"]; title?: string }) => (
  <Chip tone={RISK[risk]} title={title}>
    {t(`risk.${risk}`)}
  </Chip>
);

/** One approval: who was asked, what they said, what follows. */
export function ApprovalBody({ approval, headed = false }: { approval: Approval; headed?: boolean }) {
  const { me } = useSession();
  // A page has its own verbs for whom it asks; a delegate votes here.
  const elsewhere = headed && approval.voterIds.includes(me.subject);
  return (
    <div className="stack">
      <div className="line wrap">
        <StateChip tones={STATE_TONES} state={approval.state} text={stateText(approval.state)} />
        <span className="muted">{approval.policyId === "default" ? t("approval.defaultPolicy") : approval.policyName}</span>
      </div>
      <Stages approval={approval} />
      {!elsewhere && <Votes approval={approval} />}
      {approval.state === "WAITING" && approval.barredIds.includes(me.subject) && (
        <p className="muted">{t("approval.barred")}</p>
      )}
      {approval.reasons.length > 0 && (
        <details>
          <summary className="muted">{t("approval.why")}</summary>
          <ol className="steps">
            {approval.reasons.map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

/** The approvals of any record, the newest first: `changes/chg_…`. */
export function ApprovalCard({ subject, none }: { subject: string; none?: ReactNode }) {
  const client = useQueryClient();
  const { can } = useSession();
  const { hear } = useLive();
  const query = useQuery({
    queryKey: ["approvals", "of", subject],
    enabled: can("approvals.list"),
    queryFn: async () =>
      (await listRecords<Approval>("approvals", `subject = ${quoted(subject)}`, "createTime desc", "", 5)).items,
  });
  useEffect(
    () => hear("approvals", () => void client.invalidateQueries({ queryKey: ["approvals", "of", subject] })),
    [client, hear, subject],
  );
  const [newest, ...earlier] = query.data ?? [];
  return (
    <Card title={t("approval.card")} action={newest && <ReplaceVoter approval={newest} />}>
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <div className="skeleton" />}
      {query.isSuccess && newest === undefined && <p className="muted">{none ?? t("approval.none")}</p>}
      {newest && <ApprovalBody approval={newest} />}
      {earlier.length > 0 && (
        <ul className="rows">
          {earlier.map((approval) => (
            <li key={approval.id}>
              <span className="grow muted">{t(`approval.purpose.${approval.purpose}`)}</span>
              <Person id={approval.requesterId} />
              <StateChip tones={STATE_TONES} state={approval.state} text={stateText(approval.state)} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
