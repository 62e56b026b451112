import { useEffect, useMemo, useRef, useState } from "react";
import { type Command, useCommands } from "@/app/keys";
import { t } from "@/i18n";

interface Options<T> {
  items: readonly T[];
  peeked: string | undefined;
  onPeek: (item: T | undefined) => void;
  onOpen: (item: T) => void;
  onShow: () => void;
  selectable?: boolean;
}

/** The cursor and the selection of a list, with the keys that every list has. */
export function useCursor<T extends { id: string }>({ items, peeked, onPeek, onOpen, onShow, selectable = false }: Options<T>) {
  const [current, setCurrent] = useState<string | undefined>(peeked);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const found = items.findIndex(({ id }) => id === current);
  const place = useRef(0);
  if (found >= 0) place.current = found;
  // A row that went away leaves the cursor where it was, on what is there now.
  const active = found >= 0 ? found : Math.min(current === undefined ? -1 : place.current, items.length - 1);
  const item = items[active];

  useEffect(() => {
    if (peeked !== undefined) setCurrent(peeked);
  }, [peeked]);

  const move = (to: number) => {
    const next = items[Math.max(0, Math.min(items.length - 1, to))];
    if (next === undefined) return;
    setCurrent(next.id);
    if (peeked !== undefined) onPeek(next);
  };
  const activate = (index: number) => {
    const next = items[index];
    if (next === undefined) return;
    setCurrent(next.id);
    onPeek(next);
  };
  const toggle = (until?: number) => {
    if (item === undefined) return;
    const result = new Set(selected);
    if (until === undefined) {
      if (!result.delete(item.id)) result.add(item.id);
    } else {
      for (const each of items.slice(Math.min(active, until), Math.max(active, until) + 1)) result.add(each.id);
    }
    setSelected(result);
  };
  const clear = () => setSelected(new Set());

  const group = t("keys.list");
  const commands: Command[] = [
    { id: "list.next", label: t("list.next"), keys: ["j", "ArrowDown"], group, palette: false, run: () => move(active + 1) },
    {
      id: "list.previous",
      label: t("list.previous"),
      keys: ["k", "ArrowUp"],
      group,
      palette: false,
      run: () => move(active - 1),
    },
    {
      id: "list.peek",
      label: t("list.peek"),
      keys: ["Enter"],
      group,
      palette: false,
      run: () => (item && peeked === item.id ? onOpen(item) : activate(active)),
    },
    {
      id: "list.open",
      label: t("list.open"),
      keys: ["o", "Mod+Enter"],
      group,
      palette: false,
      run: () => item && onOpen(item),
    },
    {
      id: "list.close",
      label: t("list.close"),
      keys: ["Escape"],
      group,
      palette: false,
      run: () => (selected.size > 0 ? clear() : onPeek(undefined)),
    },
    { id: "list.show", label: t("list.show"), keys: ["u"], group, run: onShow },
  ];
  if (selectable) {
    const lastSelected = items.findLastIndex(({ id }) => selected.has(id));
    commands.push(
      { id: "list.select", label: t("list.select"), keys: ["x"], group, palette: false, run: () => toggle() },
      {
        id: "list.range",
        label: t("list.range"),
        keys: ["Shift+X"],
        group,
        palette: false,
        run: () => toggle(Math.max(lastSelected, 0)),
      },
    );
  }
  useCommands(commands);
  const chosen = useMemo(() => items.filter(({ id }) => selected.has(id)), [items, selected]);
  return { active, item, activate, selected, chosen, clear };
}
