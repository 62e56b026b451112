import { useState } from "react";
import { t } from "@/i18n";
import { useChange } from "./data";
import { type Column, type DeskRecord, type Kind, nameOf, type Value } from "./kind";

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  column: Column<R>;
  record: R;
}

/** What a list shows of a record in one column; where a choice is behind it, it is changed right there. */
export function Cell<R extends DeskRecord>({ kind, column, record }: Props<R>) {
  const { edit } = column;
  const [opened, setOpened] = useState(false);
  if (edit === undefined) return column.cell(record);
  if (!opened) {
    return (
      <button
        type="button"
        className="plain cell"
        tabIndex={-1}
        aria-label={t("record.changeField", { field: edit.label, number: nameOf(record) })}
        onClick={() => setOpened(true)}
      >
        {column.cell(record)}
      </button>
    );
  }
  return <Choice kind={kind} record={record} field={edit} close={() => setOpened(false)} />;
}

function Choice<R extends DeskRecord>({
  kind,
  record,
  field,
  close,
}: {
  kind: Kind<R>;
  record: R;
  field: NonNullable<Column<R>["edit"]>;
  close: () => void;
}) {
  const change = useChange(kind);
  const known = (record as unknown as Record<string, Value>)[field.name];
  return (
    <select
      className="toggle"
      aria-label={field.label}
      // biome-ignore lint/a11y/noAutofocus: it stands where the person has just pressed
      autoFocus
      defaultValue={String(known ?? "")}
      onBlur={close}
      onKeyDown={(event) => {
        event.stopPropagation(); // the list's keys are not meant while something is chosen
        if (event.key === "Escape") close();
      }}
      onChange={({ currentTarget }) => {
        void change(record, { [field.name]: currentTarget.value });
        close();
      }}
    >
      {field.options?.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
