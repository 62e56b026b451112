import { useCallback, useEffect, useState } from "react";

const BASE = "itsm-portal";
const STORE = "files";

/** What one file may have, and how many there may be at once; the server has the last word. */
export const LARGEST = 25 * 1024 * 1024;
export const MOST = 10;

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

/** Files that were chosen and not sent yet; they stay in this browser when the page is loaded again. */
export function useFilesKept(name: string) {
  const [files, setFiles] = useState<readonly File[]>([]);
  useEffect(() => {
    let over = false;
    within<File[] | undefined>("readonly", (store) => store.get(name) as IDBRequest<File[] | undefined>)
      .then((found) => {
        if (!over && found) setFiles(found);
      })
      .catch(() => undefined); // a browser that keeps nothing still sends what is chosen now
    return () => {
      over = true;
    };
  }, [name]);
  const set = useCallback(
    (next: readonly File[]) => {
      setFiles(next);
      const kept: Promise<unknown> =
        next.length > 0
          ? within("readwrite", (store) => store.put([...next], name))
          : within("readwrite", (store) => store.delete(name));
      void kept.catch(() => undefined); // as above
    },
    [name],
  );
  return { files, set };
}
