import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { type Survey, useSurveys } from "./data";
import { Button, described, Failure, Field } from "./parts";

const SCORES = [1, 2, 3, 4, 5] as const;

/** Asks how it was, where somebody wants to know; once. */
export function Rating({ about }: { about: string }) {
  const survey = useSurveys().data?.find((each) => each.about === about);
  const [answered, setAnswered] = useState(false);
  if (answered) {
    return (
      <div className="notice" data-tone="good" role="status">
        <p>{t("portal.rating.thanks")}</p>
      </div>
    );
  }
  return survey ? <Ask survey={survey} done={() => setAnswered(true)} /> : null;
}

function Ask({ survey, done }: { survey: Survey; done: () => void }) {
  const client = useQueryClient();
  const [score, setScore] = useState(0);
  const [comment, setComment] = useState("");
  const answer = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/surveys/{id}:answer", {
          params: { path: { id: survey.id } },
          body: { score, comment: comment.trim() },
        }),
      ),
    onSuccess: () => {
      done();
      void client.invalidateQueries({ queryKey: ["surveys"] });
    },
  });
  return (
    <form
      className="panel rating form"
      onSubmit={(event) => {
        event.preventDefault();
        if (score > 0) answer.mutate();
      }}
    >
      <fieldset>
        <legend>{survey.question}</legend>
        <div className="scores">
          {SCORES.map((each) => (
            <label key={each}>
              <input type="radio" name="score" checked={score === each} onChange={() => setScore(each)} />
              <span>
                <span className="score" aria-hidden="true">
                  {each}
                </span>
                <span className="small">{t(`portal.rating.${each}`)}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      {score > 0 && (
        <Field id="comment" label={t("portal.rating.comment")} optional>
          <textarea
            {...described("comment", {})}
            rows={2}
            maxLength={4096}
            value={comment}
            onChange={({ currentTarget }) => setComment(currentTarget.value)}
          />
        </Field>
      )}
      {answer.isError && <Failure error={answer.error} />}
      <div>
        <Button type="submit" disabled={score === 0} busy={answer.isPending}>
          {t("portal.rating.send")}
        </Button>
      </div>
    </form>
  );
}
