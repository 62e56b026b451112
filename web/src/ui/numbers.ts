import { locale } from "@/i18n";

/** A part of a whole, 0 to 1, as people read it. */
export const percent = (part: number) =>
  new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(part);
