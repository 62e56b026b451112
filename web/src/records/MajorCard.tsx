import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask, type Incident, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";
import { FieldsForm } from "./FieldsForm";
import { addressOf } from "./RecordLink";
import { Card, Rows, useRows } from "./RecordRows";

type Major = Schemas["Major"];

/** Whether an incident is handled as a major one; from here it is proposed, or declared at once. */
export function MajorCard({ incident }: { incident: Incident }) {
  const { can, me } = useSession();
  const navigate = useNavigate();
  const [opened, setOpened] = useState(false);
  const query = useRows<Major>("majors", `incidentId = ${quoted(incident.id)}`);
  if (!can("majors.list") || query.data === undefined) return null;
  const majors = query.data;
  const open = !["CLOSED", "CANCELLED", "RESOLVED"].includes(incident.state);
  const able = open && can("majors.propose") && majors.every(({ state }) => state === "DECLINED");
  if (majors.length === 0 && !able) return null;
  const declares = can("majors.declare");
  const label = t(declares ? "majorCard.declare" : "majorCard.propose");
  return (
    <Card title={t("majorCard.card")}>
      {majors.length > 0 ? (
        <Rows resources="majors" records={majors} label={t("majorCard.card")} />
      ) : (
        <p className="muted">{t("majorCard.none")}</p>
      )}
      {able && (
        <Button size="xs" variant="default" onClick={() => setOpened(true)}>
          {label}
        </Button>
      )}
      <Dialog opened={opened} onClose={() => setOpened(false)} title={label}>
        <FieldsForm
          fields={[
            { name: "title", label: t("majorCard.atStake"), kind: "text", required: true, initial: incident.title },
            { name: "description", label: t("majorCard.reason"), kind: "area" },
            ...(declares
              ? [{ name: "commanderId", label: t("majorCard.lead"), kind: "person" as const, initial: me.subject }]
              : []),
          ]}
          action={label}
          cancel={() => setOpened(false)}
          submit={async ({ commanderId, ...values }) => {
            const proposed = await ask<Major>("POST", "majors", { body: { ...values, incidentId: incident.id } });
            const { id, etag, number } = proposed;
            if (declares) await ask("POST", `majors/${id}:declare`, { etag, body: { commanderId } });
            toast(t(declares ? "majorCard.declared" : "majorCard.proposed", { number }));
            void navigate(addressOf("majors", number));
          }}
        />
      </Dialog>
    </Card>
  );
}
