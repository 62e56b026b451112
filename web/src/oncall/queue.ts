import { ask } from "@/api/client";
import { asProblem, mayPass } from "@/api/problem";
import { sayProblem } from "./said";

/** Somebody took note of a page where there was no network: it is sent once, under one key, as soon as there is. */
interface Waiting {
  id: string;
  key: string;
  time: number;
  /** Who did: for nobody else it is sent or shown. */
  by: string;
}

const LOCK = "itsm-oncall-queue";
// As in public/sw.js: after these, and where the server failed, another try may work.
const TRANSIENT = new Set([401, 408, 425, 429]);
const hearers = new Set<() => void>();
let known: readonly string[] = [];

// The same store as in public/sw.js: what one of them could not send, the other may.
function store<T>(mode: IDBTransactionMode, act: (queue: IDBObjectStore) => IDBRequest<T>): Promise<T> {
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

async function own(by: string): Promise<Waiting[]> {
  const waiting = (await store("readonly", (queue) => queue.getAll())) as Waiting[];
  return waiting.filter((each) => each.by === by);
}

/** Reads again what of this person waits, and tells everybody who shows it. */
export async function look(by: string) {
  const waiting = await own(by);
  known = waiting.map(({ id }) => id);
  for (const hearer of hearers) hearer();
}

export const waits = () => known;

export function onWaits(hearer: () => void) {
  hearers.add(hearer);
  return () => hearers.delete(hearer);
}

/** Takes note of a page: now, or when there is a network again. */
export async function acknowledge(id: string, by: string) {
  const before = (await store("readonly", (queue) => queue.get(id))) as Waiting | undefined;
  if (before?.by !== by) {
    const entry: Waiting = { id, key: crypto.randomUUID(), time: Date.now(), by };
    await store("readwrite", (queue) => queue.put(entry));
  }
  await drain(by);
}

/** Sends what of this person waits, one after the other; says whether anything was. One page or worker does so at a time. */
export async function drain(by: string): Promise<boolean> {
  if (!navigator.onLine) {
    await look(by);
    return false;
  }
  const sent = await navigator.locks.request(LOCK, async () => {
    let count = 0;
    for (const { id, key } of await own(by)) {
      try {
        await ask("POST", `pages/${encodeURIComponent(id)}:acknowledge`, { body: {}, key });
      } catch (error) {
        if (mayPass(error) || TRANSIENT.has(asProblem(error).status)) break;
        sayProblem(error);
      }
      await store("readwrite", (queue) => queue.delete(id));
      count += 1;
    }
    return count;
  });
  await look(by);
  return sent > 0;
}
