import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { type Item, priced } from "./data";
import { address, Go } from "./way";

const TONES: Record<string, string> = {
  WAITING_FOR_APPROVAL: "warn",
  REJECTED: "bad",
  IN_PROGRESS: "calm",
  ASSIGNED: "calm",
  APPROVED: "calm",
  RESOLVED: "good",
};

type Named =
  | "NEW"
  | "ASSIGNED"
  | "IN_PROGRESS"
  | "ON_HOLD"
  | "RESOLVED"
  | "CLOSED"
  | "CANCELLED"
  | "WAITING_FOR_APPROVAL"
  | "APPROVED"
  | "REJECTED";

/** Where a record stands, as whoever asked would say it. */
export function State({ state, waits = false }: { state: string; waits?: boolean }) {
  if (state === "ON_HOLD" && waits) {
    return (
      <span className="chip" data-tone="warn">
        {t("portal.state.yours")}
      </span>
    );
  }
  return (
    <span className="chip" data-tone={TONES[state]}>
      {t(`portal.state.${state as Named}`, { defaultValue: state })}
    </span>
  );
}

/** Something that can be ordered. */
export function ItemTile({ item }: { item: Item }) {
  const price = priced(item.price);
  return (
    <Go to={address(`/services/${item.id}`)} className="tile own">
      <Icon name="plus" />
      <span>
        <strong>{item.title}</strong>
        {item.description && <span className="muted two-lines">{item.description}</span>}
      </span>
      {price && <span className="price">{price}</span>}
    </Go>
  );
}
