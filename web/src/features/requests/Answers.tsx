import { useQuery } from "@tanstack/react-query";
import { api, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";

type Request = Schemas["Request"];

interface Form {
  title?: string;
  properties?: Record<string, Form>;
  [part: string]: unknown;
}

/** What each field of a form is called, wherever in its conditions it is said. */
export function titlesOf(form: unknown, found: Map<string, string> = new Map()): Map<string, string> {
  if (Array.isArray(form)) for (const part of form) titlesOf(part, found);
  else if (typeof form === "object" && form !== null) {
    const { properties, ...rest } = form as Form;
    for (const [name, field] of Object.entries(properties ?? {})) {
      if (typeof field?.title === "string") found.set(name, field.title);
      titlesOf(field, found);
    }
    for (const part of ["then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"]) {
      const inner = rest[part];
      if (part === "dependentSchemas" && typeof inner === "object" && inner !== null) titlesOf(Object.values(inner), found);
      else titlesOf(inner, found);
    }
  }
  return found;
}

/** `memoryGiB` as a person would write it, where a form gives no title. */
export const worded = (name: string) => {
  const text = name
    .replaceAll("_", " ")
    .replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export function shown(answer: unknown): string {
  if (typeof answer === "boolean") return t(answer ? "task.yes" : "task.no");
  if (Array.isArray(answer)) return answer.map(shown).join(", ");
  return typeof answer === "object" && answer !== null ? JSON.stringify(answer) : String(answer);
}

/** What was answered to the item's form, in the form's words. */
export function Answers({ request: { catalogItemId, answers } }: { request: Request }) {
  const item = useQuery({
    queryKey: ["catalogItems", "one", catalogItemId],
    enabled: catalogItemId !== "",
    queryFn: () => body(api.GET("/api/v1/catalogItems/{id}", { params: { path: { id: catalogItemId } } })),
  });
  const titles = titlesOf(item.data?.form);
  const given = Object.entries(answers ?? {});
  if (given.length === 0) return null;
  return (
    <section className="card" aria-label={t("request.answers")}>
      <header>
        <h2>{t("request.answers")}</h2>
        {item.data && <span className="muted">{item.data.title}</span>}
      </header>
      <dl className="facts body">
        {given.map(([name, answer]) => (
          <div key={name} className="fact">
            <dt>{titles.get(name) ?? worded(name)}</dt>
            <dd className="prose">{shown(answer)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
