import { type ReactNode, useState } from "react";
import { api, body } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useAssetName } from "@/ui/assets";
import { Field as Labelled, Select, TextArea, TextInput } from "@/ui/form";
import { Pick, type Picked } from "@/ui/Pick";
import { Person, usePerson } from "@/ui/people";
import { Team } from "@/ui/teams";
import { at } from "@/ui/time";
import { useTeams } from "./data";
import type { Field, Value, Values } from "./kind";

const FOUND = 12;

async function suggested(types: "users" | "assets", text: string): Promise<Picked[]> {
  const query = { query: text, types, pageSize: FOUND };
  const { suggestions } = await body(api.GET("/api/v1/search:suggest", { params: { query } }));
  return suggestions.map(({ id, name, detail }) => ({ value: id, label: name, hint: detail }));
}

export async function findPeople(text: string): Promise<Picked[]> {
  if (text !== "") return suggested("users", text);
  const { users } = await body(api.GET("/api/v1/users", { params: { query: { filter: "enabled = true", pageSize: FOUND } } }));
  return users.map(({ id, displayName, username }) => ({ value: id, label: displayName || username, hint: username }));
}

export async function findAssets(text: string): Promise<Picked[]> {
  if (text !== "") return suggested("assets", text);
  const { assets } = await body(api.GET("/api/v1/assets", { params: { query: { pageSize: FOUND } } }));
  return assets.map(({ id, name, class: kind }) => ({ value: id, label: name, hint: kind.replaceAll("_", " ") }));
}

interface Props {
  field: Field;
  value: Value | undefined;
  onChange: (value: Value) => void;
  error?: string;
  first?: boolean;
}

const text = (value: Value | undefined) => (value === undefined ? "" : String(value));
const texts = (value: Value | undefined) => (Array.isArray(value) ? value : value ? [String(value)] : []);

/** The control for one field of a form, by its kind. */
export function FieldControl({ field, value, onChange, error, first = false }: Props) {
  const common = { required: field.required, "data-autofocus": first || undefined };
  const label = field.label;
  if (field.kind === "toggle") {
    return (
      <label className="line">
        <input type="checkbox" checked={value === true} onChange={({ currentTarget }) => onChange(currentTarget.checked)} />
        {label}
      </label>
    );
  }
  return (
    <Labelled label={label} error={error} hint={field.hint}>
      {field.kind === "area" && <TextArea {...common} value={text(value)} onChange={onChange} />}
      {field.kind === "text" && <TextInput {...common} value={text(value)} onChange={onChange} />}
      {field.kind === "lines" && (
        <TextArea {...common} value={texts(value).join("\n")} onChange={(all) => onChange(all === "" ? [] : all.split("\n"))} />
      )}
      {field.kind === "number" && (
        <TextInput
          {...common}
          type="number"
          value={text(value)}
          onChange={(each) => onChange(each === "" ? "" : Number(each))}
        />
      )}
      {field.kind === "time" && (
        <TextInput
          {...common}
          type="datetime-local"
          value={local(text(value))}
          onChange={(each) => onChange(universal(each))}
        />
      )}
      {field.kind === "choice" && (
        <Select {...common} value={text(value)} onChange={onChange}>
          {!field.required && <option value="">{t("record.none")}</option>}
          {field.options?.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </Select>
      )}
      {field.kind === "team" && <TeamPick {...common} label={label} value={text(value)} onChange={onChange} />}
      {(field.kind === "person" || field.kind === "people") && (
        <PeoplePick
          {...common}
          label={label}
          many={field.kind === "people"}
          value={texts(value)}
          onChange={(ids) => onChange(field.kind === "people" ? ids : (ids[0] ?? ""))}
        />
      )}
      {field.kind === "record" && (
        <RecordPick {...common} label={label} field={field} value={text(value)} onChange={onChange} />
      )}
      {field.kind === "assets" && <AssetsPick {...common} label={label} value={texts(value)} onChange={onChange} />}
    </Labelled>
  );
}

/** A value as it is read. */
export function shownValue(field: Field, value: Value | undefined): ReactNode {
  const all = texts(value).map((each) => field.options?.find((option) => option.value === each)?.label ?? each);
  if (typeof value === "boolean") return t(value ? "common.yes" : "common.no");
  if (all.length === 0) return t("record.none");
  if (field.kind === "team") return <Team id={text(value)} />;
  if (field.kind === "time") return at(text(value));
  if (field.kind === "person" || field.kind === "people") return texts(value).map((id) => <Person key={id} id={id} />);
  return all.join(", ");
}

/** What a form begins with. */
export const initialValues = (fields: readonly Field[]): Values =>
  Object.fromEntries(fields.filter(({ initial }) => initial !== undefined).map(({ name, initial }) => [name, initial]));

/** Fields that are asked for, given what was said so far. */
export const askedFor = (fields: readonly Field[], values: Values) => fields.filter(({ when }) => when?.(values) ?? true);

interface PickProps<T> {
  label: string;
  value: T;
  onChange: (value: T) => void;
  required?: boolean;
  "data-autofocus"?: boolean;
}

function TeamPick({ value, onChange, ...rest }: PickProps<string>) {
  const { data: teams = [] } = useTeams(true);
  const chosen = value ? [{ value, label: teams.find((team) => team.value === value)?.label ?? value }] : [];
  const find = async (typed: string) =>
    teams.filter(({ label }) => label.toLowerCase().includes(typed.toLowerCase())).slice(0, 12);
  return (
    <Pick
      {...rest}
      free
      kind={`team/${teams.length}`}
      chosen={chosen}
      find={find}
      onChange={([team]) => onChange(team?.value ?? "")}
    />
  );
}

function PeoplePick({ value, onChange, many, ...rest }: PickProps<string[]> & { many: boolean }) {
  const { me } = useSession();
  // More than one name is asked for by id only where several may be chosen.
  const name = usePerson(value[0] ?? "");
  const chosen = value.map((id, index) => ({ value: id, label: index === 0 ? name : id }));
  const find = async (typed: string) => {
    const people = await findPeople(typed);
    const self = { value: me.subject, label: t("record.me") };
    return typed === "" ? [self, ...people.filter((each) => each.value !== me.subject)] : people;
  };
  return (
    <Pick
      {...rest}
      kind="people"
      many={many}
      chosen={chosen}
      find={find}
      onChange={(all) => onChange(all.map((each) => each.value))}
    />
  );
}

function AssetsPick({ value, onChange, ...rest }: PickProps<string[]>) {
  const name = useAssetName(value[0] ?? "");
  const chosen = value.map((id, index) => ({ value: id, label: index === 0 ? name : id }));
  return (
    <Pick
      {...rest}
      many
      kind="assets"
      chosen={chosen}
      find={findAssets}
      onChange={(all) => onChange(all.map((each) => each.value))}
    />
  );
}

/** What is found keeps its name as long as it is chosen. */
function RecordPick({ value, onChange, field, ...rest }: PickProps<string> & { field: Field }) {
  const [known, setKnown] = useState<Picked | null>(null);
  const chosen = value ? [known?.value === value ? known : { value, label: value }] : [];
  return (
    <Pick
      {...rest}
      kind={`record/${field.name}`}
      chosen={chosen}
      find={field.find ?? (async () => [])}
      onChange={([record]) => {
        setKnown(record ?? null);
        onChange(record?.value ?? "");
      }}
    />
  );
}

/** An instant as `datetime-local` has it, in the person's zone, and back. */
function local(instant: string): string {
  if (instant === "") return "";
  const time = new Date(instant);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
const universal = (given: string) => (given === "" ? "" : new Date(given).toISOString());
