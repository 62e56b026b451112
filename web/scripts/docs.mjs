// The page of the API: the renderer as its package has it, our few lines beside it, named after what is in them.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, extname } from "node:path";

const PARTS = [
  "node_modules/swagger-ui-dist/swagger-ui.css",
  "node_modules/swagger-ui-dist/swagger-ui-bundle.js",
  "docs/docs.css",
  "docs/docs.js",
];

mkdirSync("dist/assets", { recursive: true });
let page = readFileSync("docs/docs.html", "utf8");
for (const part of PARTS) {
  const kind = extname(part);
  // A map that is not there would be asked for by every browser whose tools are open.
  const content = readFileSync(part, "utf8").replace(/\n\/[/*]# sourceMappingURL=[^\n]*\s*$/, "\n");
  const hash = createHash("sha256").update(content).digest("base64url").slice(0, 8);
  const name = `${basename(part, kind)}-${hash}${kind}`;
  writeFileSync(`dist/assets/${name}`, content);
  page = page.replace(`/assets/${basename(part)}`, `/assets/${name}`);
}
writeFileSync("dist/docs.html", page);
