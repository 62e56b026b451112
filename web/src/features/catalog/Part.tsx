import { Button } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { asProblem } from "@/api/problem";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useTaken } from "@/records/data";
import { type Content, changed, contentOf, useForms } from "@/records/schema/forms";
import { SchemaFields } from "@/records/schema/SchemaFields";
import { Loading, Problem } from "@/ui/bits";
import { toast } from "@/ui/toasts";

type Item = Schemas["CatalogItem"];

/** Some members of an item, asked for as the interface takes them. */
export function Part({ item, names }: { item: Item; names: readonly string[] }) {
  const { can } = useSession();
  const forms = useForms();
  const taken = useTaken("catalogItems");
  const [said, setSaid] = useState<Content>({});
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const form = forms.data?.kinds.catalogItems;
  if (forms.data === undefined || form === undefined) return <Loading />;
  const before = contentOf(form, item as unknown as Content);
  const content = { ...before, ...said };
  const differs = changed(before, content);
  const able = can("catalogItems.update");
  const fields = (form.create ?? []).filter(({ n }) => names.includes(n));
  const problem = failed === null ? null : asProblem(failed);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailed(null);
    try {
      const query = { updateMask: Object.keys(differs).join(",") };
      taken(await ask<Item>("PATCH", `catalogItems/${item.id}`, { etag: item.etag, query, body: differs }));
      toast(t("record.saved", { number: item.title }));
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="card" onSubmit={(event) => void save(event)}>
      <div className="reading asked">
        <SchemaFields
          forms={forms.data}
          fields={fields}
          value={content}
          onChange={setSaid}
          wrong={(pointer) => problem?.errors.find((error) => error.pointer === pointer)?.message}
          locked={able ? undefined : new Set(names)}
        />
        {failed !== null && <Problem error={failed} />}
        {able && (
          <div>
            <Button type="submit" loading={busy} disabled={Object.keys(differs).length === 0}>
              {t("record.save")}
            </Button>
          </div>
        )}
      </div>
    </form>
  );
}
