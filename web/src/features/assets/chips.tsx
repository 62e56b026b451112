import type { Asset } from "@/api/client";
import { t } from "@/i18n";
import { Chip, type Tone } from "@/ui/bits";

const LIFE: Record<NonNullable<Asset["state"]>, Tone> = {
  STATE_UNSPECIFIED: "still",
  PLANNED: "still",
  ORDERED: "still",
  RECEIVED: "calm",
  IN_STOCK: "calm",
  IN_USE: "good",
  IN_REPAIR: "warn",
  LOST: "bad",
  RETIRED: "still",
  DISPOSED: "still",
  MERGED: "still",
};
const CRITICALITY: Record<NonNullable<Asset["criticality"]>, Tone> = {
  CRITICALITY_UNSPECIFIED: "still",
  LOW: "still",
  MEDIUM: "calm",
  HIGH: "hot",
  CRITICAL: "bad",
};

export const LifeChip = ({ state }: { state: Asset["state"] }) => <Chip tone={LIFE[state]}>{t(`life.${state}`)}</Chip>;

export function CriticalityChip({ criticality }: { criticality: Asset["criticality"] }) {
  if (criticality === "CRITICALITY_UNSPECIFIED") return <span className="muted">–</span>;
  return <Chip tone={CRITICALITY[criticality]}>{t(`criticality.${criticality}`)}</Chip>;
}
