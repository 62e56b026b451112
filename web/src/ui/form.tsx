import { Input } from "@mantine/core";
import { createContext, type ReactNode, useContext, useId } from "react";
import { Icon } from "./Icon";

const Context = createContext({ id: "", error: false });

/** A label with its control and what is wrong with it. */
export function Field({ label, error, hint, children }: { label: string; error?: string; hint?: string; children: ReactNode }) {
  const id = useId();
  return (
    <Context.Provider value={{ id, error: error !== undefined }}>
      <Input.Wrapper id={id} label={label} error={error} description={hint}>
        {children}
      </Input.Wrapper>
    </Context.Provider>
  );
}

interface Common {
  value: string | undefined;
  onChange: (value: string) => void;
  required?: boolean;
  "data-autofocus"?: boolean;
}

export function TextInput({
  value,
  onChange,
  ...rest
}: Common & {
  list?: string;
  placeholder?: string;
  type?: "text" | "password" | "number" | "datetime-local" | "date" | "time" | "email" | "url";
}) {
  const { id, error } = useContext(Context);
  return (
    <Input
      id={id}
      error={error}
      autoComplete="off"
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
      {...rest}
    />
  );
}

export function TextArea({ value, onChange, ...rest }: Common) {
  const { id, error } = useContext(Context);
  return (
    <Input
      component="textarea"
      id={id}
      error={error}
      multiline
      rows={4}
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
      {...rest}
    />
  );
}

/** The browser's own: it is what keyboards, phones and screen readers know best. */
export function Select({ value, onChange, children, ...rest }: Common & { children: ReactNode }) {
  const { id, error } = useContext(Context);
  return (
    <Input
      component="select"
      id={id}
      error={error}
      pointer
      rightSection={<Icon name="down" />}
      rightSectionPointerEvents="none"
      value={value ?? ""}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
      {...rest}
    >
      {children}
    </Input>
  );
}
