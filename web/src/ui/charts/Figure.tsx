import { createContext, type ReactNode, useContext, useState } from "react";
import { t } from "@/i18n";

const Context = createContext<"chart" | "table">("chart");

/** Whether the figure around is shown as a drawing or as rows. */
export const useForm = () => useContext(Context);

/** A figure with its title; its reader chooses between the drawing and the numbers where there is both. */
export function Figure({
  title,
  busy,
  twin = true,
  tools,
  children,
}: {
  title: string;
  busy: boolean;
  /** Whether there are numbers beside the drawing. */
  twin?: boolean;
  /** What can be done with it, beside its title. */
  tools?: ReactNode;
  children: ReactNode;
}) {
  const [form, setForm] = useState<"chart" | "table">("chart");
  return (
    <section className="card figure" aria-label={title} aria-busy={busy}>
      <header>
        <h2 className="clip" title={title}>
          {title}
        </h2>
        {twin && (
          <button
            type="button"
            className="plain end muted nowrap"
            onClick={() => setForm(form === "chart" ? "table" : "chart")}
          >
            {t(form === "chart" ? "common.table" : "common.chart")}
          </button>
        )}
        {tools}
      </header>
      <div className="body">
        <Context.Provider value={form}>{children}</Context.Provider>
      </div>
    </section>
  );
}
