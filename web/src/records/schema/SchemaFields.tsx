import { Button } from "@mantine/core";
import { useState } from "react";
import { t } from "@/i18n";
import { Toggles } from "@/ui/filters";
import { Field, Select, TextArea, TextInput } from "@/ui/form";
import { Icon } from "@/ui/Icon";
import { Items } from "@/ui/Items";
import {
  type Asked,
  type Content,
  type Forms,
  longDuration,
  type Shape,
  shortDuration,
  spoken,
  usually,
  worded,
} from "./forms";
import { RefPick } from "./RefPick";

interface Props {
  forms: Forms;
  fields: readonly Asked[];
  value: Content;
  onChange: (value: Content) => void;
  /** Where this is in the body, as what is wrong names it: `/targets/0`. */
  path?: string;
  wrong: (pointer: string) => string | undefined;
  /** Names of what cannot be changed any more. */
  locked?: ReadonlySet<string>;
}

/** A form that asks for exactly what the interface takes. */
export function SchemaFields({ forms, fields, value, onChange, path = "", wrong, locked }: Props) {
  return (
    <>
      {fields.map((field) => (
        <Control
          key={field.n}
          forms={forms}
          field={field}
          value={value[field.n]}
          path={`${path}/${field.n}`}
          wrong={wrong}
          locked={locked?.has(field.n) ?? false}
          onChange={(next) => onChange({ ...value, [field.n]: next })}
        />
      ))}
    </>
  );
}

interface ControlProps {
  forms: Forms;
  field: Asked;
  value: unknown;
  path: string;
  wrong: Props["wrong"];
  locked: boolean;
  onChange: (value: unknown) => void;
}

const LONG = /^(description|body|text|html|plain|template|script|comment|note|message|summary|sample)$/i;

function Control({ forms, field, value, path, wrong, locked, onChange }: ControlProps) {
  const label = worded(field.n);
  const error = wrong(path);
  const required = field.r === 1;
  if (locked) {
    return (
      <div className="locked">
        <span className="strong">{label}</span>
        <span>{typeof value === "object" ? JSON.stringify(value) : String(value ?? "–")}</span>
      </div>
    );
  }
  if (field.t === "bool") {
    return (
      <label className="asked-toggle">
        <input
          type="checkbox"
          checked={value === undefined ? usually(field) : value === true}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />
        <span>
          <span className="strong">{label}</span>
          {field.d && <span className="muted">{field.d}</span>}
          {error && <span className="wrong">{error}</span>}
        </span>
      </label>
    );
  }
  if (field.t === "object") {
    const members = forms.types[field.o ?? ""] ?? [];
    return (
      <Group label={label} help={field.d} error={error}>
        {value === undefined && !required ? (
          <Add label={t("schema.say", { name: label })} run={() => onChange({})} />
        ) : (
          <>
            <SchemaFields
              forms={forms}
              fields={members}
              value={(value ?? {}) as Content}
              onChange={onChange}
              path={path}
              wrong={wrong}
            />
            {!required && <Remove label={t("schema.leave", { name: label })} run={() => onChange(undefined)} />}
          </>
        )}
      </Group>
    );
  }
  if (field.t === "array" && field.a?.t === "object") {
    return <Several forms={forms} field={field} value={value} path={path} wrong={wrong} onChange={onChange} label={label} />;
  }
  if (field.t === "array" && field.a?.t === "enum") {
    return (
      <Group label={label} help={field.d} error={error}>
        <Toggles
          label={label}
          options={(field.a.e ?? []).map((each) => ({ value: each, label: spoken(each) }))}
          value={(value ?? []) as string[]}
          onChange={onChange}
        />
      </Group>
    );
  }
  return (
    <Field label={label} hint={field.d} error={error}>
      <Lone
        shape={field}
        label={label}
        name={field.n}
        required={required}
        value={value}
        onChange={onChange}
        secret={field.w === 1}
      />
    </Field>
  );
}

interface LoneProps {
  shape: Shape;
  name: string;
  label: string;
  required: boolean;
  value: unknown;
  secret: boolean;
  onChange: (value: unknown) => void;
}

