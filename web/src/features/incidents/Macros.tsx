import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask, body, type Incident, type Schemas } from "@/api/client";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { take } from "@/records/data";
import { Problem, Towards } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import { Pick, type Picked } from "@/ui/Pick";
import { toast, toastProblem } from "@/ui/toasts";

type Run = Schemas["MacroRun"];

const SHOWN = 12;

/** Changes that are often made together: found by name, looked at first, made in one step, taken back in one. */
export function Macros({ incident }: { incident: Incident }) {
  const { can } = useSession();
  const [opened, setOpened] = useState(false);
  const able = can("macros.apply");
  useCommands(
    able
      ? [{ id: "incident.macro", label: t("macro.use"), keys: ["m"], group: t("nav.incidents"), run: () => setOpened(true) }]
      : [],
  );
  if (!able) return null;
  return (
    <>
      <Button size="sm" variant="default" leftSection={<Icon name="bolt" />} onClick={() => setOpened(true)}>
        {t("macro.short")}
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("macro.use")}>
        <Chooser incident={incident} close={() => setOpened(false)} />
      </Dialog>
    </>
  );
}

function Chooser({ incident, close }: { incident: Incident; close: () => void }) {
  const client = useQueryClient();
  const [macro, setMacro] = useState<Picked | null>(null);
  const [busy, setBusy] = useState(false);
  const preview = useQuery({
    queryKey: ["incidents", "hints", incident.id, incident.etag, "macro", macro?.value],
    enabled: macro !== null,
    queryFn: () =>
      body(
        api.POST("/api/v1/macros/{id}:preview", {
          params: { path: { id: macro?.value ?? "" } },
          body: { incidentId: incident.id },
        }),
      ),
  });
  const find = async (text: string) => {
    const filter = text ? `name:"${text.replaceAll('"', "")}"` : "";
    const { macros } = await body(api.GET("/api/v1/macros", { params: { query: { filter, pageSize: SHOWN } } }));
    return macros.map(({ id, name, description }) => ({ value: id, label: name, hint: description }));
  };
  const again = async () => take(client, "incidents", await ask<Incident>("GET", `incidents/${incident.id}`));
  const undo = async (run: Run) => {
    await ask("POST", `macroRuns/${run.id}:undo`, { body: {} });
    await again();
  };
  const apply = async () => {
    setBusy(true);
    try {
      const given = { incidentId: incident.id, incidentEtag: incident.etag };
      const run = await ask<Run>("POST", `macros/${macro?.value}:apply`, { body: given });
      await again();
      toast(t("macro.applied", { name: macro?.label, number: incident.number }), {
        action: { label: t("record.undo"), run: () => void undo(run).catch(toastProblem) },
      });
      close();
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="stack">
      <Pick
        kind="macros"
        label={t("macro.use")}
        chosen={macro ? [macro] : []}
        onChange={([chosen]) => setMacro(chosen ?? null)}
        find={find}
        data-autofocus
      />
      {preview.isError && <Problem error={preview.error} />}
      {preview.data && (
        <div className="stack" role="status">
          <h2>{t("macro.preview")}</h2>
          <ul className="changes">
            {preview.data.changes.map(({ field, old, new: next }) => (
              <li key={field}>
                {t(`field.${field as "state"}`, { defaultValue: field })}: <del>{String(old ?? "")}</del> <Towards />{" "}
                {String(next ?? "")}
              </li>
            ))}
            {preview.data.notes.map((note) => (
              <li key={note} className="prose">
                {t("macro.says", { note })}
              </li>
            ))}
          </ul>
        </div>
      )}
      <div className="line">
        <Button onClick={() => void apply()} loading={busy} disabled={!preview.data}>
          {t("macro.apply")}
        </Button>
        <Button variant="default" onClick={close}>
          {t("common.cancel")}
        </Button>
      </div>
    </div>
  );
}
