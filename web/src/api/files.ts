import { problemOf } from "./problem";

/** Sends a file to an incident; the same key sends it once. Throws `ApiProblem` where it is refused. */
export async function upload(incident: string, file: File, key: string): Promise<void> {
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(incident)}/attachments`, {
    method: "POST",
    headers: {
      "x-itsm-csrf": "1",
      "idempotency-key": key,
      "content-type": file.type || "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    },
    body: file,
  });
  if (!answer.ok) throw await problemOf(answer);
}

const UNITS = ["byte", "kilobyte", "megabyte"] as const;

/** A size as people read it. */
export function sized(bytes: number, language: string): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: UNITS[unit],
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}
