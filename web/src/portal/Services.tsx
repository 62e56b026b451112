import { useState } from "react";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { type Item, useCatalog } from "./data";
import { found } from "./finding";
import { Failure, Nothing, Waiting } from "./parts";
import { ItemTile } from "./tiles";

/** Items by the first part of their category, in the order of the alphabet; what has none comes last. */
function shelves(items: readonly Item[]): [string, Item[]][] {
  const byName = new Map<string, Item[]>();
  for (const item of items) {
    const name = item.category.split("/")[0]?.trim() || t("portal.services.other");
    byName.set(name, [...(byName.get(name) ?? []), item]);
  }
  const other = t("portal.services.other");
  return [...byName].sort(([one], [two]) => Number(one === other) - Number(two === other) || one.localeCompare(two));
}

/** What can be ordered. */
export function Services() {
  const catalog = useCatalog();
  const [text, setText] = useState("");
  const items = catalog.data ?? [];
  const shown = text.trim() ? found(items, text) : items;
  return (
    <main className="page">
      <h1>{t("portal.nav.services")}</h1>
      <label className="bigbox small-box">
        <Icon name="search" />
        <span className="visually-hidden">{t("portal.services.search")}</span>
        <input
          type="search"
          value={text}
          placeholder={t("portal.services.search")}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      {catalog.isPending && <Waiting rows={6} />}
      {catalog.isError && <Failure error={catalog.error} retry={() => void catalog.refetch()} />}
      {catalog.isSuccess && shown.length === 0 && (
        <Nothing icon="asset" title={t(text ? "portal.services.notFound" : "portal.services.none")}>
          {t("portal.services.noneText")}
        </Nothing>
      )}
      {(text.trim() ? [["", shown] as const] : shelves(shown)).map(([name, each]) => (
        <section key={name} aria-label={name || t("portal.services.search")}>
          {name && <h2>{name}</h2>}
          {each.length > 0 && (
            <ul className="tiles pair">
              {each.map((item) => (
                <li key={item.id}>
                  <ItemTile item={item} />
                </li>
              ))}
            </ul>
          )}
        </section>
      ))}
    </main>
  );
}
