import { Button } from "@mantine/core";
import { useState } from "react";
import { ask } from "@/api/client";
import { asProblem } from "@/api/problem";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { type Command, type Content, type Form, type Forms, worded } from "@/records/schema/forms";
import { titled } from "@/records/schema/RefPick";
import { SchemaFields } from "@/records/schema/SchemaFields";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";
import { Secret, secretOf } from "./Secret";

/** What only programs say. */
const NOT_BY_HAND = new Set(["report", "notify"]);
const STATES: Record<string, (record: Content) => boolean> = {
  enable: ({ state, enabled }) => state === "DISABLED" || enabled === false,
  disable: ({ state, enabled }) => state !== "DISABLED" && enabled !== false,
  activate: ({ state }) => state !== "ACTIVE",
  publish: ({ state }) => state !== "PUBLISHED",
};

interface Props {
  kind: string;
  forms: Forms;
  form: Form;
  record: Content;
  done: () => void;
}

/** What can be done with it: each command of the interface, asked for as the interface asks. */
export function Commands({ kind, forms, form, record, done }: Props) {
  const { can } = useSession();
  const [asked, setAsked] = useState<Command | null>(null);
  const [said, setSaid] = useState<Content>({});
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [secret, setSecret] = useState("");
  const [answer, setAnswer] = useState<Content | null>(null);
  const able = form.verbs.filter(({ id, p }) => can(p) && !NOT_BY_HAND.has(id) && (STATES[id]?.(record) ?? true));
  const problem = failed === null ? null : asProblem(failed);
  const begin = (verb: Command) => {
    setSaid({});
    setFailed(null);
    setAnswer(null);
    setAsked(verb);
  };
  const run = async (verb: Command) => {
    setBusy(true);
    setFailed(null);
    try {
      const body = await ask<Content>("POST", `${kind}/${encodeURIComponent(String(record.id))}:${verb.id}`, {
        etag: record.etag === undefined ? undefined : String(record.etag),
        body: said,
      });
      const told = secretOf(body);
      if (told !== "") setSecret(told);
      if (told !== "" || body.id === record.id) {
        setAsked(null);
        toast(t("admin.done", { verb: worded(verb.id), name: titled(record) }));
      } else setAnswer(body);
      done();
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {able.map((verb) => (
        <Button key={verb.id} size="sm" variant="default" title={verb.d} onClick={() => begin(verb)}>
          {worded(verb.id)}
        </Button>
      ))}
      <Dialog
        opened={asked !== null}
        onClose={() => setAsked(null)}
        title={asked ? `${worded(asked.id)}: ${titled(record)}` : ""}
      >
        {asked && (
          <form
            className="asked"
            onSubmit={(event) => {
              event.preventDefault();
              void run(asked);
            }}
          >
            <p className="muted">{asked.d}</p>
            {answer === null ? (
              <SchemaFields
                forms={forms}
                fields={asked.f}
                value={said}
                onChange={setSaid}
                wrong={(pointer) => problem?.errors.find((error) => error.pointer === pointer)?.message}
              />
            ) : (
              <>
                <p role="status">{t("admin.answered")}</p>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is longer than the dialog is reached with the keyboard too */}
                <pre className="code" tabIndex={0}>
                  <code>{JSON.stringify(answer, null, 2)}</code>
                </pre>
              </>
            )}
            {failed !== null && <Problem error={failed} />}
            <div className="line">
              {answer === null && (
                <Button type="submit" loading={busy} data-autofocus={asked.f.length === 0 || undefined}>
                  {worded(asked.id)}
                </Button>
              )}
              <Button variant="default" onClick={() => setAsked(null)}>
                {t(answer === null ? "common.cancel" : "common.close")}
              </Button>
            </div>
          </form>
        )}
      </Dialog>
      <Secret value={secret} done={() => setSecret("")} />
    </>
  );
}
