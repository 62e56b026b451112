import { useCallback, useEffect, useState } from "react";

const PREFIX = "itsm-draft/";

function kept<T>(name: string, empty: T): T {
  const text = localStorage.getItem(PREFIX + name);
  if (text === null) return empty;
  try {
    return { ...empty, ...(JSON.parse(text) as T) };
  } catch {
    return empty; // what another version wrote is no reason to fail
  }
}

/** Something half-written, kept in this browser from key to key until it is sent. Other tabs see it too. */
export function useDraft<T extends object>(name: string, empty: T): { value: T; set: (value: T) => void; clear: () => void } {
  const [value, setValue] = useState<T>(() => kept(name, empty));
  // biome-ignore lint/correctness/useExhaustiveDependencies: `empty` says the form of it, which stays
  useEffect(() => {
    setValue(kept(name, empty));
    const onStorage = ({ key }: StorageEvent) => {
      if (key === PREFIX + name) setValue(kept(name, empty));
    };
    addEventListener("storage", onStorage);
    return () => removeEventListener("storage", onStorage);
  }, [name]);
  const set = useCallback(
    (next: T) => {
      localStorage.setItem(PREFIX + name, JSON.stringify(next));
      setValue(next);
    },
    [name],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const clear = useCallback(() => {
    localStorage.removeItem(PREFIX + name);
    setValue(empty);
  }, [name]);
  return { value, set, clear };
}
