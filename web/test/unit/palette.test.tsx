import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { useLayoutEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { listenToKeys, useCommands } from "@/app/keys";
import { SessionProvider } from "@/app/session";

interface Asked {
  about: string;
  filter: string;
  response: ServerResponse;
}

// The other end of the wire: it answers when and as a test says.
let asked: Asked[] = [];
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://127.0.0.1");
  asked.push({ about: url.pathname.replace("/api/v1/", ""), filter: [...url.searchParams.values()].join(" "), response });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { happyDOM } = window as unknown as { happyDOM: { setURL: (url: string) => void } };
happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
// The client of the interface takes its address from the page, so it comes after it.
const { Palette } = await import("@/app/Palette");

const me = { subject: "usr_1", kind: "user", tenant: "demo", roles: [], permissions: ["incidents.list", "assets.list"] };
const pages = vi.fn();
const filter = vi.fn();
let end = () => {};

function Page() {
  const [opened, setOpened] = useState(false);
  useLayoutEffect(listenToKeys, []);
  useCommands([
    { id: "palette", label: "open", keys: ["Mod+K"], group: "", palette: false, everywhere: true, run: () => setOpened(true) },
    { id: "n", label: "nine", keys: ["I", "N", "C", "9"], group: "", palette: false, run: pages },
    { id: "filter", label: "filter by words", group: "", run: () => filter(document.querySelector("dialog")) },
  ]);
  return <Palette opened={opened} close={() => setOpened(false)} />;
}

beforeEach(async () => {
  asked = [];
  pages.mockClear();
  filter.mockClear();
  // Whatever waits for the next picture waits for ever.
  vi.stubGlobal("requestAnimationFrame", () => 0);
  const root = createRootRoute({ component: Page });
  const one = createRoute({ getParentRoute: () => root, path: "/incidents/$id" });
  const history = createMemoryHistory({ initialEntries: ["/"] });
  const router = createRouter({ routeTree: root.addChildren([one]), history });
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
  end = () => {
    rendered.unmount();
    place.remove();
  };
  where = () => history.location.pathname;
  await vi.waitFor(() => {
    press("k", { ctrlKey: true });
    expect(field()).toBe(document.activeElement);
  });
});
afterEach(() => {
  end();
  vi.unstubAllGlobals();
  server.closeAllConnections();
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

let where = () => "";
const field = () => document.querySelector("input") as HTMLInputElement;
const options = () => [...document.querySelectorAll("[role=option]")].map(({ textContent }) => textContent);
const press = (key: string, more: KeyboardEventInit = {}) =>
  (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));

function type(text: string) {
  const input = field();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input, text);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

const question = (about: string, text: string) =>
  vi.waitFor(() => {
    const found = asked.find((each) => each.about === about && each.filter.includes(text));
    if (found === undefined) throw new Error(`nobody asks for ${text} among ${about}`);
    return found;
  });

function answer({ response }: Asked, body: unknown, status = 200) {
  const kind = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": kind }).end(JSON.stringify(body));
}

const numbered = (number: string) => ({ kind: "incidents", id: `inc_${number}`, number });
const told = async (number: string) => answer(await question(`incidents/inc_${number}`, ""), incident(number));
const incident = (number: string) => ({ id: `inc_${number}`, number, title: `about ${number}` });

test("keys of the page are none while the palette is open", () => {
  for (const key of ["I", "N", "C", "9"]) press(key);
  document.body.focus();
  press("9");
  expect(pages).not.toHaveBeenCalled();
});

test("a command runs when the palette is gone, so that it can have the keyboard", async () => {
  type("filter");
  await vi.waitFor(() => expect(options()).toEqual(["filter by words"]));
  press("Enter");
  expect(filter).toHaveBeenCalledExactlyOnceWith(null);
});

test("who presses Enter before the answer comes gets there with it", async () => {
  type("INC0000001");
  press("Enter");
  answer(await question("search:resolve", "INC0000001"), numbered("INC0000001"));
  await told("INC0000001");
  await vi.waitFor(() => expect(where()).toBe("/incidents/INC0000001"));
  expect(document.querySelector("dialog")).toBeNull();
});

test("an answer to what was typed before is not shown, neither early nor late", async () => {
  type("INC0000001");
  const first = await question("search:resolve", "INC0000001");
  type("INC00000012");
  const second = await question("search:resolve", "INC00000012");
  answer(first, numbered("INC0000001"));
  await told("INC0000001");
  expect(options()).toEqual(["Searching …"]);
  answer(second, numbered("INC00000012"));
  await told("INC00000012");
  await vi.waitFor(() => expect(options()).toEqual(["INC00000012 about INC00000012"]));
  type("INC0000001");
  await vi.waitFor(() => expect(options()).not.toContain("INC00000012 about INC00000012"));
  await vi.waitFor(() => expect(options()).toEqual(["INC0000001 about INC0000001"]));
});

test("what cannot be searched is said and tried again, and hides nothing else", async () => {
  type("disk");
  answer(await question("assets", "disk"), { status: 503, title: "away" }, 503);
  answer(await question("incidents", "disk"), { incidents: [incident("INC7")] });
  answer(await question("search", "disk"), { hits: [] });
  await vi.waitFor(() => expect(options()).toEqual(["INC7 about INC7"]));
  await vi.waitFor(() => expect(document.querySelector("[role=alert]")?.textContent).toContain("Not everything"));
  asked = [];
  document.querySelector<HTMLElement>("[role=alert] button")?.click();
  answer(await question("assets", "disk"), { assets: [{ id: "ast_1", name: "disk server" }] });
  await vi.waitFor(() => expect(options()).toEqual(["INC7 about INC7", "disk server"]));
  expect(document.querySelector("[role=alert]")).toBeNull();
  expect(asked.map(({ about }) => about)).toEqual(["assets"]);
});
