import { useCallback, useEffect, useState } from "react";
import { useSession } from "@/app/session";

const PREFIX = "itsm-draft/";

function kept<T>(key: string, empty: T): T | null {
  const text = localStorage.getItem(key);
  if (text === null) return null;
  try {
    return { ...empty, ...(JSON.parse(text) as T) };
  } catch {
    return null; // what another version wrote is no reason to fail
  }
}

/**
 * Something half-written, kept in this browser from key to key until it is sent. Other tabs see it too; another person who
 * signs in here does not. Where nothing is written it is `empty`, as that is now.
 */
export function useDraft<T extends object>(name: string, empty: T): { value: T; set: (value: T) => void; clear: () => void } {
  const { me } = useSession();
  const key = `${PREFIX}${me.subject}/${name}`;
  const [value, setValue] = useState<T | null>(() => kept(key, empty));
  // biome-ignore lint/correctness/useExhaustiveDependencies: `empty` says the form of it, which stays
  useEffect(() => {
    setValue(kept(key, empty));
    const onStorage = (event: StorageEvent) => {
      if (event.key === key) setValue(kept(key, empty));
    };
    addEventListener("storage", onStorage);
    return () => removeEventListener("storage", onStorage);
  }, [key]);
  const set = useCallback(
    (next: T) => {
      localStorage.setItem(key, JSON.stringify(next));
      setValue(next);
    },
    [key],
  );
  const clear = useCallback(() => {
    localStorage.removeItem(key);
    setValue(null);
  }, [key]);
  return { value: value ?? empty, set, clear };
}
