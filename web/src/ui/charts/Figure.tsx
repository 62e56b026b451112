import { createContext, type ReactNode, useContext, useLayoutEffect, useRef, useState } from "react";
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
  const body = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  // What is longer than its place is scrolled by keys, too.
  useLayoutEffect(() => {
    const element = body.current as HTMLDivElement;
    const look = () => setScrolls(element.scrollHeight > element.clientHeight + 1);
    const sizes = new ResizeObserver(look);
    const contents = new MutationObserver(look);
    sizes.observe(element);
    contents.observe(element, { childList: true, subtree: true });
    look();
    return () => {
      sizes.disconnect();
      contents.disconnect();
    };
  }, []);
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
      <div className="body" ref={body} tabIndex={scrolls ? 0 : undefined}>
        <Context.Provider value={form}>{children}</Context.Provider>
      </div>
    </section>
  );
}
