import { Button } from "@mantine/core";
import { t } from "@/i18n";
import { Toggles } from "@/ui/filters";
import { Field, Select, TextArea, TextInput } from "@/ui/form";
import { Icon } from "@/ui/Icon";
import { type Tile, type TileData, useDefinitions } from "./data";
import { kpiName, seriesName, titleOf } from "./shape";

const KINDS = ["NUMBER", "LINE", "BAR", "DONUT", "HEAT_MAP", "TABLE"] as const;
const MEASURES = ["VALUE", "MEDIAN", "P90", "COUNT"] as const;
const PERIODS = [7, 30, 90, 365] as const;

/** Everything that one tile says; what is chosen is shown at once. */
export function Configure({
  tile,
  data,
  change,
  close,
}: {
  tile: Tile;
  data: TileData | undefined;
  change: (part: Partial<Tile>) => void;
  close: () => void;
}) {
  const definitions = useDefinitions();
  const definition = definitions.data?.find(({ name }) => name === tile.kpi);
  const groups = definition?.groupBy ?? [];
  const asKind = (kind: Tile["kind"]) => {
    const groupBy =
      kind === "NUMBER" ? "" : kind === "LINE" ? "day" : tile.groupBy || (kind === "HEAT_MAP" ? (groups[0] ?? "") : "");
    change({ kind, groupBy });
  };
  const asFigure = (kpi: string) => {
    const next = definitions.data?.find(({ name }) => name === kpi);
    const known = next?.groupBy.includes(tile.groupBy) ?? false;
    change({
      kpi,
      series: [],
      measure: "VALUE",
      groupBy: known ? tile.groupBy : tile.kind === "NUMBER" ? "" : (next?.groupBy[0] ?? ""),
    });
  };
  const kinds = KINDS.filter((kind) => kind !== "LINE" || groups.includes("day"));
  const period = tile.allTime ? "all" : String(tile.days);
  return (
    <aside className="card configure" aria-label={t("board.configureOf", { name: titleOf(tile) })}>
      <header>
        <h2>{t("board.configure")}</h2>
        <button type="button" className="sign end" aria-label={t("common.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="body stack">
        <Field label={t("board.title")}>
          <TextInput value={tile.title} onChange={(title) => change({ title })} placeholder={tile.kpi && kpiName(tile.kpi)} />
        </Field>
        {tile.kind === "TEXT" ? (
          <Field label={t("board.kind.TEXT")}>
            <TextArea value={tile.text} onChange={(text) => change({ text })} />
          </Field>
        ) : (
          <>
            <Field label={t("board.figure")}>
              <Select value={tile.kpi} onChange={asFigure}>
                {definitions.data?.map(({ name }) => (
                  <option key={name} value={name}>
                    {kpiName(name)}
                  </option>
                ))}
              </Select>
            </Field>
            {definition && <p className="muted">{definition.definition}</p>}
            <Field label={t("board.form")}>
              <Select value={tile.kind} onChange={(kind) => asKind(kind as Tile["kind"])}>
                {kinds.map((kind) => (
                  <option key={kind} value={kind}>
                    {t(`board.kind.${kind}`)}
                  </option>
                ))}
              </Select>
            </Field>
            {tile.kind !== "NUMBER" && tile.kind !== "LINE" && (
              <Field label={t("board.groupBy")}>
                <Select value={tile.groupBy} onChange={(groupBy) => change({ groupBy })}>
                  {tile.kind !== "HEAT_MAP" && <option value="">{t("board.ungrouped")}</option>}
                  {groups.map((group) => (
                    <option key={group} value={group}>
                      {t(`group.${group}` as "group.team", { defaultValue: group })}
                    </option>
                  ))}
                </Select>
              </Field>
            )}
            {definition && definition.series.length > 0 && (
              <div>
                <p className="label">{t("board.parts")}</p>
                <div className="wrapping">
                  <Toggles
                    label={t("board.parts")}
                    options={definition.series.map((value) => ({ value, label: seriesName(value) }))}
                    value={tile.series}
                    onChange={(series) => change({ series })}
                  />
                </div>
              </div>
            )}
            {definition && (
              <Field label={t("board.measure")}>
                <Select value={tile.measure} onChange={(measure) => change({ measure: measure as Tile["measure"] })}>
                  {MEASURES.filter((each) => definition.unit === "s" || each === "VALUE" || each === "COUNT").map((each) => (
                    <option key={each} value={each}>
                      {t(`measure.${each}`)}
                    </option>
                  ))}
                </Select>
              </Field>
            )}
            <Field label={t("dashboard.period")}>
              <Select
                value={period}
                onChange={(value) =>
                  change(value === "all" ? { allTime: true, days: 0 } : { allTime: false, days: Number(value) })
                }
              >
                <option value="0">{t("board.asBoard")}</option>
                {PERIODS.map((days) => (
                  <option key={days} value={days}>
                    {t("dashboard.days", { count: days })}
                  </option>
                ))}
                <option value="all">{t("board.allTime")}</option>
              </Select>
            </Field>
            <Field label={t("board.filter")} hint={t("board.filterHint")} error={data?.fault || undefined}>
              <TextInput value={tile.filter} onChange={(filter) => change({ filter })} placeholder={'teamId = "network"'} />
            </Field>
          </>
        )}
        <Button variant="default" onClick={close}>
          {t("board.done")}
        </Button>
      </div>
    </aside>
  );
}
