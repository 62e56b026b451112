import { Button } from "@mantine/core";
import { useState } from "react";
import { ask, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useTaken } from "@/records/data";
import { FieldsForm } from "@/records/FieldsForm";
import { findRecords } from "@/records/finding";
import { Card, Rows, useRows } from "@/records/RecordRows";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import { toast, toastProblem } from "@/ui/toasts";

type Release = Schemas["Release"];
type Change = Schemas["Change"];

const EARLY = new Set(["PLANNING", "BUILD", "TEST"]);
const MADE = new Set(["REVIEW", "CLOSED"]);

/** The changes of a release, and how many of them are made. */
export function Changes({ release }: { release: Release }) {
  const { can } = useSession();
  const taken = useTaken("releases");
  const [opened, setOpened] = useState(false);
  const ids = release.changeIds;
  const query = useRows<Change>("changes", `id IN (${ids.map(quoted).join(", ")})`, "startTime", ids.length > 0);
  const able = EARLY.has(release.state) && can("releases.fill");
  const tell = async (verb: "addChange" | "removeChange", changeId: string, words: string) => {
    taken(await ask<Release>("POST", `releases/${release.id}:${verb}`, { etag: release.etag, body: { changeId } }));
    toast(words);
  };
  const changes = ids.length > 0 ? (query.data ?? []) : [];
  const counted = changes.filter(({ state }) => state !== "CANCELLED");
  const made = counted.filter(({ state }) => MADE.has(state)).length;
  return (
    <Card
      title={t("release.changes")}
      action={
        able && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("release.add")}
          </Button>
        )
      }
    >
      {query.isError && <Problem error={query.error} />}
      {ids.length === 0 && <p className="muted">{t("release.noChanges")}</p>}
      {counted.length > 0 && (
        <div className="stack" style={{ gap: "0.25rem" }}>
          <div className="bar">
            <span style={{ inlineSize: `${(made / counted.length) * 100}%` }} />
          </div>
          <span className="muted">{t("release.progress", { made, all: counted.length })}</span>
        </div>
      )}
      <Rows
        resources="changes"
        label={t("release.changes")}
        records={changes}
        end={(change) =>
          able && (
            <button
              type="button"
              className="sign"
              aria-label={t("release.remove", { number: change.number })}
              onClick={() => void tell("removeChange", change.id, t("release.removed")).catch(toastProblem)}
            >
              <Icon name="close" />
            </button>
          )
        }
      />
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("release.add")}>
        <FieldsForm
          fields={[
            {
              name: "changeId",
              label: t("release.change"),
              kind: "record",
              required: true,
              find: findRecords("changes", "NOT state IN (CLOSED, CANCELLED)"),
            },
          ]}
          action={t("release.add")}
          cancel={() => setOpened(false)}
          submit={async ({ changeId }) => {
            await tell("addChange", String(changeId), t("release.added"));
            setOpened(false);
          }}
        />
      </Dialog>
    </Card>
  );
}
