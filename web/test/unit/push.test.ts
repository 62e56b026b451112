import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { keyBytes } from "@/app/push";

type Hear = (event: Record<string, unknown>) => void;

/** The worker in surroundings that keep what it does. */
function worker(windows: { url: string; focus: () => string }[] = []) {
  const hearers = new Map<string, Hear>();
  const done: unknown[] = [];
  const waits: Promise<unknown>[] = [];
  const self = {
    addEventListener: (name: string, hear: Hear) => hearers.set(name, hear),
    location: { origin: "https://itsm.example" },
    navigator: { language: "en-US" },
    registration: { showNotification: (...shown: unknown[]) => Promise.resolve(done.push(shown)) },
    clients: { matchAll: () => Promise.resolve(windows), openWindow: (url: string) => done.push(url) },
  };
  new Function("self", readFileSync("public/sw.js", "utf8"))(self);
  const tell = async (name: string, event: Record<string, unknown>) => {
    hearers.get(name)?.({ ...event, waitUntil: (wait: Promise<unknown>) => waits.push(wait) });
    await Promise.all(waits);
    return done;
  };
  return { tell };
}

afterEach(() => vi.unstubAllGlobals());

const click = (url: string) => ({ notification: { close: () => undefined, data: { url } } });

test("a key is read as browsers want it", () => {
  expect([...keyBytes("BP-_")]).toEqual([4, 255, 191]);
});

test("what is pushed is shown, and what is nothing is shown as such", async () => {
  const said = {
    id: "dlv_1",
    title: "INC1",
    body: "down",
    url: "https://itsm.example/incidents/inc_1",
    tag: "incidents/inc_1",
  };
  const shown = { body: "down", tag: "incidents/inc_1", icon: "/icon.svg", data: { url: said.url } };
  expect(await worker().tell("push", { data: { json: () => said } })).toEqual([["INC1", shown]]);
  expect(await worker().tell("push", { data: null })).toMatchObject([["ITSM", { data: {} }]]);
});

test("a page can be taken note of straight from what is shown", async () => {
  const said = { id: "dlv_1", title: "You are called", url: "https://itsm.example/oncall/pages/pag_1", tag: "pages/pag_1" };
  expect(await worker().tell("push", { data: { json: () => said } })).toMatchObject([
    ["You are called", { actions: [{ action: "acknowledge", title: "Acknowledge" }], data: { page: "pag_1" } }],
  ]);
});

test("a click opens what it is about, once, and nothing elsewhere", async () => {
  const url = "https://itsm.example/incidents/inc_1";
  expect(await worker().tell("notificationclick", click(url))).toEqual([url]);
  expect(await worker([{ url, focus: () => "there" }]).tell("notificationclick", click(url))).toEqual([]);
  expect(await worker().tell("notificationclick", click("https://evil.example/"))).toEqual(["https://itsm.example"]);
});

test("what one person took note of is not sent for the next one", async () => {
  const kept = new Map(["ann", "bob"].map((by) => [`pag_${by}`, { id: `pag_${by}`, key: `key_${by}`, time: 0, by }]));
  const asked = <T>(result: T) => {
    const request = { result, onsuccess: () => undefined };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  const queue = { getAll: () => asked([...kept.values()]), delete: (id: string) => asked(kept.delete(id)) };
  const database = { transaction: () => ({ objectStore: () => queue }), close: () => undefined };
  const sent: string[] = [];
  let subject = "";
  vi.stubGlobal("indexedDB", { open: () => asked(database) });
  vi.stubGlobal("navigator", { locks: { request: (_: string, act: () => unknown) => act() } });
  vi.stubGlobal("fetch", async (path: string) => {
    if (path === "/auth/me") return subject ? Response.json({ subject }) : new Response(null, { status: 401 });
    sent.push(path);
    return new Response("{}");
  });
  await worker().tell("sync", { tag: "acknowledge" });
  expect(sent, "nobody is signed in").toEqual([]);
  subject = "bob";
  await worker().tell("sync", { tag: "acknowledge" });
  expect(sent).toEqual(["/api/v1/pages/pag_bob:acknowledge"]);
  expect([...kept.keys()]).toEqual(["pag_ann"]);
});
