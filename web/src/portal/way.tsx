import { type MouseEvent, type ReactNode, useSyncExternalStore } from "react";

const BASE = "/portal";
const MOVED = "itsm-moved";

/** Where the person is: the parts of the address below the portal, and what is asked beside. */
export interface Place {
  parts: readonly string[];
  query: URLSearchParams;
}

let known = "";
let place: Place = { parts: [], query: new URLSearchParams() };

/** Read anew only when the address differs, so that what depends on it stays the same. */
function here(): Place {
  const { pathname, search } = location;
  if (pathname + search !== known) {
    known = pathname + search;
    const parts = pathname.slice(BASE.length).split("/").filter(Boolean).map(decodeURIComponent);
    place = { parts, query: new URLSearchParams(search) };
  }
  return place;
}

function subscribe(hearer: () => void) {
  addEventListener("popstate", hearer);
  addEventListener(MOVED, hearer);
  return () => {
    removeEventListener("popstate", hearer);
    removeEventListener(MOVED, hearer);
  };
}

export const usePlace = () => useSyncExternalStore(subscribe, here);

/** The address of a page of the portal. What is empty is left out of the query. */
export function address(path: string, query: Record<string, string | undefined> = {}): string {
  const asked = new URLSearchParams(Object.entries(query).filter((each): each is [string, string] => Boolean(each[1])));
  return BASE + path + (asked.size > 0 ? `?${asked}` : "");
}

/** Goes to a page; `replace` leaves no step back. */
export function go(to: string, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  dispatchEvent(new Event(MOVED));
  if (!replace) scrollTo(0, 0);
}

interface Props {
  to: string;
  className?: string;
  children: ReactNode;
  current?: boolean;
  label?: string;
}

/** A link inside of the portal. With a key or another button of the mouse it is the browser's own. */
export function Go({ to, className, children, current, label }: Props) {
  const onClick = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} className={className} onClick={onClick} aria-current={current ? "page" : undefined} aria-label={label}>
      {children}
    </a>
  );
}
