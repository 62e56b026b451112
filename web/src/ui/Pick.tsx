import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { t } from "@/i18n";
import { Icon } from "./Icon";

export interface Picked {
  value: string;
  label: string;
  hint?: string;
}

interface Props {
  id?: string;
  label: string;
  /** What is chosen already, with the names it is known by. */
  chosen: readonly Picked[];
  onChange: (chosen: Picked[]) => void;
  /** What a typed text finds; with an empty text, what is offered first. */
  find: (text: string) => Promise<readonly Picked[]>;
  /** Tells apart what different pickers have found. */
  kind: string;
  many?: boolean;
  /** Whether what is typed may be chosen although nothing is found by it. */
  free?: boolean;
  required?: boolean;
  "data-autofocus"?: boolean;
}

const DELAY_MS = 200;

/** Finds by typing, and takes one or several (WAI-ARIA combobox with a list). */
export function Pick({ id, label, chosen, onChange, find, kind, many = false, free = false, required, ...rest }: Props) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [opened, setOpened] = useState(false);
  const [at, setAt] = useState(0);
  const [hurried, setHurried] = useState(false);
  const list = useId();
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), DELAY_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const { data, isFetching } = useQuery({ queryKey: ["pick", kind, asked], queryFn: () => find(asked), enabled: opened });
  const taken = new Set(chosen.map(({ value }) => value));
  const typed = text.trim();
  // What was found under another text is no answer to this one.
  const settled = asked === typed && !isFetching;
  const found = settled ? (data ?? []).filter(({ value }) => !taken.has(value)) : [];
  const rows =
    settled && free && typed !== "" && !found.some(({ value, label: name }) => value === typed || name === typed)
      ? [...found, { value: typed, label: typed }]
      : found;
  const choose = (row: Picked | undefined) => {
    if (row === undefined) return;
    onChange(many ? [...chosen, row] : [row]);
    setText("");
    setAt(0);
    setOpened(false);
  };
  // Who knows what will be found presses Enter before it is.
  useEffect(() => {
    if (!hurried || !settled) return;
    setHurried(false);
    choose(rows[0]);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (opened && rows.length > 0) setAt((at + step + rows.length) % rows.length);
      setOpened(true);
    } else if (event.key === "Enter" && opened && (typed !== "" || rows.length > 0)) {
      event.preventDefault();
      if (settled) choose(rows[at]);
      else {
        setAsked(typed);
        setHurried(true);
      }
    } else if (event.key === "Escape" && opened) {
      event.preventDefault();
      event.stopPropagation();
      setOpened(false);
    } else if (event.key === "Backspace" && text === "" && chosen.length > 0) onChange(chosen.slice(0, -1));
  };
  return (
    <div className="pick">
      {chosen.map((each) => (
        <span key={each.value} className="chip" data-tone="still">
          {each.label || each.value}
          <button
            type="button"
            className="sign"
            aria-label={t("pick.remove", { name: each.label || each.value })}
            onClick={() => onChange(chosen.filter(({ value }) => value !== each.value))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      <input
        id={id}
        role="combobox"
        aria-label={label}
        aria-expanded={opened && rows.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={opened && rows[at] ? `${list}-${at}` : undefined}
        autoComplete="off"
        required={required && chosen.length === 0}
        placeholder={many || chosen.length === 0 ? t("pick.hint") : ""}
        value={text}
        onFocus={() => setOpened(true)}
        onBlur={() => setOpened(false)}
        onChange={({ currentTarget }) => {
          setText(currentTarget.value);
          setOpened(true);
          setHurried(false);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        {...rest}
      />
      {opened && (
        <div className="pick-list" role="listbox" id={list} aria-label={t("pick.found")} tabIndex={-1}>
          {rows.map((row, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard stays in the text field, as in every combobox
            <div
              key={row.value}
              id={`${list}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              onMouseDown={(event) => event.preventDefault()}
              onMouseMove={() => setAt(index)}
              onClick={() => choose(row)}
            >
              <span className="clip">{row.label}</span>
              {row.hint && <span className="muted clip end">{row.hint}</span>}
            </div>
          ))}
          {rows.length === 0 && (
            <div role="option" aria-selected="false" aria-disabled="true" tabIndex={-1} className="muted">
              {!settled ? t("common.loading") : t("pick.nothing")}
            </div>
          )}
        </div>
      )}
    </div>
  );
}
