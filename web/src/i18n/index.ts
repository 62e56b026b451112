import i18next from "i18next";
import type admin from "./en/admin.json";
import type alerts from "./en/alerts.json";
import type assets from "./en/assets.json";
import type core from "./en/core.json";
import type desk from "./en/desk.json";
import type incidents from "./en/incidents.json";
import type insight from "./en/insight.json";
import type knowledge from "./en/knowledge.json";
import type oncall from "./en/oncall.json";
import type portal from "./en/portal.json";

interface Areas {
  core: typeof core;
  incidents: typeof incidents;
  desk: typeof desk;
  knowledge: typeof knowledge;
  assets: typeof assets;
  alerts: typeof alerts;
  insight: typeof insight;
  admin: typeof admin;
  portal: typeof portal;
  oncall: typeof oncall;
}

/** A part of the product that has words of its own; they are fetched when it is opened. */
export type Area = keyof Areas;
type Words = Areas[Area];
type Together<T> = (T extends unknown ? (each: T) => void : never) extends (all: infer All) => void ? All : never;

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: Together<Words> };
    returnNull: false;
  }
}

/** Languages that there are words in, as they call themselves. */
export const LANGUAGES = { en: "English" } as const;
export type Language = keyof typeof LANGUAGES;

const FILES = import.meta.glob<Words>("./*/*.json", { import: "default" });
const RIGHT_TO_LEFT = new Set(["ar"]);
const KEPT = "itsm-language";

const known = (tag: string | null | undefined) => Object.keys(LANGUAGES).find((each) => each === tag?.split("-")[0]);

/** The language of this browser: what was chosen here, else the first of its own that there are words in. */
const present = () => known(localStorage.getItem(KEPT)) ?? navigator.languages.map(known).find(Boolean) ?? "en";

/** Texts are read before anything is shown; another language is another page load. */
void i18next.init({
  lng: present(),
  resources: {},
  interpolation: { escapeValue: false }, // React escapes
  initAsync: false,
});

export const t = i18next.t;

/** Fetches the words of an area, once; modules of the area are read after them, because they hold texts themselves. */
export async function words(...areas: readonly Area[]): Promise<void> {
  const language = i18next.language;
  await Promise.all(
    areas.map(async (area) => {
      const load = FILES[`./${language}/${area}.json`];
      if (load === undefined) throw new Error(`there are no ${language} words for ${area}`);
      i18next.addResourceBundle(language, "translation", await load(), true, true);
    }),
  );
}

/** Says to the browser in which language, and in which direction, the page is. */
export function applyLanguage() {
  document.documentElement.lang = i18next.language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(i18next.language) ? "rtl" : "ltr";
}

/** Shows everything in another language from now on, on this device. */
export function speak(language: Language) {
  localStorage.setItem(KEPT, language);
  location.reload();
}

/** The language that numbers and times are written in. */
export const locale = () => i18next.language;
