import { Button } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { asProblem } from "@/api/problem";
import { t } from "@/i18n";
import { Icon } from "./Icon";

interface Toast {
  id: number;
  text: string;
  tone: "plain" | "bad";
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 8_000;
let toasts: readonly Toast[] = [];
let count = 0;
const hearers = new Set<() => void>();

function set(next: readonly Toast[]) {
  toasts = next;
  for (const hearer of hearers) hearer();
}

const dismiss = (id: number) => set(toasts.filter((toast) => toast.id !== id));

/** Says something at the edge of the screen, where it stays for a while. */
export function toast(text: string, options: { tone?: Toast["tone"]; action?: Toast["action"] } = {}) {
  const id = ++count;
  set([...toasts.slice(-2), { id, text, tone: options.tone ?? "plain", action: options.action }]);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Says that something did not work. */
export function toastProblem(error: unknown) {
  const problem = asProblem(error);
  toast([problem.title || t("problem.unreachable"), problem.detail].filter(Boolean).join(": "), { tone: "bad" });
}

/** Takes a text to the clipboard, which a browser may refuse. */
export async function copied(text: string, words?: string) {
  try {
    await navigator.clipboard.writeText(text);
    if (words !== undefined) toast(words);
  } catch (error) {
    toastProblem(error);
  }
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (hearer) => {
      hearers.add(hearer);
      return () => hearers.delete(hearer);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, tone, action }) => (
        <div key={id} className="toast" data-tone={tone}>
          <span>{text}</span>
          {action && (
            <Button
              size="compact-sm"
              variant="subtle"
              onClick={() => {
                action.run();
                dismiss(id);
              }}
            >
              {action.label}
            </Button>
          )}
          <button type="button" className="sign" aria-label={t("common.dismiss")} onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
