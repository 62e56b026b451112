import { t } from "@/i18n";
import { difference } from "./diff";

const SIGNS = { same: "", gone: "−", came: "+" } as const;

/** Two texts, with what went and what came. */
export function Diff({ before, after }: { before: string; after: string }) {
  if (before === after) return <p className="muted">{t("article.same")}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is longer than the card is reached with the keyboard too
    <div className="code diff" dir="auto" tabIndex={0}>
      {difference(before, after).map(({ sign, text }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines keep their places
        <div key={index} data-sign={sign}>
          <span aria-hidden="true">{SIGNS[sign]}</span>
          {sign !== "same" && <span className="visually-hidden">{t(`article.${sign}`)}</span>}
          <span>{text || " "}</span>
        </div>
      ))}
    </div>
  );
}
