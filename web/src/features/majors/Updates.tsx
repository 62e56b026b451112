import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { now, useSession } from "@/app/session";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { Card } from "@/records/RecordRows";
import { Ago, Chip, Problem } from "@/ui/bits";
import { useDraft } from "@/ui/drafts";
import { Field, Select } from "@/ui/form";
import { Person } from "@/ui/people";
import { toast } from "@/ui/toasts";

type Major = Schemas["Major"];
type Update = Schemas["StatusUpdate"];

const PHASES = ["none", "investigating", "identified", "mitigated", "over"] as const;
const PROMISES = ["0", "30", "60", "120"] as const;
const LED = new Set(["DECLARED", "RESOLVED"]);
const MINUTE_MS = 60_000;

/** What was told, and telling more. It is no note: it is for those whom it concerns. */
export function Updates({ major }: { major: Major }) {
  const { can } = useSession();
  const client = useQueryClient();
  const { hear } = useLive();
  const key = ["statusUpdates", "of", major.id];
  const query = useQuery({
    queryKey: key,
    queryFn: async () =>
      (await ask<{ statusUpdates: Update[] }>("GET", `majors/${major.id}/statusUpdates`, { query: { pageSize: 100 } }))
        .statusUpdates,
  });
  useEffect(
    () => hear("statusUpdates", () => void client.invalidateQueries({ queryKey: ["statusUpdates", "of", major.id] })),
    [client, hear, major.id],
  );
  return (
    <Card title={t("major.updates")}>
      <div className="stack">
        {LED.has(major.state) && can("majors.tell") && (
          <Teller major={major} told={() => void client.invalidateQueries({ queryKey: key })} />
        )}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && <p className="muted">{t("major.noUpdates")}</p>}
        <ol className="updates" aria-label={t("major.updates")}>
          {query.data?.map((update) => (
            <li key={update.id}>
              <div className="line wrap">
                <Person id={update.authorId} />
                <Chip tone={update.audience === "PUBLIC" ? "calm" : "still"}>
                  {t(update.audience === "PUBLIC" ? "major.published" : "major.internal")}
                </Chip>
                <span className="end">
                  <Ago time={update.createTime} />
                </span>
              </div>
              <p className="prose">{update.text}</p>
            </li>
          ))}
        </ol>
      </div>
    </Card>
  );
}

function Teller({ major, told }: { major: Major; told: () => void }) {
  const draft = useDraft<{ text: string }>(`update/${major.id}`, { text: "" });
  const [phase, setPhase] = useState<(typeof PHASES)[number]>("none");
  const [open, setOpen] = useState(true);
  const [promise, setPromise] = useState("60");
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const box = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailed(null);
    const said = draft.value.text.trim();
    const minutes = Number(promise);
    try {
      await ask("POST", `majors/${major.id}/statusUpdates`, {
        body: {
          text: phase === "none" ? said : `${t(`major.phases.${phase}`)}. ${said}`,
          audience: open ? "PUBLIC" : "INTERNAL",
          nextUpdateTime: minutes > 0 ? new Date(now() + minutes * MINUTE_MS).toISOString() : undefined,
        },
      });
      draft.clear();
      toast(t("major.told"));
      told();
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="teller" onSubmit={(event) => void submit(event)}>
      <label htmlFor={box} className="strong">
        {t("major.update")}
      </label>
      <span className="muted">{t("major.updateHint")}</span>
      <textarea id={box} value={draft.value.text} onChange={({ currentTarget }) => draft.set({ text: currentTarget.value })} />
      <div className="line wrap" style={{ alignItems: "end" }}>
        <Field label={t("major.phase")}>
          <Select value={phase} onChange={(value) => setPhase(value as (typeof PHASES)[number])}>
            {PHASES.map((each) => (
              <option key={each} value={each}>
                {t(`major.phases.${each}`)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("major.promise")}>
          <Select value={promise} onChange={setPromise}>
            {PROMISES.map((each) => (
              <option key={each} value={each}>
                {t(`major.promises.${each}`)}
              </option>
            ))}
          </Select>
        </Field>
      </div>
      <label className="line">
        <input type="checkbox" checked={open} onChange={({ currentTarget }) => setOpen(currentTarget.checked)} />
        {t("major.public")}
      </label>
      {failed !== null && <Problem error={failed} />}
      <div>
        <Button type="submit" size="xs" loading={busy} disabled={draft.value.text.trim() === ""}>
          {t("major.tell")}
        </Button>
      </div>
    </form>
  );
}
