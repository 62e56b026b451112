import { Button } from "@mantine/core";
import { useState } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { toastProblem } from "@/ui/toasts";
import { type Selection, selectAll, useJobs } from "./bulk";
import { FieldsForm } from "./FieldsForm";
import type { DeskRecord, Kind } from "./kind";
import type { Act } from "./useVerbs";

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  chosen: readonly R[];
  /** Whether more match than are chosen here. */
  more: boolean;
  filter: string;
  act: Act<R>;
  clear: () => void;
}

/** What can be done with the rows that are selected, or with all that match although only some are in sight. */
export function BulkBar<R extends DeskRecord>({ kind, chosen, more, filter, act, clear }: Props<R>) {
  const { can, me } = useSession();
  const { begin } = useJobs(kind.resources);
  const [all, setAll] = useState<Selection | null>(null);
  const [asked, setAsked] = useState<string | null>(null);
  const verbs = kind.verbs.filter(
    ({ id, permission }) => kind.bulk?.includes(id) && can(`${kind.resources}.${permission ?? id}`),
  );
  const verb = kind.verbs.find(({ id }) => id === asked);
  const count = all?.count ?? chosen.length;
  const end = () => {
    setAsked(null);
    setAll(null);
    clear();
  };
  return (
    <div className="bulk" role="toolbar" aria-label={t("list.chosen", { count })}>
      <strong>{all === null ? t("list.chosen", { count }) : t("bulk.all", { count, capped: all.capped ? "+" : "" })}</strong>
      {more && all === null && can("jobs.create") && (
        <Button size="xs" variant="subtle" onClick={() => void selectAll(kind.resources, filter).then(setAll, toastProblem)}>
          {t("bulk.selectAll")}
        </Button>
      )}
      {verbs.map(({ id, label }) => (
        <Button key={id} size="xs" variant="default" onClick={() => (all === null ? act(id, chosen) : setAsked(id))}>
          {label}
        </Button>
      ))}
      <Button size="xs" variant="subtle" className="end" onClick={end}>
        {t("list.clear")}
      </Button>
      <Dialog opened={verb !== undefined && all !== null} onClose={() => setAsked(null)} title={verb?.label ?? ""}>
        {verb && all && (
          <FieldsForm
            fields={verb.fields?.([], me.subject) ?? []}
            action={t("bulk.doIt", { verb: verb.label, count: all.count })}
            cancel={() => setAsked(null)}
            submit={async (values) => {
              void begin(verb.id, values, { selection: all.selection }).catch(toastProblem);
              end();
            }}
          >
            {() => <p>{t("bulk.really", { count: all.count })}</p>}
          </FieldsForm>
        )}
      </Dialog>
    </div>
  );
}
