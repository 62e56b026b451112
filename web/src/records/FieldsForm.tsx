import { Button } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { asProblem } from "@/api/problem";
import { t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { askedFor, FieldControl, initialValues, shownValue } from "./FieldControl";
import type { Field, Value, Values } from "./kind";
import { Meanwhile } from "./Meanwhile";
import { Conflict } from "./meanwhile";

interface Props {
  fields: readonly Field[];
  /** What the button says. */
  action: string;
  submit: (values: Values) => Promise<unknown>;
  cancel: () => void;
  danger?: boolean;
  /** Shown above the fields, by what is said so far. */
  children?: (values: Values) => ReactNode;
}

/**
 * A form of fields; what the server refuses stands at the field that it is about. After a `Conflict` that `submit` throws it goes
 * on: `submit` is to write over the version that the conflict brought.
 */
export function FieldsForm({ fields, action, submit, cancel, danger = false, children }: Props) {
  const [values, setValues] = useState<Values>(() => initialValues(fields));
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [theirs, setTheirs] = useState<Values>({});
  const problem = failed === null ? null : asProblem(failed);
  const asked = askedFor(fields, values);
  // The keyboard stands at what has to be said, after what is said already.
  const begin = Math.max(
    0,
    asked.findIndex(({ required, initial }) => required && (initial ?? "") === ""),
  );
  const wrong = (name: string) => problem?.errors.find(({ pointer }) => pointer.split("/").at(1) === name)?.message;
  const named = problem?.errors.some(({ pointer }) => asked.some(({ name }) => pointer.split("/").at(1) === name));

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailed(null);
    setTheirs({});
    try {
      await submit(
        Object.fromEntries(asked.map(({ name }) => [name, values[name]]).filter(([, value]) => value !== undefined)),
      );
    } catch (error) {
      if (error instanceof Conflict) setTheirs(error.theirs as Values);
      else setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="stack" onSubmit={(event) => void onSubmit(event)}>
      {children?.(values)}
      {asked.map((field, index) => (
        <FieldControl
          key={field.name}
          field={field}
          first={index === begin}
          value={values[field.name]}
          error={wrong(field.name)}
          onChange={(value) => setValues((known) => ({ ...known, [field.name]: value }))}
        />
      ))}
      {failed !== null && !named && <Problem error={failed} />}
      <Meanwhile
        theirs={asked
          .filter(({ name }) => name in theirs)
          .map((field) => ({ name: field.name, label: field.label, shown: shownValue(field, theirs[field.name]) }))}
        take={(name) => {
          setValues((known) => ({ ...known, [name]: theirs[name] as Value }));
          setTheirs(({ [name]: _, ...rest }) => rest);
        }}
      />
      <div className="line">
        <Button type="submit" loading={busy} data-danger={danger || undefined} data-autofocus={asked.length === 0 || undefined}>
          {action}
        </Button>
        <Button variant="default" onClick={cancel}>
          {t("common.cancel")}
        </Button>
      </div>
    </form>
  );
}
