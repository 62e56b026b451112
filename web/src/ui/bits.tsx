import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { rightToLeft, t } from "@/i18n";
import { Icon, type IconName } from "./Icon";
import { ago, at, useNow } from "./time";
import { copied } from "./toasts";

export type Tone = "bad" | "hot" | "warn" | "calm" | "good" | "still" | "accent";

export function Chip({ tone, icon, children, title }: { tone: Tone; icon?: IconName; children: ReactNode; title?: string }) {
  return (
    <span className="chip" data-tone={tone} title={title}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}

/** From one to the other, as the writing goes; between marks of its direction, as the two may be written the other way. */
export const Towards = () => <span aria-hidden="true">{rightToLeft ? "\u200f←\u200f" : "→"}</span>;

/** How long ago something was; the exact instant on hover. */
export function Ago({ time }: { time: string | undefined }) {
  const text = useNow((instant) => (time ? ago(time, instant) : ""));
  if (!time) return <span className="muted">–</span>;
  return (
    <time dateTime={time} title={at(time)} className="muted nowrap">
      {text}
    </time>
  );
}

/** Nothing to show: why, and one thing to do about it. */
export function Empty({
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
    <div className="blank">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** What went wrong, with the names by which it is found in logs and traces. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  const names = [
    problem.traceId && t("problem.trace", { id: problem.traceId }),
    problem.requestId && t("problem.request", { id: problem.requestId }),
  ]
    .filter(Boolean)
    .join(" · ");
  return (
    <div className="problem stack" role="alert">
      <strong>{problem.title || t("problem.unreachable")}</strong>
      {problem.detail && <span>{problem.detail}</span>}
      {problem.permission && <span>{t("problem.permission", { permission: problem.permission })}</span>}
      {names && (
        <div className="line wrap">
          <code>{names}</code>
          <Button variant="subtle" size="compact-xs" onClick={() => void copied(names)}>
            {t("problem.copy")}
          </Button>
        </div>
      )}
      {retry && (
        <div>
          <Button size="xs" variant="default" onClick={retry}>
            {t("problem.retry")}
          </Button>
        </div>
      )}
    </div>
  );
}

/** A page that is not there yet. */
export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div className="stack page-scroll" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike
        <div key={index} className="skeleton" style={{ inlineSize: `${90 - ((index * 17) % 45)}%` }} />
      ))}
    </div>
  );
}
