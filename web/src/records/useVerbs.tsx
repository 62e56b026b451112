import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { toast, toastProblem } from "@/ui/toasts";
import { perform, take, told } from "./data";
import { FieldsForm } from "./FieldsForm";
import { type DeskRecord, type Kind, nameOf, type Values, type Verb, verbsOf } from "./kind";

export type Act<R> = (verb: string, records: readonly R[]) => void;

/** Doing things with records: at once where no words are needed, by dialog where they are. */
export function useVerbs<R extends DeskRecord>(kind: Kind<R>, done?: () => void): { act: Act<R>; dialog: ReactNode } {
  const { can, me } = useSession();
  const client = useQueryClient();
  const [asked, setAsked] = useState<{ verb: Verb<R>; records: readonly R[] } | null>(null);

  const run = async (verb: Verb<R>, records: readonly R[], values: Values) => {
    const before: R[] = [];
    const after: R[] = [];
    try {
      for (const record of records) {
        const answer = await perform(kind.resources, verb.command ?? verb.id, record, { ...values, ...verb.extra?.(record) });
        // A command may answer with something of its own; the record then comes by the stream.
        if (answer.id === record.id) take(client, kind.resources, answer);
        else void client.invalidateQueries({ queryKey: [kind.resources] });
        before.push(record);
        after.push(answer);
      }
    } catch (error) {
      // Whoever tries again does not do it twice with those that it was done with.
      setAsked((known) => (known?.records === records ? { ...known, records: records.slice(before.length) } : known));
      throw error;
    } finally {
      told(client, kind, verb, before, after);
    }
    setAsked(null);
    done?.();
  };
  const act: Act<R> = (id, records) => {
    const verb = kind.verbs.find((each) => each.id === id);
    const able = verb === undefined ? [] : records.filter((record) => verbsOf(kind, record, can).includes(verb));
    if (verb === undefined || able.length === 0) toast(t("list.notPossible", { verb: verb?.label ?? id }));
    else if (verb.fields !== undefined || verb.danger) setAsked({ verb, records: able });
    else void run(verb, able, {}).catch(toastProblem);
  };
  const first = asked?.records[0];
  const dialog = (
    <Dialog
      opened={asked !== null}
      onClose={() => setAsked(null)}
      title={
        asked && first
          ? `${asked.verb.label}: ${asked.records.length === 1 ? nameOf(first) : t("list.chosen", { count: asked.records.length })}`
          : ""
      }
    >
      {asked && (
        <FieldsForm
          fields={asked.verb.fields?.(asked.records, me.subject) ?? []}
          action={asked.verb.label}
          danger={asked.verb.danger}
          cancel={() => setAsked(null)}
          submit={(values) => run(asked.verb, asked.records, values)}
        />
      )}
    </Dialog>
  );
  return { act, dialog };
}
