import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Alert, ask } from "@/api/client";
import { now, useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { Dialog } from "@/ui/Dialog";
import { lasting } from "@/ui/time";
import { toast } from "@/ui/toasts";

const HOURS = [1, 2, 8, 24, 72] as const;
const HOUR_MS = 3_600_000;
const PREFIX = "label ";

/** Keeps alerts with the same labels from people for a while. */
export function Silence({ alert }: { alert: Alert }) {
  const { can } = useSession();
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const labels = Object.entries(alert.labels).sort(([a], [b]) => a.localeCompare(b));
  if (!can("silences.create") || alert.state === "RESOLVED" || labels.length === 0) return null;
  const done = () => setOpened(false);
  return (
    <>
      <Button size="sm" variant="default" onClick={() => setOpened(true)}>
        {t("alert.silence")}
      </Button>
      <Dialog opened={opened} onClose={done} title={t("alert.silence")}>
        <FieldsForm
          fields={[
            {
              name: "hours",
              label: t("alert.silenceFor"),
              kind: "choice",
              required: true,
              initial: String(HOURS[1]),
              options: HOURS.map((hours) => ({ value: String(hours), label: lasting(hours * HOUR_MS) })),
            },
            { name: "comment", label: t("alert.silenceWhy"), kind: "text", required: true },
            ...labels.map(([name, value]) => ({
              name: `${PREFIX}${name}`,
              label: `${name} = ${value}`,
              kind: "toggle" as const,
              initial: true,
            })),
          ]}
          action={t("alert.silence")}
          cancel={done}
          submit={async ({ hours, comment, ...chosen }) => {
            const matchers = labels
              .filter(([name]) => chosen[`${PREFIX}${name}`] === true)
              .map(([label, value]) => ({ label, value, operator: "EQUAL" }));
            const endTime = new Date(now() + Number(hours) * HOUR_MS).toISOString();
            await ask("POST", "silences", { body: { matchers, comment, endTime } });
            void client.invalidateQueries({ queryKey: ["alerts"] });
            toast(t("alert.silenced"));
            done();
          }}
        >
          {() => <p className="muted">{t("alert.silenceText")}</p>}
        </FieldsForm>
      </Dialog>
    </>
  );
}
