import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { t } from "@/i18n";
import { Icon } from "./Icon";

interface Props<T> {
  /** What one of them is called; its number stands behind. */
  label: string;
  items: readonly T[];
  onChange: (items: T[]) => void;
  /** What is written of one. */
  children: (item: T, put: (item: T) => void, index: number) => ReactNode;
  /** What a further one begins with; absent where another control adds them. */
  blank?: T;
  /** At least so many stay. */
  least?: number;
}

/** Things in an order, each of which is written, moved up and taken away. */
export function Items<T>({ label, items, onChange, children, blank, least = 0 }: Props<T>) {
  const swap = (index: number, other: number) => {
    const [one, two] = [items[index], items[other]];
    if (one !== undefined && two !== undefined) onChange(items.with(index, two).with(other, one));
  };
  return (
    <>
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an item is what stands in its place
        <fieldset key={index} className="item" aria-label={`${label} ${index + 1}`}>
          <div className="line">
            <span className="muted">{index + 1}</span>
            <span className="end line">
              {index > 0 && (
                <button
                  type="button"
                  className="sign"
                  aria-label={t("schema.up", { number: index + 1 })}
                  onClick={() => swap(index, index - 1)}
                >
                  <Icon name="up" />
                </button>
              )}
              {items.length > least && (
                <button
                  type="button"
                  className="sign"
                  aria-label={t("schema.remove", { name: `${label} ${index + 1}` })}
                  onClick={() => onChange(items.toSpliced(index, 1))}
                >
                  <Icon name="close" />
                </button>
              )}
            </span>
          </div>
          <div className="asked">{children(item, (next) => onChange(items.with(index, next)), index)}</div>
        </fieldset>
      ))}
      {blank !== undefined && (
        <div>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<Icon name="plus" />}
            onClick={() => onChange([...items, blank])}
          >
            {t("schema.add", { name: label })}
          </Button>
        </div>
      )}
    </>
  );
}
