// What a first visit may weigh. The build fails above it, because nobody sees one more kilobyte.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

// What whoever comes sees first, beside what the page names itself.
const ENTRIES = {
  "index.html": {
    limit: 210_000,
    shown: ["src/features/incidents/Queue.tsx", "src/i18n/en/core.json", "src/i18n/en/incidents.json"],
  },
  "portal.html": { limit: 170_000, shown: ["src/portal/Home.tsx", "src/i18n/en/core.json", "src/i18n/en/portal.json"] },
  "oncall.html": { limit: 110_000, shown: ["src/i18n/en/core.json", "src/i18n/en/oncall.json"] },
};
const STYLES = 25_000;
const LAZY = 85_000;

const manifest = JSON.parse(readFileSync("dist/assets/manifest.json", "utf8"));
const weight = (file) => gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length;

function together(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) together(next, seen);
  return seen;
}

const sum = (files) => [...new Set(files)].reduce((total, file) => total + weight(file), 0);
const found = [];
const atOnce = new Set();
for (const [entry, { limit, shown }] of Object.entries(ENTRIES)) {
  const first = together(entry);
  for (const key of shown) if (key in manifest) together(key, first);
  for (const key of first) atOnce.add(key);
  const keys = [...first];
  found.push([`${entry}, JS`, sum(keys.map((key) => manifest[key].file)), limit]);
  found.push([`${entry}, CSS`, sum(keys.flatMap((key) => manifest[key].css ?? [])), STYLES]);
}
const lazy = Object.keys(manifest).filter((key) => !atOnce.has(key) && manifest[key].file.endsWith(".js"));
found.push(["any lazy part, JS", Math.max(0, ...lazy.map((key) => weight(manifest[key].file))), LAZY]);

let over = false;
for (const [name, bytes, limit] of found) {
  const fits = bytes <= limit;
  over ||= !fits;
  console.log(`${fits ? "ok  " : "OVER"} ${name}: ${(bytes / 1000).toFixed(1)} of ${limit / 1000} kB gz`);
}
process.exit(over ? 1 : 0);
