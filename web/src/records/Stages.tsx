import type { Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Ago, Chip, type Tone } from "@/ui/bits";
import { Icon, type IconName } from "@/ui/Icon";
import { Person, usePerson } from "@/ui/people";
import { at } from "@/ui/time";
import { stateText } from "./states";

type Stage = Schemas["ApprovalStage"];
type Vote = Schemas["ApprovalVote"];
type Seat = Schemas["ApprovalSeat"];

const SIGNS: Record<Stage["state"], { tone: Tone; icon: IconName }> = {
  STATE_UNSPECIFIED: { tone: "still", icon: "clock" },
  PENDING: { tone: "still", icon: "clock" },
  OPEN: { tone: "warn", icon: "clock" },
  APPROVED: { tone: "good", icon: "check" },
  REJECTED: { tone: "bad", icon: "close" },
  SKIPPED: { tone: "still", icon: "minus" },
};
const SAID: Record<Vote["choice"], Tone> = { CHOICE_UNSPECIFIED: "still", APPROVE: "good", REJECT: "bad", ABSTAIN: "still" };

/** The stages of an approval, one after the other, with everybody who votes and what he said. */
export function Stages({ approval }: { approval: Schemas["Approval"] }) {
  return (
    <ol className="stages">
      {approval.stages.map((stage, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: stages keep their places
        <Line key={index} stage={stage} number={index + 1} waiting={approval.voterIds} />
      ))}
    </ol>
  );
}

function Line({ stage, number, waiting }: { stage: Stage; number: number; waiting: readonly string[] }) {
  const { rule, seats, votes } = stage;
  const sign = SIGNS[stage.state];
  const quorum = t(`approval.quorum.${rule?.quorum ?? "ANY"}`, { least: rule?.least, percent: rule?.percent });
  return (
    <li>
      <div className="line wrap">
        <strong>{rule?.name || t("approval.stage", { number })}</strong>
        <Chip tone={sign.tone} icon={sign.icon}>
          {stateText(stage.state)}
        </Chip>
      </div>
      <span className="muted">
        {quorum}
        {stage.state === "OPEN" && stage.dueTime && ` · ${t("approval.due", { time: at(stage.dueTime) })}`}
      </span>
      {stage.escalated && <span className="muted">{t("approval.escalated")}</span>}
      <ul className="seats">
        {seats.map((seat) => (
          <SeatLine
            key={seat.id}
            seat={seat}
            vote={votes.find(({ seatId }) => seatId === seat.id)}
            waiting={stage.state === "OPEN" && seat.memberIds.some((id) => waiting.includes(id))}
          />
        ))}
      </ul>
      {stage.reason && <span className="muted">{stage.reason}</span>}
    </li>
  );
}

function SeatLine({ seat, vote, waiting }: { seat: Seat; vote: Vote | undefined; waiting: boolean }) {
  const team = seat.id.startsWith("teams/") ? seat.id.slice("teams/".length) : "";
  const delegate = vote !== undefined && vote.byId !== vote.voterId;
  const by = usePerson(delegate ? vote.byId : "");
  return (
    <li>
      <div className="line wrap">
        {team ? <span>{t("approval.seatTeam", { team })}</span> : <Person id={seat.id} />}
        {seat.veto && <Chip tone="hot">{t("approval.veto")}</Chip>}
        {seat.weight > 1 && <span className="muted">{t("approval.weight", { count: seat.weight })}</span>}
        <span className="end line">
          {vote && (
            <Chip tone={SAID[vote.choice]} title={delegate ? by : undefined}>
              {t(`approval.choice.${vote.choice}`)}
            </Chip>
          )}
          {vote && <Ago time={vote.time} />}
          {!vote && waiting && (
            <span className="muted line">
              <Icon name="clock" /> {t("approval.waitsFor")}
            </span>
          )}
        </span>
      </div>
      {delegate && <span className="muted">{t("approval.inName", { name: by })}</span>}
      {vote?.comment && <p className="note prose">{vote.comment}</p>}
    </li>
  );
}
