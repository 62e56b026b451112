import { Button } from "@mantine/core";
import { t } from "@/i18n";
import { type Content, type Form, spoken, worded, yaml } from "@/records/schema/forms";
import { Ago } from "@/ui/bits";
import { Person } from "@/ui/people";
import { copied } from "@/ui/toasts";
import { placeOf } from "./places";

const PEOPLE = /^(owner|creator|granter|requester)Id$/;

function told(name: string, value: unknown) {
  if (PEOPLE.test(name)) return <Person id={String(value)} />;
  if (/Time$/.test(name)) return <Ago time={String(value)} />;
  if (typeof value === "boolean") return t(value ? "admin.yes" : "admin.no");
  if (typeof value === "object") return <code>{JSON.stringify(value)}</code>;
  const text = String(value);
  return /^[A-Z][A-Z\d_]*$/.test(text) ? spoken(text) : text;
}

/** What the platform says of it, and nobody writes. */
export function Told({ form, record }: { form: Form; record: Content }) {
  const facts = form.facts.filter(({ n }) => !["", undefined, null].includes(record[n] as string));
  if (facts.length === 0) return null;
  return (
    <section className="card">
      <header>
        <h2>{t("record.details")}</h2>
      </header>
      <dl className="facts body">
        {facts.map(({ n, d }) => (
          <div key={n} className="fact" title={d}>
            <dt>{worded(n)}</dt>
            <dd>{told(n, record[n])}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The same on the command line: as a document that `itsm` reads, and the line that does it. */
export function AsCode({ kind, content }: { kind: string; content: Content }) {
  const place = placeOf(kind);
  if (place?.command === undefined) return null;
  const whole = place.asCode ? { resource: kind, ...content } : content;
  const text = yaml(whole).trimStart();
  const file = place.asCode ? `config/${kind}.yaml` : `${place.command}.yaml`;
  const line = place.asCode ? "itsm admin apply -f config/ --plan" : `itsm ${place.command} create -f ${file}`;
  const copy = (what: string) => void copied(what, t("admin.copied"));
  return (
    <section className="card" aria-label={t("admin.asCode")}>
      <header>
        <h2>{t("admin.asCode")}</h2>
        <Button className="end" size="compact-xs" variant="subtle" onClick={() => copy(text)}>
          {t("problem.copy")}
        </Button>
      </header>
      <div className="body stack">
        <p className="muted">{file}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the card is reached with the keyboard too */}
        <pre className="code" tabIndex={0}>
          <code>{text}</code>
        </pre>
        <button type="button" className="plain code" onClick={() => copy(line)} title={t("problem.copy")}>
          <code>{line}</code>
        </button>
      </div>
    </section>
  );
}