function Lone({ shape, name, label, required, value, secret, onChange }: LoneProps) {
  const text = value === undefined || value === null ? "" : String(value);
  if (shape.t === "enum") {
    return (
      <Select required={required} value={text} onChange={(each) => onChange(each || undefined)}>
        {(!required || text === "") && <option value="">{t("record.none")}</option>}
        {shape.e?.map((each) => (
          <option key={each} value={each}>
            {spoken(each)}
          </option>
        ))}
      </Select>
    );
  }
  if (shape.t === "int" || shape.t === "number") {
    return (
      <TextInput
        type="number"
        required={required}
        value={text}
        onChange={(each) => onChange(each === "" ? undefined : Number(each))}
      />
    );
  }
  if (shape.t === "time") return <Moment required={required} value={text} onChange={onChange} />;
  if (shape.t === "duration") return <Duration required={required} value={value} onChange={onChange} />;
  if (shape.t === "ref") {
    return (
      <RefPick
        of={shape.o ?? ""}
        label={label}
        required={required}
        value={text ? [text] : []}
        onChange={([each]) => onChange(each ?? "")}
      />
    );
  }
  if (shape.t === "array" && shape.a?.t === "ref") {
    return (
      <RefPick
        many
        of={shape.a.o ?? ""}
        label={label}
        required={required}
        value={(value ?? []) as string[]}
        onChange={onChange}
      />
    );
  }
  if (shape.t === "array" && (shape.a?.t === "text" || shape.a?.t === "int")) {
    const lines = (Array.isArray(value) ? value : []).join("\n");
    const read = (each: string) => (shape.a?.t === "int" ? Number(each) : each);
    return (
      <TextArea required={required} value={lines} onChange={(all) => onChange(all === "" ? [] : all.split("\n").map(read))} />
    );
  }
  if (shape.t === "map") return <Pairs value={(value ?? {}) as Record<string, string>} onChange={onChange} />;
  if (shape.t === "json" || shape.t === "array") return <Json required={required} value={value} onChange={onChange} />;
  if (LONG.test(name)) return <TextArea required={required} value={text} onChange={onChange} />;
  if (secret) return <Secret value={text} onChange={onChange} />;
  return <TextInput required={required} value={text} onChange={onChange} />;
}

const Secret = ({ value, onChange }: { value: string; onChange: (value: string) => void }) => (
  <TextInput type="password" placeholder={t("schema.secret")} value={value} onChange={onChange} />
);

function Moment({ value, onChange, required }: { value: string; required: boolean; onChange: (value: unknown) => void }) {
  const time = value === "" ? null : new Date(value);
  const local = time === null ? "" : new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  return (
    <TextInput
      type="datetime-local"
      required={required}
      value={local}
      onChange={(each) => onChange(each === "" ? undefined : new Date(each).toISOString())}
    />
  );
}

function Duration({ value, onChange, required }: { value: unknown; required: boolean; onChange: (value: unknown) => void }) {
  const [text, setText] = useState(() => shortDuration(value));
  return (
    <TextInput
      required={required}
      placeholder={t("schema.duration")}
      value={text}
      onChange={(each) => {
        setText(each);
        onChange(each === "" ? undefined : longDuration(each));
      }}
    />
  );
}

/** `name = value` in each line. */
function Pairs({ value, onChange }: { value: Record<string, string>; onChange: (value: unknown) => void }) {
  const [text, setText] = useState(() =>
    Object.entries(value)
      .map(([name, each]) => `${name} = ${each}`)
      .join("\n"),
  );
  return (
    <TextArea
      value={text}
      onChange={(all) => {
        setText(all);
        const pairs = all.split("\n").filter((line) => line.includes("="));
        onChange(
          Object.fromEntries(pairs.map((line) => [line.split("=")[0]?.trim(), line.slice(line.indexOf("=") + 1).trim()])),
        );
      }}
    />
  );
}

/** What is no simple value, as JSON; what is none yet is kept here and said to be none. */
export function Json({ value, onChange, required }: { value: unknown; required: boolean; onChange: (value: unknown) => void }) {
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  const [wrong, setWrong] = useState("");
  return (
    <>
      <TextArea
        required={required}
        value={text}
        onChange={(all) => {
          setText(all);
          try {
            onChange(all.trim() === "" ? undefined : JSON.parse(all));
            setWrong("");
          } catch (error) {
            setWrong((error as Error).message);
          }
        }}
      />
      {wrong && (
        <p className="wrong" role="status">
          {t("schema.notJson", { problem: wrong })}
        </p>
      )}
    </>
  );
}

function Several({ forms, field, value, path, wrong, onChange, label }: Omit<ControlProps, "locked"> & { label: string }) {
  const items = (Array.isArray(value) ? value : []) as Content[];
  const members = forms.types[field.a?.o ?? ""] ?? [];
  return (
    <Group label={label} help={field.d} error={wrong(path)}>
      <Items label={label} items={items} onChange={onChange} blank={{}}>
        {(item, put, index) => (
          <SchemaFields forms={forms} fields={members} value={item} onChange={put} path={`${path}/${index}`} wrong={wrong} />
        )}
      </Items>
    </Group>
  );
}

function Group({ label, help, error, children }: { label: string; help?: string; error?: string; children: React.ReactNode }) {
  return (
    <fieldset className="group" aria-label={label}>
      <span className="strong">{label}</span>
      {help && <p className="muted">{help}</p>}
      {error && <p className="wrong">{error}</p>}
      {children}
    </fieldset>
  );
}

const Add = ({ label, run }: { label: string; run: () => void }) => (
  <div>
    <Button size="compact-sm" variant="default" leftSection={<Icon name="plus" />} onClick={run}>
      {label}
    </Button>
  </div>
);

const Remove = ({ label, run }: { label: string; run: () => void }) => (
  <div>
    <Button size="compact-sm" variant="subtle" onClick={run}>
      {label}
    </Button>
  </div>
);
