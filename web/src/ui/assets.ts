import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { useSession } from "@/app/session";

/** A class as people read it: `business_service` is a business service. */
export const className = (name: string) => name.replaceAll("_", " ");

/** The name of an asset by its id; empty until it is known. */
export function useAssetName(id: string): string {
  const { can } = useSession();
  const { data } = useQuery({
    queryKey: ["assets", "one", id],
    enabled: id !== "" && can("assets.get"),
    queryFn: () => body(api.GET("/api/v1/assets/{id}", { params: { path: { id } } })),
  });
  return data?.name ?? "";
}
