import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Icon, type IconName } from "./Icon";

interface Item {
  label: string;
  icon?: IconName;
  run: () => void;
}

interface Props {
  /** What the button is called. */
  label: string;
  className: string;
  children: ReactNode;
  items: readonly Item[];
  /** Said above the items. */
  title?: string;
  /** Which corner of the button it grows from. */
  side: "below" | "above";
}

/** A button that opens a few things to do, with the keys of a menu (WAI-ARIA menu button pattern). */
export function Menu({ label, className, children, items, title, side }: Props) {
  const [opened, setOpened] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const id = useId();
  const entries = () => [...(place.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];

  useEffect(() => {
    if (!opened) return;
    place.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const onPointerDown = (event: PointerEvent) => {
      if (!place.current?.contains(event.target as Node)) setOpened(false);
    };
    document.addEventListener("pointerdown", onPointerDown);
    return () => document.removeEventListener("pointerdown", onPointerDown);
  }, [opened]);

  const close = () => {
    setOpened(false);
    place.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!opened) return;
    const all = entries();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") return setOpened(false);
    else if (event.key === "Enter" || event.key === " ") return; // the item is a button and answers by itself
    event.preventDefault();
    event.stopPropagation(); // the page behind does not hear what is meant for the menu
  };
  return (
    <div className="menu" ref={place} onKeyDown={onKeyDown}>
      <button
        type="button"
        className={className}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={opened}
        aria-controls={opened ? id : undefined}
        onClick={() => setOpened(!opened)}
      >
        {children}
      </button>
      {opened && (
        <div className="menu-list" data-side={side}>
          {title && <p className="muted">{title}</p>}
          <div role="menu" id={id} aria-label={label}>
            {items.map((item) => (
              <button
                key={item.label}
                type="button"
                role="menuitem"
                tabIndex={-1}
                onClick={() => {
                  close();
                  item.run();
                }}
              >
                {item.icon && <Icon name={item.icon} />}
                {item.label}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
