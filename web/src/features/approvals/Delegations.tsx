import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { listRecords } from "@/records/data";
import { FieldsForm } from "@/records/FieldsForm";
import { Problem, Towards } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Person } from "@/ui/people";
import { at } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";

type Delegation = Schemas["ApprovalDelegation"];

/** Opens who votes for whom. */
export function Tools() {
  const { can } = useSession();
  const [opened, setOpened] = useState(false);
  if (!can("approvalDelegations.list")) return null;
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpened(true)}>
        {t("approval.delegations")}
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("approval.delegations")} place="side">
        <Delegations />
      </Dialog>
    </>
  );
}

/** Who votes in whose name, as far as it is mine; and letting somebody vote in my name. */
function Delegations() {
  const { me, can } = useSession();
  const client = useQueryClient();
  const [asked, setAsked] = useState(false);
  const self = quoted(me.subject);
  const query = useQuery({
    queryKey: ["approvalDelegations", "mine"],
    queryFn: async () =>
      (await listRecords<Delegation>("approvalDelegations", `fromId = ${self} OR toId = ${self}`, "", "", 50)).items,
  });
  const over = Date.now();
  const present = (query.data ?? []).filter(({ endTime }) => Date.parse(endTime ?? "") > over);
  const changed = () => void client.invalidateQueries({ queryKey: ["approvalDelegations"] });
  const end = (delegation: Delegation) =>
    void ask("POST", `approvalDelegations/${delegation.id}:end`, { etag: delegation.etag, body: {} }).then(() => {
      toast(t("approval.ended"));
      changed();
    }, toastProblem);
  return (
    <div className="stack">
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && present.length === 0 && <p className="muted">{t("approval.noDelegations")}</p>}
      <ul className="rows" aria-label={t("approval.delegations")}>
        {present.map((delegation) => (
          <li key={delegation.id}>
            <div className="grow stack" style={{ gap: "0.125rem" }}>
              <div className="line wrap">
                <Person id={delegation.fromId} />
                <Towards />
                <Person id={delegation.toId} />
              </div>
              <span className="muted">
                {delegation.endTime && t("approval.until", { time: at(delegation.endTime) })}
                {delegation.note && ` · ${delegation.note}`}
              </span>
            </div>
            {delegation.fromId === me.subject && can("approvalDelegations.end") && (
              <Button size="compact-xs" variant="default" onClick={() => end(delegation)}>
                {t("verb.end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {!asked && can("approvalDelegations.create") && (
        <div>
          <Button size="xs" onClick={() => setAsked(true)}>
            {t("approval.delegate")}
          </Button>
        </div>
      )}
      {asked && (
        <FieldsForm
          fields={[
            { name: "toId", label: t("approval.delegateTo"), kind: "person", required: true },
            { name: "startTime", label: t("approval.delegateFrom"), kind: "time" },
            { name: "endTime", label: t("approval.delegateUntil"), kind: "time", required: true },
            { name: "note", label: t("approval.delegateNote"), kind: "text" },
          ]}
          action={t("approval.delegate")}
          cancel={() => setAsked(false)}
          submit={async (values) => {
            await ask("POST", "approvalDelegations", { body: values });
            toast(t("approval.delegated"));
            setAsked(false);
            changed();
          }}
        />
      )}
    </div>
  );
}
