import { useQueries } from "@tanstack/react-query";
import { ask, quoted } from "@/api/client";
import { Pick, type Picked } from "@/ui/Pick";
import { useTeams } from "../data";
import { findAssets, findPeople } from "../FieldControl";

/** What a record is called, whatever it is. */
export function titled(record: Record<string, unknown>): string {
  for (const name of [
    "displayName",
    "name",
    "title",
    "key",
    "url",
    "description",
    "comment",
    "username",
    "number",
    "resource",
    "source",
    "id",
  ]) {
    const value = record[name];
    if (typeof value === "string" && value !== "") return value.length > 80 ? `${value.slice(0, 79)}…` : value;
  }
  return "";
}

async function found(of: string, text: string): Promise<Picked[]> {
  if (of === "users") return findPeople(text);
  if (of === "assets") return findAssets(text);
  const query = { filter: text ? `name:${quoted(text)}` : undefined, pageSize: 12 };
  const answer = await ask<Record<string, Record<string, unknown>[]>>("GET", of, { query });
  return (answer[of] ?? []).map((record) => ({ value: String(record.id), label: titled(record) }));
}

interface Props {
  /** The kind of record that is named. */
  of: string;
  label: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  many?: boolean;
  required?: boolean;
}

/** Names other records, which are found by typing. */
export function RefPick({ of, label, value, onChange, many = false, required }: Props) {
  const { data: teams = [] } = useTeams(of === "teams");
  const names = useQueries({
    queries: (of === "teams" ? [] : value).map((id) => ({
      queryKey: ["named", of, id],
      queryFn: () => ask<Record<string, unknown>>("GET", `${of}/${encodeURIComponent(id)}`).then(titled, () => id),
    })),
  });
  const nameOf = (id: string, index: number) =>
    (of === "teams" ? teams.find((team) => team.value === id)?.label : names[index]?.data) || id;
  const find = async (text: string) =>
    of === "teams"
      ? teams.filter(({ label: name }) => name.toLowerCase().includes(text.toLowerCase())).slice(0, 12)
      : found(of, text);
  return (
    <Pick
      label={label}
      kind={`ref/${of}/${teams.length}`}
      free={of === "teams" || of === "calendars"}
      many={many}
      required={required}
      chosen={value.map((id, index) => ({ value: id, label: nameOf(id, index) }))}
      find={find}
      onChange={(chosen) => onChange(chosen.map((each) => each.value))}
    />
  );
}
