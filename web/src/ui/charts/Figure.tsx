import { createContext, type ReactNode, useContext, useState } from "react";
import { t } from "@/i18n";

const Context = createContext<"chart" | "table">("chart");

/** Whether the figure around is shown as a drawing or as rows. */
export const useForm = () => useContext(Context);

/** A figure with its title; its reader chooses between the drawing and the numbers. */
export function Figure({
  title,
  wide,
  busy,
  children,
}: {
  title: string;
  wide: 4 | 6 | 12;
  busy: boolean;
  children: ReactNode;
}) {
  const [form, setForm] = useState<"chart" | "table">("chart");
  return (
    <section className={`card span-${wide}`} aria-label={title} aria-busy={busy}>
      <header>
        <h2>{title}</h2>
        <button type="button" className="plain end muted" onClick={() => setForm(form === "chart" ? "table" : "chart")}>
          {t(form === "chart" ? "common.table" : "common.chart")}
        </button>
      </header>
      <div className="body">
        <Context.Provider value={form}>{children}</Context.Provider>
      </div>
    </section>
  );
}
