import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";

export interface Step {
  title: string;
  status: string;
  done: boolean;
  time?: string;
}

/** How far something is, step by step; the first that is not done is where it stands. */
export function Tracker({ label, steps }: { label: string; steps: readonly Step[] }) {
  const now = steps.findIndex(({ done }) => !done);
  return (
    <ol className="tracker" aria-label={label}>
      {steps.map(({ title, status, done, time }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: steps keep their places
        <li key={index} data-done={done} aria-current={index === now ? "step" : undefined}>
          <span className="mark">{done && <Icon name="check" />}</span>
          <div>
            <strong>{title}</strong>
            {done && <span className="visually-hidden"> {t("portal.track.done")}</span>}
            <p className="muted">{[status, time && at(time)].filter(Boolean).join(" · ")}</p>
          </div>
        </li>
      ))}
    </ol>
  );
}
