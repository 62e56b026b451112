import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { SessionProvider } from "@/app/session";
import { words } from "@/i18n";

const tile = (id: string, title: string, x: number) => ({
  ...{ id, title, kind: "NUMBER", kpi: "mtta", groupBy: "", filter: "", series: [], measure: "VALUE", days: 0 },
  ...{ allTime: false, text: "", x, y: 0, w: 3, h: 2 },
});
const BOARD = {
  ...{ id: "dsb_1", name: "Desk", description: "", days: 30, sharing: "PRIVATE", teamId: "", ownerId: "mia", edition: 1 },
  ...{ builtIn: false, etag: "1", tiles: [tile("a", "First", 0), tile("b", "Second", 3)] },
};
const KPIS = [
  { name: "mtta", unit: "s", description: "", definition: "", groupBy: ["team", "day"], series: ["unacknowledged"] },
  { name: "incidents-by-state", unit: "incidents", description: "", definition: "", groupBy: ["team", "day"], series: ["NEW"] },
];

// The other end of the wire: one dashboard, its draft, and figures that are always the same.
let board = structuredClone(BOARD);
let draft: Record<string, unknown> | null = null;
let kept: { body: { tiles: { id: string }[] }; match: string | undefined }[] = [];
let clash = false;
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (part: Buffer) => {
    text += part.toString();
  });
  request.on("end", () => {
    const path = new URL(request.url ?? "", "http://127.0.0.1").pathname.replace("/api/v1/", "");
    const send = (body: unknown, status = 200) =>
      response
        .writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" })
        .end(JSON.stringify(body));
    const said = text ? JSON.parse(text) : {};
    const numbers = (tiles: { id: string; kpi: string }[]) => ({
      ...{
        from: "2026-11-01T00:00:00Z",
        asOfTime: "2026-11-23T12:00:00Z",
        questionCount: 1,
        edition: board.edition,
        etag: "f",
      },
      tiles: tiles.map(({ id, kpi }) => ({
        ...{ tileId: id, fault: "", groupsLeftOut: 0 },
        kpi: { name: kpi, unit: "incidents", definitionVersion: 1, rows: [{ group: "", series: "", value: 7, count: 7 }] },
      })),
    });
    if (path === "kpis") send({ kpis: KPIS });
    else if (path === "dashboards/dsb_1") send(board);
    else if (path === "dashboards/dsb_1/draft") send(draft ?? { ...board, etag: "", baseEdition: board.edition });
    else if (path === "dashboards/dsb_1:data") send(numbers(board.tiles));
    else if (path === "dashboards:preview") send(numbers(said.tiles ?? []));
    else if (path === "dashboards/dsb_1:draft" && clash) send({ status: 412, title: "stale", errors: [] }, 412);
    else if (path === "dashboards/dsb_1:draft") {
      kept.push({ body: said, match: request.headers["if-match"] });
      draft = { ...said, baseEdition: 1, updateTime: "2026-11-23T12:00:00Z", etag: String(kept.length) };
      send(draft);
    } else if (path === "dashboards/dsb_1:publish") {
      board = { ...board, ...(draft as typeof BOARD), edition: 2, etag: "2" };
      draft = null;
      send(board);
    } else if (path === "dashboards/dsb_1/versions") {
      const version = { name: "Desk", description: "", days: 30, publisherId: "mia", publishTime: "2026-11-23T12:00:00Z" };
      send({
        versions: [
          { ...version, edition: 2, note: "What we look at", tiles: board.tiles },
          { ...version, edition: 1, note: "", tiles: [] },
        ],
      });
    } else if (path === "dashboards/dsb_1:restore") {
      board = { ...board, tiles: [], edition: 3, etag: "3" };
      send(board);
    } else if (path === "dashboards/dsb_1:shareWithAll") {
      board = { ...board, sharing: "EVERYBODY", etag: "2" };
      send(board);
    } else if (path === "dashboards/dsb_1:discard") {
      draft = null;
      send(board);
    } else send({ status: 404, title: path, errors: [] }, 404);
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { happyDOM } = window as unknown as { happyDOM: { setURL: (url: string) => void } };
happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
await words("core", "insight");
// The client of the interface takes its address from the page, so it comes after it.
const { Board, Editor } = await import("@/features/dashboards/pages");

let me = {
  ...{ subject: "mia", kind: "user", tenant: "demo", roles: [] },
  permissions: ["dashboards.create", "dashboards.update", "dashboards.shareWithAll", "incidents.list"],
};
let end = () => {};
let where = () => "";

function open(path: string) {
  const root = createRootRoute({ component: Outlet });
  const view = createRoute({ getParentRoute: () => root, path: "/dashboards/$id", component: Board });
  const edit = createRoute({ getParentRoute: () => root, path: "/dashboards/$id/edit", component: Editor });
  const history = createMemoryHistory({ initialEntries: [path] });
  const router = createRouter({ routeTree: root.addChildren([view, edit]), history });
  const place = document.body.appendChild(document.createElement("div"));
  const rendered = createRoot(place);
  rendered.render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <SessionProvider me={me}>
          <RouterProvider router={router as never} />
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  where = () => history.location.pathname;
  end = () => {
    rendered.unmount();
    place.remove();
  };
}

beforeEach(() => {
  board = structuredClone(BOARD);
  draft = null;
  kept = [];
  clash = false;
});
afterEach(() => {
  end();
  server.closeAllConnections();
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const WAIT = { timeout: 15_000 };
const button = (name: string) =>
  vi.waitFor(() => {
    const all = [...document.querySelectorAll<HTMLElement>("button, [role=menuitem], a")];
    const found = all.filter((each) => (each.getAttribute("aria-label") ?? each.textContent) === name).at(-1);
    if (found === undefined)
      throw new Error(`there is no button ${name} among ${all.map((each) => each.textContent).join(", ")}`);
    return found;
  }, WAIT);
const press = (element: HTMLElement, key: string, more: KeyboardEventInit = {}) =>
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
const says = (text: string) => vi.waitFor(() => expect(document.body.textContent).toContain(text), WAIT);

test("keys move a tile, say where it is, and only what was changed is kept", async () => {
  open("/dashboards/dsb_1/edit");
  const grip = await button("Move First");
  press(grip, " ");
  await says("First is lifted: column 1, row 1, 3 by 2.");
  press(await button("Move First"), "ArrowRight");
  await says("First: column 2, row 1.");
  press(await button("Move First"), "Escape");
  await says("First is back at column 1, row 1.");
  await says("Nothing changed");
  expect(kept).toEqual([]);
  press(await button("Move First"), "Enter");
  press(await button("Move First"), "ArrowDown", { shiftKey: true });
  await says("First: 3 columns by 3 rows.");
  press(await button("Move First"), "Enter");
  await says("First is dropped at column 1, row 1, 3 by 3.");
  await says("Draft kept");
  expect(kept).toHaveLength(1);
  expect(kept[0]?.match).toBeUndefined();
  (await button("Second: what to do")).click();
  (await button("To the right")).click();
  await vi.waitFor(() => expect(kept).toHaveLength(2), WAIT);
  expect(kept[1]?.match).toBe('"1"');
  expect(kept[1]?.body.tiles).toMatchObject([
    { id: "a", h: 3 },
    { id: "b", x: 4 },
  ]);
});

test("a tile from the gallery is shown, and published for others to see", async () => {
  open("/dashboards/dsb_1/edit");
  (await button("Add a tile")).click();
  (await button("Incidents by state: Bars")).click();
  await says("Draft kept");
  expect(kept.at(-1)?.body.tiles).toHaveLength(3);
  (await button("Publish")).click();
  await says("Only you see this dashboard.");
  const form = document.querySelector("dialog form") as HTMLFormElement;
  form.requestSubmit();
  await vi.waitFor(() => expect(where()).toBe("/dashboards/dsb_1"), WAIT);
  await says("Incidents by state");
  expect(board).toMatchObject({ edition: 2 });
});

test("who comes back is offered what he had not published, and another tab's draft is not written over", async () => {
  draft = { ...BOARD, name: "Desk, nearly", baseEdition: 1, updateTime: "2026-11-23T12:00:00Z", etag: "9" };
  open("/dashboards/dsb_1");
  await says("have not published it");
  (await button("Go on with it")).click();
  await says("Desk, nearly");
  await says("This is your draft from before.");
  clash = true;
  (await button("First: what to do")).click();
  (await button("Taller")).click();
  await says("This draft was changed in another tab");
  expect(kept).toEqual([]);
});

test("what was shown before comes back, and who only reads changes nothing", async () => {
  board = { ...board, edition: 2 };
  open("/dashboards/dsb_1");
  (await button("More")).click();
  (await button("Share")).click();
  const choice = await vi.waitFor(() => {
    const found = document.querySelector<HTMLSelectElement>("dialog select");
    if (found === null) throw new Error("nobody asks who sees it");
    return found;
  }, WAIT);
  Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value")?.set?.call(choice, "EVERYBODY");
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  (document.querySelector("dialog form") as HTMLFormElement).requestSubmit();
  await vi.waitFor(() => expect(board.sharing).toBe("EVERYBODY"), WAIT);
  await vi.waitFor(() => expect(document.querySelector("dialog")).toBeNull(), WAIT);
  (await button("More")).click();
  (await button("History")).click();
  await says("What we look at");
  (await button("Restore")).click();
  await says("Nothing is shown yet");
  expect(board).toMatchObject({ edition: 3, tiles: [] });
  end();
  me = { ...me, subject: "ann", permissions: ["dashboards.create", "incidents.list"] };
  open("/dashboards/dsb_1");
  await button("Make a copy");
  const all = [...document.querySelectorAll("button, [role=menuitem]")].map((each) => each.textContent);
  expect(all.filter((text) => text === "Edit" || text === "Share")).toEqual([]);
});
