import { useCallback, useEffect, useState } from "react";
import { useSession } from "@/app/session";

const BASE = "itsm-portal";
const STORE = "files";

/** What one file may have, and how many there may be at once; the server has the last word. */
export const LARGEST = 25 * 1024 * 1024;
export const MOST = 10;

/** Under which key a file goes along with what has this `key`: wherever it stands among others, it is there once. */
export async function fileKey(key: string, { name, size, lastModified }: File): Promise<string> {
  // A name may have what no header takes, and be longer than a key.
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${key}-${name}-${size}-${lastModified}`));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(BASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within<T>(mode: IDBTransactionMode, use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const base = await opened();
  try {
    return await new Promise<T>((resolve, reject) => {
      const asked = use(base.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    base.close();
  }
}

/** Files that this person chose and did not send yet; they stay in this browser when the page is loaded again. */
export function useFilesKept(name: string) {
  const { me } = useSession();
  const key = `${me.subject}/${name}`;
  const [files, setFiles] = useState<readonly File[]>([]);
  useEffect(() => {
    let over = false;
    within<File[] | undefined>("readonly", (store) => store.get(key) as IDBRequest<File[] | undefined>)
      .then((found) => {
        if (!over && found) setFiles(found);
      })
      .catch(() => undefined); // a browser that keeps nothing still sends what is chosen now
    return () => {
      over = true;
    };
  }, [key]);
  const set = useCallback(
    (next: readonly File[]) => {
      setFiles(next);
      const kept: Promise<unknown> =
        next.length > 0
          ? within("readwrite", (store) => store.put([...next], key))
          : within("readwrite", (store) => store.delete(key));
      void kept.catch(() => undefined); // as above
    },
    [key],
  );
  return { files, set };
}
