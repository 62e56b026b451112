import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { type Definition, type Tile, useDefinitions } from "./data";
import { isAmount, kpiName } from "./shape";

interface Offer {
  kind: Tile["kind"];
  groupBy: string;
  w: number;
  h: number;
}

const EMPTY: Omit<Tile, "id" | "kind"> = {
  title: "",
  kpi: "",
  groupBy: "",
  filter: "",
  series: [],
  measure: "VALUE",
  days: 0,
  allTime: false,
  text: "",
  x: 0,
  y: 0,
  w: 3,
  h: 2,
};

/** The forms that suit a figure. */
function offers({ groupBy, series, unit }: Definition): Offer[] {
  const group = groupBy.find((each) => each === "team" || each === "asset") ?? groupBy[0] ?? "";
  return [
    { kind: "NUMBER", groupBy: "", w: 3, h: 2 },
    ...(groupBy.includes("day") ? [{ kind: "LINE" as const, groupBy: "day", w: 6, h: 4 }] : []),
    { kind: "BAR", groupBy: group, w: 4, h: 4 },
    ...(isAmount(unit) ? [{ kind: "DONUT" as const, groupBy: group, w: 4, h: 4 }] : []),
    ...(series.length > 1 || groupBy.includes("day")
      ? [{ kind: "HEAT_MAP" as const, groupBy: series.length > 1 ? group : "day", w: 6, h: 4 }]
      : []),
    { kind: "TABLE", groupBy: group, w: 6, h: 4 },
  ];
}

/** Everything that can be put on a dashboard. */
export function Gallery({ add, close }: { add: (tile: Omit<Tile, "id">) => void; close: () => void }) {
  const definitions = useDefinitions();
  const choose = (tile: Omit<Tile, "id">) => {
    add(tile);
    close();
  };
  return (
    <Dialog opened title={t("board.gallery")} size="wide" onClose={close}>
      <ul className="gallery">
        <li>
          <h3>{t("board.kind.TEXT")}</h3>
          <p className="muted">{t("board.textAbout")}</p>
          <div className="line wrap">
            <button
              type="button"
              className="toggle"
              onClick={() => choose({ ...EMPTY, kind: "TEXT", text: t("board.textFirst"), w: 4, h: 2 })}
            >
              {t("board.kind.TEXT")}
            </button>
          </div>
        </li>
        {definitions.data?.map((definition) => (
          <li key={definition.name}>
            <h3>{kpiName(definition.name)}</h3>
            <p className="muted" title={definition.definition}>
              {definition.description}
            </p>
            <div className="line wrap">
              {offers(definition).map((offer) => (
                <button
                  key={offer.kind}
                  type="button"
                  className="toggle"
                  aria-label={t("board.addAs", {
                    figure: kpiName(definition.name),
                    form: t(`board.kind.${offer.kind as "BAR"}`),
                  })}
                  onClick={() => choose({ ...EMPTY, ...offer, kpi: definition.name })}
                >
                  {t(`board.kind.${offer.kind as "BAR"}`)}
                </button>
              ))}
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
