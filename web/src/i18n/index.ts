import type { TFunction } from "i18next"; // what a text is called and what it takes is checked; nothing of it is loaded
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
export const LANGUAGES = { en: "English", de: "Deutsch", ru: "Русский", ar: "العربية" } as const;
export type Language = keyof typeof LANGUAGES;

const FILES = import.meta.glob<Words>("./*/*.json", { import: "default" });
const RIGHT_TO_LEFT = new Set(["ar"]);
const KEPT = "itsm-language";

const known = (tag: string | null | undefined) => Object.keys(LANGUAGES).find((each) => each === tag?.split("-")[0]);

/** The language of this browser: what was chosen here, else the first of its own that there are words in. */
const present = () => known(localStorage.getItem(KEPT)) ?? navigator.languages.map(known).find(Boolean) ?? "en";

/** Texts are read before anything is shown; another language is another page load. */
const language = present();
const texts = new Map<string, string>();
const plural = new Intl.PluralRules(language);

/** Whether what comes first lies on the right. Drawings and keys with sides of their own go by it; the rest is the style sheets'. */
export const rightToLeft = RIGHT_TO_LEFT.has(language);

interface Branch {
  readonly [name: string]: string | Branch;
}

function keep(branch: Branch, above = "") {
  for (const [name, part] of Object.entries(branch)) {
    if (typeof part === "string") texts.set(above + name, part);
    else keep(part, `${above}${name}.`);
  }
}

/**
 * A text with what is put into it: `{{name}}`. With a `count` it is `key_one`, `key_few` and so on, as the language counts,
 * or `key_zero` for none where there is one. What has no words is `defaultValue`, else its own name.
 */
function say(key: string, given: Readonly<Record<string, unknown>> = {}): string {
  const { count, defaultValue } = given;
  const forms =
    typeof count === "number" ? [...(count === 0 ? ["_zero"] : []), `_${plural.select(count)}`, "_other", ""] : [""];
  const form = forms.find((each) => texts.has(key + each));
  const text = form === undefined ? String(defaultValue ?? key) : (texts.get(key + form) as string);
  return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => String(given[name] ?? ""));
}

export const t = say as unknown as TFunction;

/** Fetches the words of an area, once; modules of the area are read after them, because they hold texts themselves. */
export async function words(...areas: readonly Area[]): Promise<void> {
  await Promise.all(
    areas.map(async (area) => {
      const load = FILES[`./${language}/${area}.json`];
      if (load === undefined) throw new Error(`there are no ${language} words for ${area}`);
      keep((await load()) as Branch);
    }),
  );
}

/** Says to the browser in which language, and in which direction, the page is. */
export function applyLanguage() {
  document.documentElement.lang = language;
  document.documentElement.dir = rightToLeft ? "rtl" : "ltr";
}

/** Shows everything in another language from now on, on this device. */
export function speak(language: Language) {
  localStorage.setItem(KEPT, language);
  location.reload();
}

/** The language that numbers and times are written in. */
export const locale = () => language;
