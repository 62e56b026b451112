import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import type { Schema } from "./asking";
import { described, Field } from "./parts";

interface Props {
  name: string;
  label: string;
  schema: Schema;
  required: boolean;
  wrong: string;
  value: unknown;
  /** `undefined` for no answer. */
  onChange: (value: unknown) => void;
}

const FEW = 4;
const LONG = 120;
const KINDS: Record<string, string> = { date: "date", time: "time", "date-time": "datetime-local", email: "email", uri: "url" };

/** One field of a form, drawn by what may be answered. */
export function Question(props: Props) {
  const { name, label, schema, required, wrong, value, onChange } = props;
  const id = `q-${name}`;
  const hint = schema.description;
  const common = described(id, { hint, wrong });
  if (schema.enum && schema.enum.length <= FEW) return <Cards {...props} options={schema.enum} />;
  if (schema.type === "boolean") {
    return (
      <div className="ask" data-wrong={Boolean(wrong)}>
        <label className="option">
          <input
            type="checkbox"
            {...common}
            checked={value === true}
            onChange={({ currentTarget }) => onChange(currentTarget.checked)}
          />
          <span>
            <strong>{label}</strong>
            {hint && (
              <span className="muted" id={`${id}-hint`}>
                {hint}
              </span>
            )}
          </span>
        </label>
      </div>
    );
  }
  if (schema.type === "array" && schema.items?.enum) return <Cards {...props} options={schema.items.enum} many />;
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  return (
    <Field id={id} label={label} hint={hint} wrong={wrong} optional={!required}>
      {schema.enum ? (
        <div className="choice">
          <select
            {...common}
            value={text}
            onChange={({ currentTarget }) =>
              onChange(schema.enum?.find((each) => String(each) === currentTarget.value) ?? undefined)
            }
          >
            <option value="">{t("portal.form.choose")}</option>
            {schema.enum.map((each) => (
              <option key={String(each)} value={String(each)}>
                {String(each)}
              </option>
            ))}
          </select>
          <Icon name="down" />
        </div>
      ) : schema.type === "array" ? (
        <textarea
          {...common}
          rows={3}
          value={Array.isArray(value) ? value.join("\n") : ""}
          onChange={({ currentTarget }) => onChange(currentTarget.value === "" ? undefined : currentTarget.value.split("\n"))}
        />
      ) : schema.type === "number" || schema.type === "integer" ? (
        <input
          {...common}
          type="number"
          inputMode={schema.type === "integer" ? "numeric" : "decimal"}
          step={schema.type === "integer" ? 1 : "any"}
          min={schema.minimum}
          max={schema.maximum}
          value={text}
          onChange={({ currentTarget }) =>
            onChange(Number.isNaN(currentTarget.valueAsNumber) ? undefined : currentTarget.valueAsNumber)
          }
        />
      ) : (schema.maxLength ?? 0) > LONG ? (
        <textarea
          {...common}
          rows={3}
          value={text}
          onChange={({ currentTarget }) => onChange(currentTarget.value || undefined)}
        />
      ) : (
        <input
          {...common}
          type={KINDS[schema.format ?? ""] ?? "text"}
          value={text}
          onChange={({ currentTarget }) => onChange(currentTarget.value || undefined)}
        />
      )}
    </Field>
  );
}

/** A few to choose from, all in sight. */
function Cards({
  name,
  label,
  schema,
  required,
  wrong,
  value,
  onChange,
  options,
  many = false,
}: Props & { options: readonly unknown[]; many?: boolean }) {
  const id = `q-${name}`;
  const chosen = many ? (Array.isArray(value) ? value : []) : [value];
  const pick = (option: unknown) => {
    if (!many) return onChange(option);
    const next = options.filter((each) => (each === option ? !chosen.includes(each) : chosen.includes(each)));
    onChange(next.length > 0 ? next : undefined);
  };
  return (
    <fieldset className="cards" data-wrong={Boolean(wrong)} aria-describedby={wrong ? `${id}-wrong` : undefined}>
      <legend>
        {label}
        {!required && <span className="muted"> {t("portal.optional")}</span>}
      </legend>
      {schema.description && <p className="muted">{schema.description}</p>}
      <div className="options">
        {options.map((option) => (
          <label key={String(option)} className="option">
            <input
              type={many ? "checkbox" : "radio"}
              name={id}
              checked={chosen.includes(option)}
              onChange={() => pick(option)}
            />
            <strong>{String(option)}</strong>
          </label>
        ))}
      </div>
      {wrong && (
        <p className="wrong" id={`${id}-wrong`}>
          <Icon name="late" />
          {wrong}
        </p>
      )}
    </fieldset>
  );
}
