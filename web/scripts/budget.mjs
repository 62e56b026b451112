// What a first visit may weigh. The build fails above it, because nobody sees one more kilobyte.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMITS = { "first load, JS": 210_000, "first load, CSS": 25_000, "any lazy part, JS": 85_000 };

const manifest = JSON.parse(readFileSync("dist/assets/manifest.json", "utf8"));
const weight = (file) => gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length;

function together(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) together(next, seen);
  return seen;
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
// Whoever comes sees the queue first.
const first = together("src/features/incidents/Queue.tsx", together(entry));
const styles = new Set([...first].flatMap((key) => manifest[key].css ?? []));
const lazy = Object.keys(manifest).filter((key) => !first.has(key) && manifest[key].file.endsWith(".js"));
const sum = (files) => [...files].reduce((total, file) => total + weight(file), 0);
const found = {
  "first load, JS": sum([...first].map((key) => manifest[key].file)),
  "first load, CSS": sum(styles),
  "any lazy part, JS": Math.max(0, ...lazy.map((key) => weight(manifest[key].file))),
};
let over = false;
for (const [name, bytes] of Object.entries(found)) {
  const fits = bytes <= LIMITS[name];
  over ||= !fits;
  console.log(`${fits ? "ok  " : "OVER"} ${name}: ${(bytes / 1000).toFixed(1)} of ${LIMITS[name] / 1000} kB gz`);
}
process.exit(over ? 1 : 0);
