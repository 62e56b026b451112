import i18next from "i18next";
import en from "./en.json" with { type: "json" };

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
    returnNull: false;
  }
}

/** Texts are read before anything is shown; another language is another page load. */
void i18next.init({
  lng: "en",
  fallbackLng: "en",
  resources: { en: { translation: en } },
  interpolation: { escapeValue: false }, // React escapes
  initAsync: false,
});

export const t = i18next.t;

/** The language that numbers and times are written in. */
export const locale = () => i18next.language;
