// The one service worker: shows what is pushed to this browser and opens what it is about, everywhere; and lets the page of who is
// on call (/oncall) work without a network: its last state is readable, and taking note waits and is sent once.
const SHELL = "itsm-oncall-shell";
const SEEN = "itsm-oncall-seen";
const MOST_SEEN = 60;
const ROOM = /^\/oncall(\/|$)/;
const READABLE = [
  /^\/auth\/me$/,
  /^\/api\/v1\/(pages|schedules|users)$/,
  /^\/api\/v1\/(pages|schedules)\/[^/:]+$/,
  /^\/api\/v1\/schedules:(mine|onCall)$/,
];
const ACKNOWLEDGE = { en: "Acknowledge", de: "Bestätigen", ru: "Принять", ar: "تأكيد" };
const TRANSIENT = new Set([401, 408, 425, 429]);

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  // The page says of which files it is made: a build that is gone leaves nothing behind.
  if (event.data?.kind === "shell") event.waitUntil(keepShell(event.data.files));
});

async function keepShell(files) {
  const shell = await caches.open(SHELL);
  const wanted = new Set(files.map((file) => new URL(file, self.location.origin).href));
  for (const request of await shell.keys()) if (!wanted.has(request.url)) await shell.delete(request);
  await Promise.all([...wanted].map(async (url) => (await shell.match(url)) ?? shell.add(url)));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (ROOM.test(url.pathname)) event.respondWith(opened(request));
    return;
  }
  if (url.pathname.startsWith("/assets/")) event.respondWith(file(event));
  else if (READABLE.some((each) => each.test(url.pathname))) event.respondWith(read(event));
});

async function opened(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) await (await caches.open(SHELL)).put("/oncall", answer.clone());
    return answer;
  } catch (error) {
    const kept = await caches.match("/oncall", { cacheName: SHELL });
    if (kept === undefined) throw error;
    return kept;
  }
}

async function ours(event) {
  const client = await self.clients.get(event.clientId);
  return client !== undefined && ROOM.test(new URL(client.url).pathname);
}

async function file(event) {
  const kept = (await ours(event)) ? await caches.match(event.request, { cacheName: SHELL }) : undefined;
  return kept ?? fetch(event.request);
}

async function read(event) {
  const { request } = event;
  if (!(await ours(event))) return fetch(request);
  let answer;
  try {
    answer = await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { cacheName: SEEN });
    if (kept === undefined) throw error;
    const headers = new Headers(kept.headers);
    headers.delete("date"); // the page sets its clock by it
    return new Response(kept.body, { status: kept.status, headers });
  }
  // What one person has read is not for the next one.
  if (answer.status === 401) await caches.delete(SEEN);
  if (answer.ok) event.waitUntil(remember(request, answer.clone()));
  return answer;
}

async function remember(request, answer) {
  const seen = await caches.open(SEEN);
  await seen.put(request, answer);
  const keys = await seen.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - MOST_SEEN)).map((each) => seen.delete(each)));
}

self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  const shown = { body: said.body, tag: said.tag || said.id, icon: "/icon.svg", data: { url: said.url } };
  if (said.tag?.startsWith("pages/")) {
    const title = ACKNOWLEDGE[self.navigator.language.split("-")[0]] ?? ACKNOWLEDGE.en;
    Object.assign(shown, { actions: [{ action: "acknowledge", title }], requireInteraction: true, renotify: true });
    shown.data.page = said.tag.slice("pages/".length);
  }
  event.waitUntil(self.registration.showNotification(said.title || "ITSM", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, page } = event.notification.data ?? {};
  if (event.action === "acknowledge" && page) {
    event.waitUntil(acknowledge(page, url));
    return;
  }
  event.waitUntil(show(url));
});

function show(url) {
  const wanted = new URL(url ?? "/", self.location.origin);
  // Elsewhere than here there is nothing of ours.
  const place = wanted.origin === self.location.origin ? wanted.href : self.location.origin;
  const opened = self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return opened.then((windows) => windows.find((each) => each.url === place)?.focus() ?? self.clients.openWindow(place));
}

self.addEventListener("sync", (event) => {
  if (event.tag === "acknowledge") event.waitUntil(drain());
});

// The same store as src/oncall/queue.ts: what one of them could not send, the other may.
function store(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("itsm-oncall", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("queue", { keyPath: "id" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const request = act(database.transaction("queue", mode).objectStore("queue"));
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        database.close();
        resolve(request.result);
      };
    };
  });
}

const subject = async (answer) => (answer?.ok ? (await answer.json()).subject : undefined);
// Without a network nobody is known, and nothing is sent in anybody's name.
const present = async () =>
  subject(await fetch("/auth/me", { headers: { accept: "application/json" } }).catch(() => undefined));

async function acknowledge(id, url) {
  const by = (await present()) ?? (await subject(await caches.match("/auth/me", { cacheName: SEEN })));
  // What nobody is known to have done is never sent; the page asks who it is.
  if (by === undefined) return show(url);
  if ((await store("readonly", (queue) => queue.get(id)))?.by !== by) {
    await store("readwrite", (queue) => queue.put({ id, key: crypto.randomUUID(), time: Date.now(), by }));
  }
  await drain();
}

// The page tries again, too.
const again = () => self.registration.sync?.register("acknowledge").catch(() => undefined);

const drain = () =>
  navigator.locks.request("itsm-oncall-queue", async () => {
    const waiting = await store("readonly", (queue) => queue.getAll());
    // What one person took note of is not sent for the next one.
    const by = waiting.length > 0 ? await present() : undefined;
    if (waiting.length > 0 && by === undefined) await again();
    for (const { id, key } of waiting.filter((each) => by !== undefined && each.by === by)) {
      const headers = { "content-type": "application/json", "idempotency-key": key, "x-itsm-csrf": "1" };
      const sent = { method: "POST", headers, body: "{}", credentials: "same-origin" };
      // No answer leaves it waiting.
      const answer = await fetch(`/api/v1/pages/${encodeURIComponent(id)}:acknowledge`, sent).catch(() => undefined);
      if (answer === undefined || answer.status >= 500 || TRANSIENT.has(answer.status)) {
        await again();
        break;
      }
      await store("readwrite", (queue) => queue.delete(id));
    }
    const windows = await self.clients.matchAll({ type: "window" });
    for (const each of windows) each.postMessage({ kind: "queue" });
  });
