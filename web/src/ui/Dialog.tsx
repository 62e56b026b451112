import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { t } from "@/i18n";
import { Icon } from "./Icon";

interface Props {
  opened: boolean;
  /** Asked for by Escape, a press beside it, or its sign; without it, it stays until its work is done. */
  onClose?: () => void;
  /** Shown at its top, and what it is called. */
  title?: string;
  /** What it is called when no title is shown. */
  label?: string;
  size?: "small" | "wide";
  place?: "middle" | "top" | "side";
  children: ReactNode;
}

/**
 * The browser's own modal dialog. It is there, with the keyboard in it, before the next key is heard, and gone before the next
 * one too: who knows the keys types on without looking. What has `data-autofocus` gets the keyboard.
 */
export function Dialog({ opened, ...rest }: Props) {
  return opened ? <Opened {...rest} /> : null;
}

function Opened({ onClose, title, label, size = "small", place = "middle", children }: Omit<Props, "opened">) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const beside = useRef(false);

  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => dialog?.close(); // gives the keyboard back to what had it before
  }, []);

  // What one marks with the pointer may end beside the dialog; only what also began there means to leave it.
  const isBeside = (event: MouseEvent) => event.target === event.currentTarget;
  return (
    <dialog
      ref={element}
      className="dialog"
      data-size={size}
      data-place={place}
      aria-label={label}
      aria-labelledby={title === undefined ? undefined : id}
      onKeyDown={(event) => {
        if (event.key === "Escape" && onClose === undefined) event.preventDefault();
      }}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return;
        event.preventDefault();
        onClose?.();
      }}
      onClose={({ target, currentTarget }) => {
        // A browser may close a dialog by itself, in spite of what is said to it.
        if (target !== currentTarget || currentTarget.open) return;
        if (onClose === undefined) currentTarget.showModal();
        else onClose();
      }}
      onMouseDown={(event) => {
        beside.current = isBeside(event);
      }}
      onClick={(event) => {
        if (beside.current && isBeside(event)) onClose?.();
      }}
    >
      {title !== undefined && (
        <header>
          <h2 id={id}>{title}</h2>
          {onClose && (
            <button type="button" className="sign end" aria-label={t("common.close")} onClick={onClose}>
              <Icon name="close" />
            </button>
          )}
        </header>
      )}
      <div className={title === undefined ? undefined : "body"}>{children}</div>
    </dialog>
  );
}
