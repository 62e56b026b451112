import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef } from "react";
import { rightToLeft, t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import type { Tile } from "./data";
import { type Act, type Box, COLUMNS, type Editing, inOrder, type Said } from "./layout";
import { titleOf } from "./shape";

interface Props {
  state: Editing<Tile>;
  act: (act: Act<Tile>) => void;
  onCopy: (tile: Tile) => void;
  children: (tile: Tile, tools: ReactNode) => ReactNode;
}

/** What a step to the right is in columns, which are counted from where the writing begins. */
const RIGHT = rightToLeft ? -1 : 1;

/** The tiles of a dashboard to be moved and resized: by pointer, by keyboard, and by the menu of each. */
export function Grid({ state, act, onCopy, children }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const held = useRef<{ x: number; y: number; box: Box; how: "move" | "size" } | null>(null);
  const { content, lifted, chosen, said } = state;
  // While a tile is in the air all keep their places in the page: what is moved there loses the pointer that holds it.
  const tiles = inOrder(lifted?.before ?? content.tiles).flatMap(
    ({ id }) => content.tiles.find((each) => each.id === id) ?? [],
  );

  // The tile that is in the air keeps the keyboard, wherever it lies among the others by now.
  const inAir = lifted?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each thing that is said may have moved it
  useEffect(() => {
    if (inAir !== undefined && held.current === null)
      place.current?.querySelector<HTMLElement>(`[data-tile="${inAir}"] .grip`)?.focus();
  }, [inAir, said]);

  const cell = () => {
    const grid = place.current as HTMLDivElement;
    const style = getComputedStyle(grid);
    const gap = Number.parseFloat(style.columnGap) || 0;
    return { width: (grid.clientWidth + gap) / COLUMNS, height: Number.parseFloat(style.gridAutoRows) + gap };
  };
  const onPointerDown = (event: PointerEvent<HTMLElement>, tile: Tile, how: "move" | "size") => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    held.current = { x: event.clientX, y: event.clientY, box: tile, how };
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>, tile: Tile) => {
    const from = held.current;
    if (from === null) return;
    const { width, height } = cell();
    const across = Math.round(((event.clientX - from.x) * RIGHT) / width);
    const down = Math.round((event.clientY - from.y) / height);
    if (lifted === null) {
      // A press is no move: whoever only chooses a tile changes nothing.
      if (Math.abs(event.clientX - from.x) + Math.abs(event.clientY - from.y) < 6) return;
      act({ act: "lift", id: tile.id });
    }
    const { x, y, w, h } = from.box;
    act({
      act: "place",
      box:
        from.how === "move"
          ? { x: x + across, y: y + down }
          : { w: Math.min(COLUMNS - x, Math.max(1, w + across)), h: Math.max(1, h + down) },
    });
  };
  const onPointerUp = (tile: Tile) => {
    if (held.current === null) return;
    held.current = null;
    act(lifted === null ? { act: "choose", id: tile.id } : { act: "drop" });
  };
  const onKeyDown = (event: KeyboardEvent, tile: Tile) => {
    const done = (todo: Act<Tile>) => {
      act(todo);
      event.preventDefault();
      event.stopPropagation();
    };
    const up = lifted?.id === tile.id;
    if (event.key === " " || event.key === "Enter") return done(up ? { act: "drop" } : { act: "lift", id: tile.id });
    if (!up) return;
    if (event.key === "Escape") return done({ act: "cancel" });
    const step = { ArrowLeft: [-RIGHT, 0], ArrowRight: [RIGHT, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step === undefined) return;
    const [x = 0, y = 0] = step;
    done(event.shiftKey ? { act: "size", dw: x, dh: y } : { act: "move", dx: x, dy: y });
  };
  const nudge = (tile: Tile, label: string, by: Partial<Box>) => ({
    label,
    run: () => act({ act: "nudge", id: tile.id, by }),
  });
  return (
    <>
      <p id="board-how" className="visually-hidden">
        {t("board.how")}
      </p>
      <div className="board editing" ref={place} data-lifted={lifted !== null}>
        {tiles.map((tile) => {
          const name = titleOf(tile);
          const tools = (
            <span className="tile-tools">
              <button
                type="button"
                className="sign grip"
                aria-label={t("board.grip", { name })}
                aria-describedby="board-how"
                aria-pressed={lifted?.id === tile.id}
                onKeyDown={(event) => onKeyDown(event, tile)}
                onBlur={() => {
                  // Whoever goes elsewhere with a tile in the air puts it down where it is.
                  if (lifted?.id === tile.id && held.current === null) act({ act: "drop" });
                }}
                onPointerDown={(event) => onPointerDown(event, tile, "move")}
                onPointerMove={(event) => onPointerMove(event, tile)}
                onPointerUp={() => onPointerUp(tile)}
                onPointerCancel={() => {
                  held.current = null;
                  act({ act: "cancel" });
                }}
              >
                <Icon name="move" />
              </button>
              <Menu
                label={t("board.tileMenu", { name })}
                className="sign"
                side="below"
                items={[
                  { label: t("board.configure"), run: () => act({ act: "choose", id: tile.id }) },
                  nudge(tile, t("board.wider"), { w: 1 }),
                  nudge(tile, t("board.narrower"), { w: -1 }),
                  nudge(tile, t("board.taller"), { h: 1 }),
                  nudge(tile, t("board.shorter"), { h: -1 }),
                  nudge(tile, t("board.left"), { x: -RIGHT }),
                  nudge(tile, t("board.right"), { x: RIGHT }),
                  nudge(tile, t("board.up"), { y: -1 }),
                  nudge(tile, t("board.down"), { y: 1 }),
                  { label: t("board.copyTile"), run: () => onCopy(tile) },
                  { label: t("board.removeTile"), run: () => act({ act: "remove", id: tile.id }) },
                ]}
              >
                <Icon name="more" />
              </Menu>
            </span>
          );
          return (
            <div
              key={tile.id}
              className="tile"
              data-tile={tile.id}
              data-kind={tile.kind}
              data-chosen={chosen === tile.id}
              data-lifted={lifted?.id === tile.id}
              style={{ gridColumn: `${tile.x + 1} / span ${tile.w}`, gridRow: `${tile.y + 1} / span ${tile.h}` }}
            >
              {children(tile, tools)}
              <span
                className="corner"
                aria-hidden="true"
                onPointerDown={(event) => onPointerDown(event, tile, "size")}
                onPointerMove={(event) => onPointerMove(event, tile)}
                onPointerUp={() => onPointerUp(tile)}
              />
            </div>
          );
        })}
      </div>
      <p className="visually-hidden" role="status" aria-live="assertive">
        {said && sentence(said, content.tiles)}
      </p>
    </>
  );
}

/** Where a tile is now, for whoever does not see it. Columns and rows are counted from 1. */
function sentence(said: Said, tiles: readonly Tile[]): string {
  const tile = tiles.find(({ id }) => id === said.id);
  const name = tile ? titleOf(tile) : t("board.tile");
  return t(`board.said.${said.what}`, { name, column: said.x + 1, row: said.y + 1, width: said.w, height: said.h });
}
