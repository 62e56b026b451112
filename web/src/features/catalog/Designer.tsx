import { Button } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useTaken } from "@/records/data";
import { FieldControl } from "@/records/FieldControl";
import type { Field, Value, Values } from "@/records/kind";
import { worded } from "@/records/schema/forms";
import { Problem } from "@/ui/bits";
import { toast } from "@/ui/toasts";

type Item = Schemas["CatalogItem"];
type Evaluated = Schemas["EvaluateCatalogItemResponse"];

interface Shape {
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Shape>;
  [part: string]: unknown;
}

/** How a field is drawn, wherever in the form it is said. */
function shapeOf(form: unknown, name: string): Shape | undefined {
  if (typeof form !== "object" || form === null) return undefined;
  const known = (form as Shape).properties?.[name];
  if (known !== undefined && (known.type !== undefined || known.enum !== undefined)) return known;
  for (const part of Object.values(form)) {
    const found = shapeOf(part, name);
    if (found !== undefined) return found;
  }
  return known;
}

function asField(form: unknown, { name, title, required }: { name: string; title: string; required: boolean }): Field {
  const shape = shapeOf(form, name);
  const options = shape?.enum?.map((each) => ({ value: String(each), label: String(each) }));
  const kinds: Record<string, Field["kind"]> = { boolean: "toggle", integer: "number", number: "number", array: "lines" };
  return {
    name,
    label: title || worded(name),
    required,
    options,
    kind: options ? "choice" : (kinds[shape?.type ?? ""] ?? "text"),
  };
}

/** What an item asks, as JSON Schema, beside how it looks to whoever orders it: the service says what is asked now. */
export function Designer({ item }: { item: Item }) {
  const { can } = useSession();
  const taken = useTaken("catalogItems");
  const saved = JSON.stringify(item.form ?? {}, null, 2);
  const [text, setText] = useState(saved);
  const [wrong, setWrong] = useState("");
  const [failed, setFailed] = useState<unknown>(null);
  const [answers, setAnswers] = useState<Values>({});
  const shown = useQuery({
    queryKey: ["catalogItems", "evaluated", item.id, item.etag, answers],
    placeholderData: keepPreviousData,
    queryFn: () => ask<Evaluated>("POST", `catalogItems/${item.id}:evaluate`, { body: { answers } }),
  });
  const able = can("catalogItems.update");
  const save = async () => {
    setFailed(null);
    try {
      const body = { form: JSON.parse(text) as object };
      taken(await ask<Item>("PATCH", `catalogItems/${item.id}`, { etag: item.etag, query: { updateMask: "form" }, body }));
      setAnswers({});
      toast(t("record.saved", { number: item.title }));
    } catch (error) {
      setFailed(error);
    }
  };
  const write = (next: string) => {
    setText(next);
    try {
      JSON.parse(next);
      setWrong("");
    } catch (error) {
      setWrong((error as Error).message);
    }
  };
  return (
    <div className="writing">
      <section className="card">
        <header>
          <h2>{t("catalog.form")}</h2>
          {able && (
            <Button className="end" size="compact-sm" disabled={text === saved || wrong !== ""} onClick={() => void save()}>
              {t("record.save")}
            </Button>
          )}
        </header>
        <textarea
          className="paper"
          aria-label={t("catalog.form")}
          spellCheck={false}
          readOnly={!able}
          value={text}
          onChange={({ currentTarget }) => write(currentTarget.value)}
        />
        {wrong && (
          <p className="wrong opinion" role="status">
            {t("schema.notJson", { problem: wrong })}
          </p>
        )}
        {failed !== null && <Problem error={failed} />}
      </section>
      <section className="card" aria-label={t("catalog.preview")}>
        <header>
          <h2>{t("catalog.preview")}</h2>
          {text !== saved && <span className="muted">{t("catalog.unsaved")}</span>}
        </header>
        <div className="body asked">
          {shown.isError && <Problem error={shown.error} />}
          {shown.data?.fields.length === 0 && <p className="muted">{t("catalog.nothing")}</p>}
          {shown.data?.fields.map((field) => (
            <FieldControl
              key={field.name}
              field={asField(item.form, field)}
              value={answers[field.name]}
              error={shown.data.violations.find(({ pointer }) => pointer === `/${field.name}`)?.message}
              onChange={(value: Value) => setAnswers((known) => ({ ...known, [field.name]: value === "" ? undefined : value }))}
            />
          ))}
          {shown.data && shown.data.steps.length > 0 && (
            <div className="stack tight">
              <h3>{t("catalog.steps")}</h3>
              <ol className="steps">
                {shown.data.steps.map((step) => (
                  <li key={step}>{step}</li>
                ))}
              </ol>
            </div>
          )}
        </div>
      </section>
    </div>
  );
}
