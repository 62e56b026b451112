import { useSession } from "@/app/session";
import { useRecord } from "./data";
import { type DeskRecord, nameOf } from "./kind";
import { RecordLink } from "./RecordLink";

/** Another record, under the number that people know it by: `problems/prb_…`. */
export function AnyLink({ target, titled = false }: { target: string; titled?: boolean }) {
  const { can } = useSession();
  const [resources = "", id = ""] = target.split("/");
  const { data } = useRecord<DeskRecord>(resources, can(`${resources}.get`) ? id : "");
  const name = data === undefined ? id : nameOf(data);
  return (
    <RecordLink resources={resources} id={name}>
      {titled && data?.title ? `${name} ${data.title}` : name}
    </RecordLink>
  );
}
