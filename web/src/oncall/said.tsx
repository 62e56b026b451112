import { useSyncExternalStore } from "react";
import { asProblem } from "@/api/problem";
import { t } from "@/i18n";

const SHOWN_MS = 6_000;
let shown: { text: string; bad: boolean } | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const hearers = new Set<() => void>();

function set(next: typeof shown) {
  shown = next;
  for (const hearer of hearers) hearer();
}

/** Says something at the foot of the page for a while. */
export function say(text: string, bad = false) {
  clearTimeout(timer);
  timer = setTimeout(() => set(null), SHOWN_MS);
  set({ text, bad });
}

/** Says that something did not work. */
export function sayProblem(error: unknown) {
  const problem = asProblem(error);
  say([problem.title || t("problem.unreachable"), problem.detail].filter(Boolean).join(": "), true);
}

export function Said() {
  const said = useSyncExternalStore(
    (hearer) => {
      hearers.add(hearer);
      return () => hearers.delete(hearer);
    },
    () => shown,
  );
  return (
    <div className="said-now" role="status" aria-live="polite">
      {said && <p data-bad={said.bad}>{said.text}</p>}
    </div>
  );
}
