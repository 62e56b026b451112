import type { ReactNode } from "react";
import { locale, rightToLeft, t } from "@/i18n";

/** Which way is better: fewer, more, or neither. */
export type Better = "less" | "more" | "neither";

/** One number, what it was before, and what more there is to say of it. */
export function Amount({
  value,
  before,
  better,
  write,
  link,
  more,
}: {
  value: number | null;
  before: number | null;
  better: Better;
  write: (value: number | null) => string;
  link?: (text: string) => ReactNode;
  more?: ReactNode;
}) {
  const text = write(value);
  return (
    <>
      <p className="figure-value">{link && value !== null ? link(text) : text}</p>
      <p className="muted line wrap">
        {value !== null && before !== null && before !== 0 && (
          <Trend share={value / before - 1} better={better} was={write(before)} />
        )}
        {more}
      </p>
    </>
  );
}

function Trend({ share, better, was }: { share: number; better: Better; was: string }) {
  const rounded = Math.round(share * 100);
  const good = rounded === 0 || better === "neither" ? undefined : share < 0 === (better === "less");
  const format = new Intl.NumberFormat(locale(), { style: "percent", signDisplay: "exceptZero" });
  return (
    <span className="trend" data-good={good} title={t("common.before", { value: was })}>
      <span aria-hidden="true">{(rightToLeft ? "←↖↙" : "→↗↘")[rounded === 0 ? 0 : share > 0 ? 1 : 2]}</span>{" "}
      {format.format(rounded / 100)}
    </span>
  );
}
