import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { findRecords } from "@/records/finding";
import { Card, RecordRows } from "@/records/RecordRows";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";

type Problem = Schemas["IncidentProblem"];

/** Beside the heading of the list. */
export function Tools() {
  const { can } = useSession();
  if (!can("problems.candidates")) return null;
  return (
    <Link to="/problems/candidates" className="button small">
      {t("problem.candidates")}
    </Link>
  );
}

/** What is known of a problem: that is what makes it a known error. */
export function Known({ problem }: { problem: Problem }) {
  const { can } = useSession();
  const [opened, setOpened] = useState(false);
  const tellable = problem.workaround !== "" && can("problems.tell");
  return (
    <Card
      title={t("problem.known")}
      action={
        tellable && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("problem.tell")}
          </Button>
        )
      }
    >
      <dl className="stack">
        <dt className="muted">{t("problem.cause")}</dt>
        <dd className="prose">{problem.cause || <span className="muted">{t("problem.unknown")}</span>}</dd>
        <dt className="muted">{t("problem.workaround")}</dt>
        <dd className="prose">{problem.workaround || <span className="muted">{t("problem.unknown")}</span>}</dd>
      </dl>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("verb.tellWorkaround")}>
        <FieldsForm
          fields={[{ name: "public", label: t("problem.tellPublic"), kind: "toggle", initial: true }]}
          action={t("problem.tell")}
          cancel={() => setOpened(false)}
          submit={async (values) => {
            const answer = await ask<{ told: number }>("POST", `problems/${problem.id}:tellWorkaround`, { body: values });
            toast(t("problem.told", { count: answer.told }));
            setOpened(false);
          }}
        >
          {() => <p className="note prose">{problem.workaround}</p>}
        </FieldsForm>
      </Dialog>
    </Card>
  );
}

/** The incidents that a problem accounts for. */
export function Incidents({ problem }: { problem: Problem }) {
  const { can } = useSession();
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const label = t("problem.incidents");
  return (
    <Card
      title={label}
      action={
        can("problems.link") && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("problem.attach")}
          </Button>
        )
      }
    >
      <RecordRows
        resources="incidents"
        label={label}
        filter={`links.target = ${quoted(`problems/${problem.id}`)}`}
        none={t("problem.noIncidents")}
      />
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("problem.attach")}>
        <FieldsForm
          fields={[
            { name: "incident", label: t("problem.incident"), kind: "record", required: true, find: findRecords("incidents") },
          ]}
          action={t("problem.attach")}
          cancel={() => setOpened(false)}
          submit={async ({ incident }) => {
            await ask("POST", `problems/${problem.id}:attach`, { body: { incidentIds: [incident] } });
            void client.invalidateQueries({ queryKey: ["incidents"] });
            toast(t("problem.attached"));
            setOpened(false);
          }}
        />
      </Dialog>
    </Card>
  );
}
