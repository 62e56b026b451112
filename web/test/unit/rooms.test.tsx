import { readFileSync } from "node:fs";
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
import { afterEach, expect, test, vi } from "vitest";
import { SessionProvider } from "@/app/session";

interface Described {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: { $ref?: string } }> }> }>
  >;
  components: { examples: Record<string, { value: unknown }> };
}

// The other end of the wire: whatever is asked for is answered by the example of it that the interface describes itself with.
const described = JSON.parse(readFileSync(".build/openapi.json", "utf8")) as Described;
const places = Object.entries(described.paths).map(([path, operations]) => ({
  pattern: new RegExp(`^${path.replaceAll("/", "\\/").replace(/\{\w+\}/g, "[^/:]+")}$`),
  operations,
}));
const unknown: string[] = [];
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? "", "http://127.0.0.1").pathname);
  const found = places.find(({ pattern }) => pattern.test(path))?.operations[request.method?.toLowerCase() ?? ""];
  const name = found?.responses["200"]?.content?.["application/json"]?.schema.$ref?.split("/").at(-1);
  const example = name && described.components.examples[name]?.value;
  if (!example) unknown.push(`${request.method} ${path}`);
  response.writeHead(example ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(example ?? {}));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
// It answers to the end: names are asked for a moment after what they stand in is gone.
server.unref();
const { happyDOM } = window as unknown as { happyDOM: { setURL: (url: string) => void } };
happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
// The client of the interface takes its address from the page, so it comes after it.
const { Records } = await import("@/features/admin/Records");
const { RecordForm } = await import("@/features/admin/RecordForm");
const { Landing } = await import("@/features/admin/Landing");
const { Users } = await import("@/features/admin/Users");
const { Roles } = await import("@/features/admin/Roles");
const { Teams } = await import("@/features/admin/Teams");
const { DeadLetters } = await import("@/features/admin/DeadLetters");
const { GROUPS } = await import("@/features/admin/places");
const { Audit } = await import("@/features/audit/Audit");
const { Rota } = await import("@/features/oncall/Rota");
const { ScheduleForm } = await import("@/features/oncall/ScheduleForm");
const { PolicyForm } = await import("@/features/oncall/PolicyForm");
const requests = await import("@/features/requests/pages");
const tasks = await import("@/features/tasks/pages");
const articles = await import("@/features/knowledge/pages");
const catalog = await import("@/features/catalog/pages");
const { LiveProvider } = await import("@/live/live");
// Another tab has the stream.
Object.defineProperty(navigator, "locks", { value: { request: () => new Promise(() => undefined) } });

const me = { subject: "root", kind: "user", tenant: "demo", roles: ["admin"], permissions: [] as string[] };
let end = () => {};

function open(path: string) {
  const root = createRootRoute({ component: Outlet });
  const page = (at: string, component: () => React.ReactNode) =>
    createRoute({ getParentRoute: () => root, path: at, component });
  const routes = [
    page("/admin", Landing),
    page("/admin/users", Users),
    page("/admin/roles", Roles),
    page("/admin/teams", Teams),
    page("/admin/deadLetters", DeadLetters),
    page("/admin/$kind", Records),
    page("/admin/$kind/$id", RecordForm),
    page("/audit", Audit),
    page("/schedules", Rota),
    page("/schedules/$id", ScheduleForm),
    page("/escalationPolicies/$id", PolicyForm),
    page("/requests", requests.Queue),
    page("/requests/$id", requests.RequestPage),
    page("/tasks", tasks.Queue),
    page("/tasks/$id", tasks.TaskPage),
    page("/articles", articles.Queue),
    page("/articles/$id", articles.ArticlePage),
    page("/catalogItems", catalog.Queue),
    page("/catalogItems/$id", catalog.ItemPage),
  ];
  const router = createRouter({
    routeTree: root.addChildren(routes),
    history: createMemoryHistory({ initialEntries: [path] }),
  });
  const place = document.body.appendChild(document.createElement("div"));
  const failed: unknown[] = [];
  const rendered = createRoot(place, {
    onUncaughtError: (error) => failed.push(error),
    onCaughtError: (error) => failed.push(error),
  });
  rendered.render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <SessionProvider me={{ ...me, permissions: PERMISSIONS }}>
          <LiveProvider life={0} onReauth={() => undefined}>
            <RouterProvider router={router as never} />
          </LiveProvider>
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
  end = () => {
    rendered.unmount();
    place.remove();
  };
  return { place, failed };
}

const PERMISSIONS = [
  ...new Set(
    Object.values(described.paths).flatMap((operations) =>
      Object.values(operations).flatMap(
        (each) => (each as { security?: { bearer?: string[] }[] }).security?.flatMap(({ bearer = [] }) => bearer) ?? [],
      ),
    ),
  ),
];

afterEach(() => end());
const generic = GROUPS.flatMap(({ places: all }) => all).filter(({ to }) => to === undefined);
const shown = [
  ...["/requests", "/requests/one", "/tasks", "/tasks/one", "/articles", "/articles/one", "/catalogItems", "/catalogItems/one"],
  ...["write", "review", "versions", "translations", "opinions"].map((tab) => `/articles/one?tab=${tab}`),
  ...["plan", "offer"].map((tab) => `/catalogItems/one?tab=${tab}`),
  ...["/admin", "/admin/users", "/admin/users?user=usr_1", "/admin/roles", "/admin/teams", "/admin/deadLetters", "/audit"],
  ...["edit=agent", "from=agent", "as=usr_1"].map((open) => `/admin/roles?${open}`),
  ...["/schedules", "/schedules/new", "/schedules/one", "/escalationPolicies/new", "/escalationPolicies/one"],
  ...generic.flatMap(({ id }) => [`/admin/${id}`, `/admin/${id}/one`]),
];

test.each(shown)(
  "%s shows what the interface answers",
  async (path) => {
    const { place, failed } = open(path);
    await vi.waitFor(
      () => {
        expect(failed).toEqual([]);
        expect(place.querySelector("h1")?.textContent).toBeTruthy();
        expect(place.querySelector("[role=status][aria-label=Loading]")).toBeNull();
      },
      { timeout: 15_000 },
    );
    expect([...place.querySelectorAll("[role=alert]")].map(({ textContent }) => textContent)).toEqual([]);
    expect(unknown.splice(0)).toEqual([]);
  },
  30_000,
);
