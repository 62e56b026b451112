import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { ask } from "@/api/client";
import { type Area, words } from "@/i18n";
import { addressOf } from "@/records/RecordLink";
import { recordSearch } from "@/records/search";
import { Shell } from "./Shell";
import { alertSearch, assetSearch, periodSearch } from "./search";
import { Failed, NotFound } from "./states";

/** A page that is fetched when it is opened, after the words of its area. */
const page = <M extends Record<string, unknown>>(area: Area, load: () => Promise<M>, name: keyof M & string) =>
  lazyRouteComponent(async () => {
    await words(area);
    return load();
  }, name);

const root = createRootRouteWithContext()({ component: Shell, notFoundComponent: NotFound, errorComponent: Failed });

/** The list of a kind of record, and the page of one. */
function records<Path extends string, M extends Record<string, unknown>>(
  path: Path,
  area: Area,
  load: () => Promise<M>,
  queue: keyof M & string,
  one: keyof M & string,
) {
  const list = createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: recordSearch,
    component: page(area, load, queue),
  });
  const record = createRoute({
    getParentRoute: () => root,
    path: `${path}/$id`,
    validateSearch: recordSearch,
    component: page(area, load, one),
  });
  return [list, record] as const;
}

/** A page of its own. */
const single = <Path extends string, M extends Record<string, unknown>>(
  path: Path,
  area: Area,
  load: () => Promise<M>,
  name: keyof M & string,
) => createRoute({ getParentRoute: () => root, path, validateSearch: recordSearch, component: page(area, load, name) });

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/incidents", replace: true });
  },
});
const incidents = records("/incidents", "incidents", () => import("@/features/incidents/pages"), "Queue", "IncidentPage");
const requests = records("/requests", "desk", () => import("@/features/requests/pages"), "Queue", "RequestPage");
const tasks = records("/tasks", "desk", () => import("@/features/tasks/pages"), "Queue", "TaskPage");
const problems = records("/problems", "desk", () => import("@/features/problems/pages"), "Queue", "ProblemPage");
const candidates = single("/problems/candidates", "desk", () => import("@/features/problems/pages"), "Candidates");
const changes = records("/changes", "desk", () => import("@/features/changes/pages"), "Queue", "ChangePage");
const board = () => import("@/features/changes/pages");
const calendar = single("/changes/calendar", "desk", board, "CalendarPage");
const meetings = single("/changes/cab", "desk", board, "Meetings");
const meeting = single("/changes/cab/$id", "desk", board, "MeetingPage");
const minutes = createRoute({
  getParentRoute: () => root,
  path: "/cabMeetings/$id",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/changes/cab/$id", params, replace: true });
  },
});
const releases = records("/releases", "desk", () => import("@/features/releases/pages"), "Queue", "ReleasePage");
const majors = records("/majors", "desk", () => import("@/features/majors/pages"), "Queue", "WarRoom");
const approvals = records("/approvals", "desk", () => import("@/features/approvals/pages"), "Queue", "ApprovalPage");
const articles = records("/articles", "knowledge", () => import("@/features/knowledge/pages"), "Queue", "ArticlePage");
const catalog = records("/catalogItems", "desk", () => import("@/features/catalog/pages"), "Queue", "ItemPage");
const administration = [
  single("/admin", "admin", () => import("@/features/admin/Landing"), "Landing"),
  single("/admin/users", "admin", () => import("@/features/admin/Users"), "Users"),
  single("/admin/roles", "admin", () => import("@/features/admin/Roles"), "Roles"),
  single("/admin/teams", "admin", () => import("@/features/admin/Teams"), "Teams"),
  single("/admin/deadLetters", "admin", () => import("@/features/admin/DeadLetters"), "DeadLetters"),
  single("/admin/$kind", "admin", () => import("@/features/admin/Records"), "Records"),
  single("/admin/$kind/$id", "admin", () => import("@/features/admin/RecordForm"), "RecordForm"),
  single("/audit", "admin", () => import("@/features/audit/Audit"), "Audit"),
] as const;
const short = createRoute({
  getParentRoute: () => root,
  path: "/i/$number",
  beforeLoad: async ({ params: { number } }) => {
    const found = await ask<{ kind: string; number: string }>("GET", "search:resolve", { query: { number } });
    throw redirect({ ...addressOf(found.kind, found.number), replace: true });
  },
});
const rota = single("/schedules", "oncall", () => import("@/features/oncall/Rota"), "Rota");
const rotaForm = single("/schedules/$id", "oncall", () => import("@/features/oncall/ScheduleForm"), "ScheduleForm");
const policyForm = single("/escalationPolicies/$id", "oncall", () => import("@/features/oncall/PolicyForm"), "PolicyForm");
const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: alertSearch,
  component: page("alerts", () => import("@/features/alerts/AlertList"), "AlertList"),
});
const alert = single("/alerts/$id", "alerts", () => import("@/features/alerts/AlertPage"), "AlertPage");
const assets = createRoute({
  getParentRoute: () => root,
  path: "/assets",
  validateSearch: assetSearch,
  component: page("assets", () => import("@/features/assets/AssetList"), "AssetList"),
});
const asset = createRoute({
  getParentRoute: () => root,
  path: "/assets/$id",
  validateSearch: (given: Record<string, unknown>): { tab?: string; depth?: number } => ({
    tab: typeof given.tab === "string" ? given.tab : undefined,
    depth: typeof given.depth === "number" ? Math.min(Math.max(Math.round(given.depth), 1), 5) : undefined,
  }),
  component: page("assets", () => import("@/features/assets/AssetPage"), "AssetPage"),
});
const dashboards = createRoute({
  getParentRoute: () => root,
  path: "/dashboards",
  component: page("insight", () => import("@/features/dashboards/pages"), "Boards"),
});
const dashboard = createRoute({
  getParentRoute: () => root,
  path: "/dashboards/$id",
  validateSearch: periodSearch,
  component: page("insight", () => import("@/features/dashboards/pages"), "Board"),
});
const dashboardEditor = createRoute({
  getParentRoute: () => root,
  path: "/dashboards/$id/edit",
  component: page("insight", () => import("@/features/dashboards/pages"), "Editor"),
});

const search = createRoute({
  getParentRoute: () => root,
  path: "/search",
  validateSearch: recordSearch,
  component: page("insight", () => import("@/features/search/SearchPage"), "SearchPage"),
});
const inbox = createRoute({
  getParentRoute: () => root,
  path: "/inbox",
  validateSearch: recordSearch,
  component: page("core", () => import("@/features/inbox/Inbox"), "Inbox"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    start,
    ...incidents,
    ...problems,
    candidates,
    ...changes,
    calendar,
    meetings,
    meeting,
    minutes,
    ...releases,
    ...majors,
    ...approvals,
    ...requests,
    ...tasks,
    ...articles,
    ...catalog,
    ...administration,
    short,
    rota,
    rotaForm,
    policyForm,
    alerts,
    alert,
    assets,
    asset,
    dashboards,
    dashboard,
    dashboardEditor,
    search,
    inbox,
  ]),
  defaultPreload: "intent",
  defaultPreloadDelay: 80,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
