import type { ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { t } from "@/i18n";
import { Icon, type IconName } from "@/ui/Icon";
import { ago, at, useNow } from "@/ui/time";

interface ButtonProps {
  children: ReactNode;
  onClick?: () => void;
  type?: "button" | "submit";
  tone?: "main" | "quiet" | "bad";
  icon?: IconName;
  busy?: boolean;
  disabled?: boolean;
}

/** Large enough for a thumb. One that works says so to everybody. */
export function Button({
  children,
  onClick,
  type = "button",
  tone = "main",
  icon,
  busy = false,
  disabled = false,
}: ButtonProps) {
  return (
    <button type={type} className="push" data-tone={tone} onClick={onClick} disabled={disabled || busy} aria-busy={busy}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A label with its control, a hint, and what is wrong. The control is given its id and what describes it. */
export function Field({
  id,
  label,
  hint,
  wrong,
  optional = false,
  children,
}: {
  id: string;
  label: string;
  hint?: string;
  wrong?: string;
  optional?: boolean;
  children: ReactNode;
}) {
  return (
    <div className="ask" data-wrong={Boolean(wrong)}>
      <label htmlFor={id}>
        {label}
        {optional && <span className="muted"> {t("portal.optional")}</span>}
      </label>
      {hint && (
        <p className="muted" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children}
      {wrong && (
        <p className="wrong" id={`${id}-wrong`}>
          <Icon name="late" />
          {wrong}
        </p>
      )}
    </div>
  );
}

/** What a control says about itself to assistive technology. */
export const described = (id: string, { hint, wrong }: { hint?: string; wrong?: string }) => ({
  id,
  "aria-invalid": wrong ? true : undefined,
  "aria-describedby": [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined,
});

/** Something did not work: what, in plain words, and what to do now. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  return (
    <div className="notice" data-tone="bad" role="alert">
      <Icon name="late" />
      <div>
        <strong>{problem.status === 0 ? t("portal.offline.title") : problem.title || t("problem.unreachable")}</strong>
        <p>{problem.status === 0 ? t("portal.offline.text") : problem.detail}</p>
        {problem.requestId && <code>{t("problem.request", { id: problem.requestId })}</code>}
      </div>
      {retry && (
        <Button tone="quiet" onClick={retry}>
          {t("problem.retry")}
        </Button>
      )}
    </div>
  );
}

export function Waiting({ rows = 3 }: { rows?: number }) {
  return (
    <div className="tiles" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <div key={index} className="tile">
          <div className="skeleton" style={{ inlineSize: "55%" }} />
          <div className="skeleton" style={{ inlineSize: "80%" }} />
        </div>
      ))}
    </div>
  );
}

/** Nothing is here: why, and one thing to do. */
export function Nothing({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="nothing-here">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** How long ago; the exact instant on hover. */
export function When({ time }: { time: string | undefined }) {
  const text = useNow((instant) => (time ? ago(time, instant) : ""));
  return time ? (
    <time dateTime={time} title={at(time)} className="muted nowrap">
      {text}
    </time>
  ) : null;
}
