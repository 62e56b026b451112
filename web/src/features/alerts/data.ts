import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type Alert, api, body } from "@/api/client";
import { useSession } from "@/app/session";
import { put } from "@/live/apply";

/** Takes a record that the server answered with into everything that shows it. */
export function useTakenAlert() {
  const client = useQueryClient();
  return (alert: Alert) => {
    put(client, "alerts", alert);
    void client.invalidateQueries({ queryKey: ["alerts", "history", alert.id] });
    void client.invalidateQueries({ queryKey: ["counts"] });
  };
}

/** The number of an incident by its id. */
export function useIncidentNumber(id: string): string {
  const { can } = useSession();
  const { data } = useQuery({
    queryKey: ["incidents", "one", id],
    enabled: id !== "" && can("incidents.get"),
    queryFn: () => body(api.GET("/api/v1/incidents/{id}", { params: { path: { id } } })),
  });
  return data?.number ?? "";
}
