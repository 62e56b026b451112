import { type Ref, useEffect, useRef, useState } from "react";
import { Icon } from "./Icon";

interface Option {
  value: string;
  label: string;
  title?: string;
}

const DELAY_MS = 250;

/** A text that a list is narrowed by; it follows a moment after the last key. */
export function TextFilter({
  ref,
  label,
  value,
  onChange,
  wide = false,
}: {
  ref?: Ref<HTMLInputElement>;
  label: string;
  value: string;
  onChange: (value: string) => void;
  wide?: boolean;
}) {
  const [text, setText] = useState(value);
  const said = useRef(value);
  useEffect(() => {
    // What was said from here comes back after more was typed.
    if (value !== said.current) setText(value);
    said.current = value;
  }, [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is typed starts the moment
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => {
      said.current = text;
      onChange(text);
    }, DELAY_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label className={wide ? "field wide" : "field"}>
      <Icon name="search" />
      <span className="visually-hidden">{label}</span>
      <input
        ref={ref}
        type="search"
        placeholder={label}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur();
        }}
      />
    </label>
  );
}

/** Several of a few. */
export function Toggles({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: readonly Option[];
  value: readonly string[];
  onChange: (value: string[]) => void;
}) {
  return (
    <fieldset className="line plain-fieldset" aria-label={label}>
      {options.map((option) => {
        const pressed = value.includes(option.value);
        return (
          <button
            key={option.value}
            type="button"
            className="toggle"
            title={option.title}
            aria-pressed={pressed}
            onClick={() =>
              onChange(
                options.map((each) => each.value).filter((each) => (each === option.value ? !pressed : value.includes(each))),
              )
            }
          >
            {option.label}
          </button>
        );
      })}
    </fieldset>
  );
}

/** One of a few ways to look at a list. */
export function Views({
  label,
  views,
  value,
  onChange,
}: {
  label: string;
  views: readonly Option[];
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <fieldset className="tabs plain-fieldset" aria-label={label}>
      {views.map((view) => (
        <button key={view.value} type="button" aria-pressed={view.value === value} onClick={() => onChange(view.value)}>
          {view.label}
        </button>
      ))}
    </fieldset>
  );
}
