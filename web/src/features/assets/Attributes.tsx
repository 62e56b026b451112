import { useQuery } from "@tanstack/react-query";
import { type Asset, api, body } from "@/api/client";
import { useSession } from "@/app/session";
import { locale, t } from "@/i18n";
import { Ago, Chip } from "@/ui/bits";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** A number of bytes as people say it. */
export function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  const format = new Intl.NumberFormat(locale(), { maximumSignificantDigits: 3 });
  return `${format.format(count / 1000 ** power)} ${UNITS[power]}`;
}

function written(value: unknown, unit: string): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return t(value ? "asset.yes" : "asset.no");
  if (unit === "bytes" && Number.isFinite(Number(value))) return bytes(Number(value));
  if (typeof value === "number") return `${new Intl.NumberFormat(locale()).format(value)}${unit ? ` ${unit}` : ""}`;
  return String(value ?? "");
}

/** What is known of an asset, who says so, and who says otherwise. */
export function Attributes({ asset }: { asset: Asset }) {
  const { can } = useSession();
  const classes = useQuery({
    queryKey: ["assetClasses"],
    enabled: can("assetClasses.list"),
    queryFn: async () => (await body(api.GET("/api/v1/assetClasses"))).assetClasses,
  });
  const known = new Map<string, { title: string; unit: string }>();
  for (let name = asset.class; name; ) {
    const found = classes.data?.find((each) => each.name === name);
    for (const each of found?.attributes ?? []) known.set(each.name, each);
    name = found?.parent ?? "";
  }
  const rows = Object.entries(asset.attributes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <section className="card">
      <header>
        <h2>{t("asset.attributes")}</h2>
      </header>
      <div className="body">
        {rows.length === 0 && <p className="muted">{t("asset.noAttributes")}</p>}
        {rows.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t("asset.attribute")}</th>
                <th scope="col">{t("asset.value")}</th>
                <th scope="col">{t("asset.from")}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, value]) => {
                const from = asset.provenance[name];
                const unit = known.get(name)?.unit ?? "";
                return (
                  <tr key={name}>
                    <th scope="row">{known.get(name)?.title || name}</th>
                    <td>
                      {written(value, unit)}
                      {from?.others
                        .filter((other) => JSON.stringify(other.value) !== JSON.stringify(value))
                        .map((other) => (
                          <div key={other.source} className="muted">
                            {t("asset.other", { source: other.source, value: written(other.value, unit) })}
                          </div>
                        ))}
                    </td>
                    <td className="nowrap">
                      {from && (
                        <span className="line">
                          <Chip tone={from.source === "manual" ? "calm" : "still"}>{from.source}</Chip>
                          <Ago time={from.reportTime} />
                        </span>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}
