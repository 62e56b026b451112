import { type ReactNode, useCallback, useEffect, useId, useRef, useState } from "react";
import { t } from "@/i18n";
import { Icon } from "./Icon";

const ROW_PX = 44;
const HEAD_PX = 32;
const SPARE = 12;

interface Props<T> {
  label: string;
  items: readonly T[];
  /** Titles of the columns; an empty one is told to nobody. `minor` ones give way on narrow screens. */
  head: readonly { title: string; minor?: boolean }[];
  columns: string;
  cells: (item: T) => readonly ReactNode[];
  active: number;
  onActive: (index: number) => void;
  onOpen: (item: T) => void;
  selected?: ReadonlySet<string>;
  moved?: ReadonlySet<string>;
  fresh?: number;
  onNews?: () => void;
  more: boolean;
  onMore: () => void;
}

/** Rows of one height, of which only those in sight are in the page; a grid for assistive technology. */
export function RowList<T extends { id: string }>(props: Props<T>) {
  const { items, head, columns, active, onActive, selected, moved, fresh = 0, more, onMore } = props;
  const scroll = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  const id = useId();
  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE);
  const last = Math.min(items.length, Math.ceil((top + height) / ROW_PX) + SPARE);

  useEffect(() => {
    const element = scroll.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (more && last >= items.length - SPARE) onMore();
  }, [more, last, items.length, onMore]);
  useEffect(() => {
    const element = scroll.current;
    if (element === null || active < 0) return;
    const start = active * ROW_PX;
    if (start < element.scrollTop) element.scrollTop = start;
    else if (start + ROW_PX > element.scrollTop + element.clientHeight - HEAD_PX) {
      element.scrollTop = start + ROW_PX - element.clientHeight + HEAD_PX;
    }
  }, [active]);

  const onClick = useCallback(
    (event: React.MouseEvent) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>("[data-index]");
      if (row !== null && (event.target as HTMLElement).closest("a, button") === null) onActive(Number(row.dataset.index));
    },
    [onActive],
  );
  const onDoubleClick = (event: React.MouseEvent) => {
    const item = items[Number((event.target as HTMLElement).closest<HTMLElement>("[data-index]")?.dataset.index)];
    if (item !== undefined) props.onOpen(item);
  };

  const goneCount = moved?.size ?? 0;
  return (
    <div className="grid" style={{ "--columns": columns } as React.CSSProperties}>
      {(fresh > 0 || goneCount > 0) && (
        <button type="button" className="news" onClick={props.onNews}>
          {[fresh > 0 && t("list.fresh", { count: fresh }), goneCount > 0 && t("list.moved", { count: goneCount })]
            .filter(Boolean)
            .join(" · ")}
          <kbd>u</kbd>
        </button>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the list are in the registry */}
      <div
        ref={scroll}
        className="grid-scroll"
        role="grid"
        tabIndex={0}
        aria-label={props.label}
        aria-rowcount={more ? -1 : items.length + 1}
        aria-activedescendant={items[active] ? `${id}-${items[active].id}` : undefined}
        aria-multiselectable={selected !== undefined}
        onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
        onClick={onClick}
        onDoubleClick={onDoubleClick}
      >
        <div role="row" aria-rowindex={1} tabIndex={-1} className="row row-head">
          {head.map(({ title, minor }) => (
            <span key={title} role="columnheader" tabIndex={-1} className={minor ? "minor" : undefined}>
              {title}
            </span>
          ))}
        </div>
        <div role="presentation" style={{ blockSize: first * ROW_PX }} />
        {items.slice(first, last).map((item, offset) => {
          const index = first + offset;
          return (
            <div
              key={item.id}
              id={`${id}-${item.id}`}
              data-index={index}
              role="row"
              tabIndex={-1}
              aria-rowindex={index + 2}
              aria-selected={selected?.has(item.id) ?? false}
              data-active={index === active}
              data-moved={moved?.has(item.id) ?? false}
              className="row"
            >
              {props.cells(item).map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a row's cells keep their places
                <span key={column} role="gridcell" tabIndex={-1} className={head[column]?.minor ? "minor clip" : "clip"}>
                  {cell}
                </span>
              ))}
            </div>
          );
        })}
        <div role="presentation" style={{ blockSize: (items.length - last) * ROW_PX }} />
      </div>
    </div>
  );
}

/** The pane beside a list that shows its present row. */
export function Peek({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  return (
    <aside className="peek" aria-label={title}>
      <button type="button" className="plain peek-close" aria-label={t("list.closePeek")} onClick={onClose}>
        <Icon name="close" />
      </button>
      {children}
    </aside>
  );
}
