import type { Schemas } from "@/api/client";
import { t } from "@/i18n";

type Change = Schemas["FieldChange"];

const text = (value: unknown) =>
  value === null || value === undefined || value === ""
    ? ""
    : typeof value === "object"
      ? JSON.stringify(value, null, 1)
      : String(value);

/** Every field that differs, before and after. */
export function Changes({ changes }: { changes: readonly Change[] }) {
  if (changes.length === 0) return <p className="muted">{t("audit.nothing")}</p>;
  return (
    <table className="table">
      <thead>
        <tr>
          <th>{t("audit.field")}</th>
          <th>{t("audit.before")}</th>
          <th>{t("audit.after")}</th>
        </tr>
      </thead>
      <tbody>
        {changes.map((change) => (
          <tr key={change.field}>
            <td className="strong">{change.field}</td>
            {"personal" in change && change.personal ? (
              <td colSpan={2} className="muted">
                {t("audit.personal")}
              </td>
            ) : (
              <>
                <td className="gone">{text(change.old) || "–"}</td>
                <td className="came">{text(change.new) || "–"}</td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
