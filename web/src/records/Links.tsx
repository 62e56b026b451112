import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import type { Picked } from "@/ui/Pick";
import { toastProblem } from "@/ui/toasts";
import { AnyLink } from "./AnyLink";
import { take } from "./data";
import { FieldsForm } from "./FieldsForm";
import type { DeskRecord, Kind } from "./kind";

type Link = Schemas["Link"];

const KINDS = ["RELATED", "CAUSED_BY", "DUPLICATE_OF", "PARENT"] as const;
/** Plurals by what a hit of the search calls its kind. */
const FOUND = new Set(["incidents", "requests", "problems", "changes", "articles"]);

export async function findRecords(text: string): Promise<Picked[]> {
  if (text.length < 2) return [];
  const { hits } = await body(api.GET("/api/v1/search", { params: { query: { query: text, pageSize: 10 } } }));
  return hits
    .filter(({ kind }) => FOUND.has(kind))
    .map(({ kind, id, number, title }) => ({ value: `${kind}/${id}`, label: number, hint: title }));
}

/** What a record belongs together with, each way it was said on this record. */
export function Links<R extends DeskRecord & { links: readonly Link[] }>({ kind, record }: { kind: Kind<R>; record: R }) {
  const { can } = useSession();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const able = can(`${kind.resources}.link`);
  if (record.links.length === 0 && !able) return null;
  const write = async (verb: "link" | "unlink", link: Link) => {
    const body = { link: { kind: link.kind, target: link.target } };
    take(client, kind.resources, await ask<R>("POST", `${kind.resources}/${record.id}:${verb}`, { etag: record.etag, body }));
  };
  return (
    <section className="card" aria-label={t("links.title")}>
      <header>
        <h2>{t("links.title")}</h2>
        {able && (
          <Button className="end" size="compact-xs" variant="subtle" onClick={() => setAdding(true)}>
            {t("links.add")}
          </Button>
        )}
      </header>
      <ul className="body stack">
        {record.links.length === 0 && <li className="muted">{t("links.none")}</li>}
        {record.links.map((link) => (
          <li key={`${link.kind}${link.target}`} className="line">
            <span className="muted nowrap">{t(`links.kind.${link.kind}`)}</span>
            <AnyLink target={link.target} titled />
            {able && (
              <button
                type="button"
                className="sign end"
                aria-label={t("links.remove")}
                onClick={() => void write("unlink", link).catch(toastProblem)}
              >
                <Icon name="close" />
              </button>
            )}
          </li>
        ))}
      </ul>
      <Dialog opened={adding} onClose={() => setAdding(false)} title={t("links.add")}>
        <FieldsForm
          fields={[
            { name: "target", label: t("links.target"), kind: "record", find: findRecords, required: true },
            {
              name: "kind",
              label: t("links.how"),
              kind: "choice",
              required: true,
              initial: "RELATED",
              options: KINDS.map((value) => ({ value, label: t(`links.kind.${value}`) })),
            },
          ]}
          action={t("links.add")}
          cancel={() => setAdding(false)}
          submit={async ({ target, kind: how }) => {
            await write("link", { target: String(target), kind: how as Link["kind"] });
            setAdding(false);
          }}
        />
      </Dialog>
    </section>
  );
}
