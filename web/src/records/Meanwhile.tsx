import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "@/i18n";

export interface Theirs {
  name: string;
  label: string;
  shown: ReactNode;
}

/** What somebody else wrote into the same fields, beside what is written here: who saves now writes over it. */
export function Meanwhile({ theirs, take }: { theirs: readonly Theirs[]; take: (name: string) => void }) {
  if (theirs.length === 0) return null;
  return (
    <section className="problem stack" role="alert">
      <strong>{t("meanwhile.title")}</strong>
      <span>{t("meanwhile.text")}</span>
      <ul className="stack tight">
        {theirs.map(({ name, label, shown }) => (
          <li key={name} className="line wrap">
            <span className="strong">{label}</span>
            <div>{shown}</div>
            <Button size="compact-xs" variant="default" onClick={() => take(name)}>
              {t("meanwhile.take", { name: label })}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
