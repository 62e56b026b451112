import { Button } from "@mantine/core";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { copied } from "@/ui/toasts";

/** What an answer shows once and never again; empty where it shows nothing of the kind. */
export function secretOf(answer: Record<string, unknown>): string {
  for (const name of ["secret", "key", "token"]) {
    const value = answer[name];
    if (typeof value === "string" && value.length >= 16) return value;
  }
  return "";
}

export function Secret({ value, done }: { value: string; done: () => void }) {
  return (
    <Dialog opened={value !== ""} onClose={done} title={t("admin.secret")}>
      <div className="stack">
        <p>{t("admin.secretText")}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the dialog is reached with the keyboard too */}
        <pre className="code" tabIndex={0}>
          <code>{value}</code>
        </pre>
        <div className="line">
          <Button data-autofocus onClick={() => void copied(value)}>
            {t("problem.copy")}
          </Button>
          <Button variant="default" onClick={done}>
            {t("common.close")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
