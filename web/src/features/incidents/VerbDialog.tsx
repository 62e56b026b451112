import { Button } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import type { Incident } from "@/api/client";
import { asProblem } from "@/api/problem";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, Select, TextArea, TextInput } from "@/ui/form";
import { toast } from "@/ui/toasts";
import { perform, usePeople, useTaken, useTeams, type Verb, type Words } from "./data";

const HOLD_REASONS = ["CALLER", "VENDOR", "CHANGE", "PROBLEM", "SCHEDULED"] as const;
const CODES = ["repaired", "workaround", "configured", "explained", "no-fault-found", "duplicate"] as const;
const AT_ONCE: ReadonlySet<Verb> = new Set(["start", "resume", "close"]);

/** Whether a verb needs words first. */
export const asks = (verb: Verb) => !AT_ONCE.has(verb);

interface Props {
  verb: Verb | null;
  incidents: readonly Incident[];
  close: () => void;
  done?: () => void;
}

export function VerbDialog({ verb, incidents, close, done }: Props) {
  const shown = verb !== null && incidents.length > 0;
  const title = shown
    ? `${t(`verb.${verb}`)}: ${incidents.length === 1 ? incidents[0]?.number : t("list.chosen", { count: incidents.length })}`
    : "";
  return (
    <Dialog opened={shown} onClose={close} title={title}>
      {shown && <Form verb={verb} incidents={incidents} close={close} done={done} />}
    </Dialog>
  );
}

function Form({ verb, incidents, close, done }: Props & { verb: Verb }) {
  const first = incidents[0] as Incident;
  const { me } = useSession();
  const teams = useTeams(verb === "assign");
  const people = usePeople(verb === "assign");
  const [words, setWords] = useState<Words>({
    teamId: first.teamId,
    assigneeId: first.assigneeId || me.subject,
    reason: verb === "hold" ? "CALLER" : "",
    resolutionCode: "repaired",
  });
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const taken = useTaken();
  const list = useId();
  const set = (part: Words) => setWords((known) => ({ ...known, ...part }));
  const problem = failed === null ? null : asProblem(failed);
  const wrong = (name: string) => problem?.errors.find(({ pointer }) => pointer === `/${name}`)?.message;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailed(null);
    try {
      for (const incident of incidents) taken(await perform(verb, incident, words));
      toast(t(`done.${verb}`, { count: incidents.length, number: first.number }));
      close();
      done?.();
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      {verb === "assign" && (
        <>
          <Field label={t("record.team")} error={wrong("teamId")}>
            <TextInput
              data-autofocus
              required
              list={list}
              value={words.teamId}
              onChange={(teamId) => set({ teamId })}
              placeholder={t("record.teamHint")}
            />
          </Field>
          <datalist id={list}>
            {teams.data?.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </datalist>
          <Field label={t("record.assignee")} error={wrong("assigneeId")}>
            <Select value={words.assigneeId ?? ""} onChange={(assigneeId) => set({ assigneeId })}>
              <option value="">{t("record.nobody")}</option>
              <option value={me.subject}>{t("record.me")}</option>
              {people.data
                ?.filter(({ id }) => id !== me.subject)
                .map(({ id, displayName, username }) => (
                  <option key={id} value={id}>
                    {displayName || username}
                  </option>
                ))}
            </Select>
          </Field>
        </>
      )}
      {verb === "hold" && (
        <>
          <Field label={t("incident.holdReason")} error={wrong("reason")}>
            <Select data-autofocus value={words.reason ?? ""} onChange={(reason) => set({ reason })}>
              {HOLD_REASONS.map((reason) => (
                <option key={reason} value={reason}>
                  {t(`hold.${reason}`)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("record.note")} error={wrong("note")}>
            <TextArea value={words.note ?? ""} onChange={(note) => set({ note })} />
          </Field>
        </>
      )}
      {verb === "resolve" && (
        <>
          <Field label={t("incident.resolutionCode")} error={wrong("resolutionCode")}>
            <Select value={words.resolutionCode ?? ""} onChange={(resolutionCode) => set({ resolutionCode })}>
              {CODES.map((code) => (
                <option key={code} value={code}>
                  {t(`code.${code}`)}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t("incident.resolution")} error={wrong("resolution")}>
            <TextArea data-autofocus required value={words.resolution ?? ""} onChange={(resolution) => set({ resolution })} />
          </Field>
        </>
      )}
      {(verb === "reopen" || verb === "cancel") && (
        <Field label={t("record.reason")} error={wrong("reason")}>
          <TextArea data-autofocus required value={words.reason ?? ""} onChange={(reason) => set({ reason })} />
        </Field>
      )}
      {failed !== null && <Problem error={failed} />}
      <div className="line">
        <Button type="submit" loading={busy}>
          {t(`verb.${verb}`)}
        </Button>
        <Button variant="default" onClick={close}>
          {t("common.cancel")}
        </Button>
      </div>
    </form>
  );
}
